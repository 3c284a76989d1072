"""Clients for tests: the real ccxt ones, and a small signing one for Firi."""

import asyncio
import base64
import hmac
import json
import re
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPMessage
from typing import Any
from urllib.parse import urlencode, urlsplit

import ccxt.async_support as ccxt

BINANCE_SECRET = "binance-secret"
KRAKEN_SECRET = base64.b64encode(b"kraken-secret").decode()


class BlockingClient:
    """An async client whose methods run to their end when called."""

    def __init__(self, client: Any, runner: asyncio.Runner) -> None:
        self.client = client
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.client, name)
        if not asyncio.iscoroutinefunction(value):
            return value
        return self._blocking(value)

    def together(self, *calls: Callable[[Any], Any]) -> list[Any]:
        """Run several calls of the client at once; exceptions are returned."""

        async def gather() -> list[Any]:
            return await asyncio.gather(*(call(self.client) for call in calls), return_exceptions=True)

        return self._runner.run(gather())

    def _blocking(self, method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: self._runner.run(method(*args, **kwargs))


def binance_client(url: str, api_key: str = "binance-key", secret: str = BINANCE_SECRET) -> ccxt.binance:
    """ccxt's Binance, spot only, with exact numbers."""
    options = {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}
    config = {"apiKey": api_key, "secret": secret, "number": str, "enableRateLimit": False, "options": options}
    return pointed(ccxt.binance(config), url)


def kraken_client(url: str, api_key: str = "kraken-key", secret: str = KRAKEN_SECRET) -> ccxt.kraken:
    """ccxt's Kraken with exact numbers."""
    config = {"apiKey": api_key, "secret": secret, "number": str, "enableRateLimit": False}
    return pointed(ccxt.kraken(config), url)


def pointed(client: Any, url: str) -> Any:
    """Replace scheme and host of every URL of a client."""
    for name, old in client.urls["api"].items():
        if isinstance(old, str):
            client.urls["api"][name] = re.sub(r"^https?://[^/]+", url, old)
    return client


class FiriClient:
    """Signs requests the way Firi's clients do, or sends an access key alone."""

    def __init__(
        self, url: str, *, client_id: str = "", secret: str = "", api_key: str = "", prefix: str = "firi"
    ) -> None:
        self._host = urlsplit(url).netloc
        self._client_id = client_id
        self._secret = secret
        self._api_key = api_key
        self._prefix = prefix
        self.validity = "2000"
        self.clock: Callable[[], float] = time.time

    def get(self, path: str, **query: object) -> Any:
        """GET, expecting success."""
        status, answer = self.request("GET", path, query=query)
        assert status == 200, answer
        return answer

    def order(self, side: str, amount: str, price: str, market: str = "BTCNOK") -> Any:
        """Place an order, expecting success; return its id."""
        body = {"market": market, "type": side, "price": price, "amount": amount}
        status, answer = self.request("POST", "/v2/orders", body)
        assert status == 200, answer
        return answer["id"]

    def request(
        self, method: str, path: str, body: object = None, query: dict[str, object] | None = None
    ) -> tuple[int, Any]:
        """Return (status, parsed JSON, or the text of anything else)."""
        parameters, headers = dict(query or {}), {"Content-Type": "application/json"}
        if self._api_key:
            headers[f"{self._prefix}-access-key"] = self._api_key
        if self._client_id:
            signed = {"timestamp": str(int(self.clock())), "validity": self.validity}
            headers[f"{self._prefix}-user-clientid"] = self._client_id
            headers[f"{self._prefix}-user-signature"] = self._sign(signed, body)
            parameters |= signed
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        payload = None if body is None else json.dumps(body)
        status, answer, _ = send(self._host, method, target, payload, headers)
        return status, answer

    def _sign(self, signed: dict[str, str], body: object) -> str:
        message = json.dumps({**signed, **(body if isinstance(body, dict) else {})}, separators=(",", ":"))
        return hmac.new(self._secret.encode(), message.encode(), "sha256").hexdigest()


def send(
    host: str, method: str, target: str, body: str | None = None, headers: dict[str, str] | None = None
) -> tuple[int, Any, HTTPMessage]:
    """Send one plain request; return (status, parsed JSON or text, headers)."""
    connection = HTTPConnection(host.removeprefix("http://"), timeout=5)
    try:
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(text) if is_json and text else text, answer.headers
    finally:
        connection.close()
