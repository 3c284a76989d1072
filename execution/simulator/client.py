"""A small blocking client of the control endpoint, for tests, the demo and benchmarks. Standard library only."""

import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

_TIMEOUT_S = 10


class SimulatorError(Exception):
    """The control endpoint refused a request."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail


class SimulatorControl:
    """Controls one running simulator. All amounts and prices are decimal strings. Raises `SimulatorError`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def health(self) -> dict[str, Any]:
        """Return status, seed and the base URL of every exchange."""
        return self._call("GET", "/control/health")

    def upsert_account(
        self,
        exchange: str,
        api_key: str,
        secret: str,
        balances: dict[str, str],
        client_id: str = "",
        passphrase: str = "",
        **permissions: bool,
    ) -> dict[str, Any]:
        """Create an account, or set the given balances of an existing one. `client_id` is Firi's user id.

        permissions: may_withdraw, ip_restricted.
        """
        fields = {"exchange": exchange, "api_key": api_key, "secret": secret, "balances": balances}
        return self._call(
            "POST", "/control/accounts", {**fields, "client_id": client_id, "passphrase": passphrase, **permissions}
        )

    def accounts(self, exchange: str | None = None) -> list[dict[str, Any]]:
        """Return accounts with `balances` {asset: {total, held, available}}."""
        rows: list[dict[str, Any]] = self._call("GET", "/control/accounts", query={"exchange": exchange})["accounts"]
        return rows

    def exchanges(self) -> dict[str, Any]:
        """Return every exchange's settings and time step."""
        settings: dict[str, Any] = self._call("GET", "/control/exchanges")["exchanges"]
        return settings

    def configure(self, exchange: str, **settings: object) -> dict[str, Any]:
        """Change settings: down, maintenance, frozen, latency_ms, jitter_ms, fault_rate, fault_weights, ..."""
        return self._call("POST", f"/control/exchanges/{exchange}", settings)

    def queue_fault(
        self, exchange: str, kind: str, *, operation: str = "create_order", count: int = 1, after: int = 0
    ) -> dict[str, Any]:
        """Let the next `count` requests of an operation fail in one way, once `after` others have passed."""
        fields = {"exchange": exchange, "operation": operation, "kind": kind, "count": count, "after": after}
        return self._call("POST", "/control/faults", fields)

    def break_streams(self, exchange: str, kind: str) -> None:
        """Cut its websockets (`disconnect`), or let the next update go wrong: `gap crossed nonsense nan`."""
        self._call("POST", "/control/streams", {"exchange": exchange, "kind": kind})

    def age(self, exchange: str, seconds: int) -> int:
        """Let everything placed so far look older. Returns how many orders that are."""
        aged: int = self._call("POST", "/control/age", {"exchange": exchange, "seconds": seconds})["orders"]
        return aged

    def step(self, steps: int = 1, exchange: str | None = None) -> dict[str, int]:
        """Move the books in time; return every exchange's step."""
        fields = {"steps": steps} if exchange is None else {"steps": steps, "exchange": exchange}
        reached: dict[str, int] = self._call("POST", "/control/step", fields)["steps"]
        return reached

    def move_mid(self, exchange: str, symbol: str, mid: str) -> dict[str, Any]:
        """Centre a market on a price; it goes on moving from there. Returns the book."""
        return self._call("POST", "/control/book", {"exchange": exchange, "symbol": symbol, "mid": mid})

    def set_book(
        self,
        exchange: str,
        symbol: str,
        *,
        bids: list[tuple[str, str]] | None = None,
        asks: list[tuple[str, str]] | None = None,
    ) -> dict[str, Any]:
        """Pin a market to exactly these (price, amount) levels. Returns the book."""
        fields = {"exchange": exchange, "symbol": symbol, "bids": bids or [], "asks": asks or []}
        return self._call("POST", "/control/book", fields)

    def book(self, exchange: str, symbol: str) -> dict[str, Any]:
        """Return a market's `bids` and `asks`."""
        return self._call("POST", "/control/book", {"exchange": exchange, "symbol": symbol})

    def ledger(self, exchange: str | None = None, since: int | None = None) -> list[dict[str, Any]]:
        """Return the orders really placed, with their trades, in order of placement."""
        orders: list[dict[str, Any]] = self.ledger_page(exchange, since)["orders"]
        return orders

    def ledger_page(self, exchange: str | None = None, since: int | None = None) -> dict[str, Any]:
        """Return `orders` and `until`, which is the `since` of the next page."""
        return self._call("GET", "/control/ledger", query={"exchange": exchange, "since": since})

    def stats(self) -> dict[str, Any]:
        """Return {exchange: {requests: {operation: n}, faults: {kind: n}, orders: n}}."""
        counters: dict[str, Any] = self._call("GET", "/control/stats")["exchanges"]
        return counters

    def reset(self, seed: int | None = None) -> None:
        """Forget accounts, orders, faults and settings; start again from the same or another seed."""
        self._call("POST", "/control/reset", {} if seed is None else {"seed": seed})

    def _call(
        self,
        method: str,
        path: str,
        fields: dict[str, Any] | None = None,
        query: dict[str, object] | None = None,
    ) -> dict[str, Any]:
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"{path}?{urlencode(asked)}" if asked else path
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=_TIMEOUT_S)
        try:
            connection.request(method, target, body=None if fields is None else json.dumps(fields))
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= 500:
            raise SimulatorError(answer.status, "INTERNAL_ERROR", text)
        body: dict[str, Any] = json.loads(text)
        if answer.status >= 400:
            raise SimulatorError(answer.status, body["code"], body["detail"])
        return body
