"""Records what the adapters really send and what they are answered, and plays it back.

`python -m tests.exchanges.recording [slug...]` runs every call of `CALLS` against the simulator with the pinned ccxt
and writes tests/recordings/<exchange>.json, of the named exchanges or of all. `test_recordings.py` then needs no
server: the requests must stay the same (apart from times, nonces and signatures) and the recorded answers must parse to
the recorded reports.
"""

import asyncio
import base64
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from execution.domain.orders import OrderType, Side, TimeInForce
from execution.exchanges.base import Exchange, OrderReport, OrderRequest
from execution.exchanges.errors import ExchangeError
from execution.exchanges.registry import AdapterPool
from execution.exchanges.transport import Transport
from execution.simulator.process import running_simulator
from tests.exchanges.cases import LIVE, PUBLIC_SECRETS, Case

FOLDER = Path(__file__).resolve().parent.parent / "recordings"
HEADERS = (
    "X-MBX-APIKEY", "X-BAPI-API-KEY", "X-BAPI-RECV-WINDOW", "API-Key", "firi-user-clientid", "Content-Type",
    "CB-VERSION",
    "KC-API-KEY", "KC-API-KEY-VERSION", "KC-API-PASSPHRASE",
    "OK-ACCESS-KEY", "OK-ACCESS-PASSPHRASE", "expTime",
    "APCA-API-KEY-ID", "APCA-API-SECRET-KEY",
)  # fmt: skip
VOLATILE = ("timestamp", "signature", "nonce", "deadline", "start_date", "end_date", "expTime")
CLIENT_ORDER_ID = "0f" * 16

Call = Callable[[Exchange, OrderRequest], Awaitable[Any]]


def _order(**changes: Any) -> Call:
    async def place(adapter: Exchange, request: OrderRequest) -> Any:
        changed = replace(request, **changes)
        return await adapter.place(replace(changed, baseline=await adapter.baseline(changed)))

    return place


async def _place_and_look_up_by_our_id(adapter: Exchange, request: OrderRequest) -> Any:
    request = replace(request, price=Decimal(49000), baseline=await adapter.baseline(request))
    await adapter.place(request)
    return await adapter.look_up(request)


async def _place_and_look_up_by_their_id(adapter: Exchange, request: OrderRequest) -> Any:
    request = replace(request, baseline=await adapter.baseline(request))
    report = await adapter.place(request)
    return await adapter.look_up(replace(request, exchange_order_id=report.exchange_order_id))


async def _place_and_cancel(adapter: Exchange, request: OrderRequest) -> Any:
    request = replace(request, price=Decimal(49000), baseline=await adapter.baseline(request))
    report = await adapter.place(request)
    return await adapter.cancel(replace(request, exchange_order_id=report.exchange_order_id))


CALLS: dict[str, Call] = {
    "limit_buy": _order(),
    "limit_sell": _order(side=Side.SELL, price=Decimal(49990)),
    "limit_ioc": _order(time_in_force=TimeInForce.IOC),
    "limit_fok": _order(time_in_force=TimeInForce.FOK),
    "limit_post_only": _order(time_in_force=TimeInForce.PO, price=Decimal(49000)),
    "market_buy": _order(order_type=OrderType.MARKET, price=None),
    "market_sell": _order(order_type=OrderType.MARKET, price=None, side=Side.SELL),
    "too_expensive": _order(amount=Decimal(10), price=Decimal(120000)),
    "look_up_by_our_id": _place_and_look_up_by_our_id,
    "look_up_by_their_id": _place_and_look_up_by_their_id,
    "look_up_nothing": lambda adapter, request: adapter.look_up(replace(request, baseline={"max_order_id": 0})),
    "cancel": _place_and_cancel,
    "balances": lambda adapter, _: adapter.balances(),
    "order_book": lambda adapter, request: adapter.order_book(request.symbol, 20),
    "markets": lambda adapter, _: adapter.markets(),
    "ping": lambda adapter, _: adapter.ping(),
}


def request_for(case: Case, at: float) -> OrderRequest:
    """The order that every call starts from."""
    return OrderRequest(
        client_order_id=CLIENT_ORDER_ID,
        symbol=case.symbol,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        amount=Decimal("0.5"),
        price=Decimal(50010),
        time_in_force=TimeInForce.GTC,
        sent_at=at,
        valid_until=at + 5,
    )


async def outcome(call: Call, adapter: Exchange, request: OrderRequest) -> Any:
    """What a call came to, as JSON: a report, an error, or other data without times."""
    try:
        answer = await call(adapter, request)
    except ExchangeError as e:
        return {"error": type(e).__name__, "code": e.code.value}
    if isinstance(answer, OrderReport):
        answer = asdict(answer)
    elif isinstance(answer, list):
        answer = [asdict(item) for item in answer]
    elif isinstance(answer, dict):
        answer = {name: asdict(item) for name, item in answer.items()}
    elif answer is not None:
        answer = asdict(answer)
    return json.loads(json.dumps(_without_times(answer), default=str))


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_times(v) for k, v in value.items() if k not in {"at", "received_at", "latency_ms"}}
    return [_without_times(item) for item in value] if isinstance(value, (list, tuple)) else value


def sent(method: str, url: str, headers: dict[str, str], body: Any) -> dict[str, Any]:
    """A request without what differs each time."""
    parts = urlsplit(url)
    if isinstance(body, bytes):
        text = body.decode()
        body = json.loads(text) if text.startswith("{") else dict(parse_qsl(text, keep_blank_values=True))
    return {
        "method": method,
        "host": parts.netloc,
        "path": parts.path,
        "query": _without_volatile(dict(parse_qsl(parts.query, keep_blank_values=True))),
        "headers": _without_volatile({name: value for name, value in headers.items() if name in HEADERS}),
        "body": _without_volatile(body or {}),
    }


def _without_volatile(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: f"<{name}>" if name in VOLATILE else value for name, value in fields.items()}


class RecordingTransport(Transport):
    """Passes everything on and keeps it."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url)
        self.exchanges: list[dict[str, Any]] = []

    def post(self, url: Any, **kwargs: Any) -> Any:
        return _Recorded(self, "POST", url, kwargs, super().post(url, **kwargs))

    def get(self, url: Any, **kwargs: Any) -> Any:
        return _Recorded(self, "GET", url, kwargs, super().get(url, **kwargs))

    def delete(self, url: Any, **kwargs: Any) -> Any:
        return _Recorded(self, "DELETE", url, kwargs, super().delete(url, **kwargs))


class _Recorded:
    def __init__(self, owner: RecordingTransport, method: str, url: Any, kwargs: Any, inner: Any) -> None:
        self._owner, self._method, self._url, self._kwargs, self._inner = owner, method, url, kwargs, inner

    async def __aenter__(self) -> Any:
        response = await self._inner.__aenter__()
        body = await response.read()
        self._owner.exchanges.append(
            {
                "request": _sent(self._method, self._url, self._kwargs),
                "answer": {
                    "status": response.status,
                    "content_type": response.headers.get("Content-Type", ""),
                    "body": base64.b64encode(body).decode() if b"\0" in body else body.decode(),
                },
            }
        )
        return response

    async def __aexit__(self, *error: object) -> None:
        await self._inner.__aexit__(*error)


def _sent(method: str, url: Any, kwargs: Any) -> dict[str, Any]:
    headers = {str(name): str(value) for name, value in (kwargs.get("headers") or {}).items()}
    return sent(method, str(url), headers, kwargs.get("json") or kwargs.get("data"))


class ReplayingTransport(Transport):
    """Answers as recorded, in order, and keeps what was asked."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        self._answers = iter(answers)
        self.requests: list[dict[str, Any]] = []

    @property
    def headers(self) -> dict[str, str]:
        return {}

    def post(self, url: Any, **kwargs: Any) -> Any:
        return self._reply("POST", url, kwargs)

    def get(self, url: Any, **kwargs: Any) -> Any:
        return self._reply("GET", url, kwargs)

    def delete(self, url: Any, **kwargs: Any) -> Any:
        return self._reply("DELETE", url, kwargs)

    async def close(self) -> None:
        """Nothing is open."""

    def _reply(self, method: str, url: Any, kwargs: Any) -> "_Replayed":
        self.requests.append(_sent(method, url, kwargs))
        return _Replayed(next(self._answers))


class _Replayed:
    def __init__(self, answer: dict[str, Any]) -> None:
        self.status = answer["status"]
        self.reason = "as recorded"
        self.headers = {"Content-Type": answer["content_type"]}
        self._body = answer["body"]

    async def __aenter__(self) -> "_Replayed":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def text(self, **_: Any) -> str:
        return str(self._body)

    async def read(self) -> bytes:
        return str(self._body).encode()


def pool_with(transport: Transport, case: Case) -> AdapterPool:
    """A pool that uses this transport."""
    pool = AdapterPool(base_urls={}, timeout_s=5, public_secrets=PUBLIC_SECRETS)
    pool._transports[case.slug] = transport
    return pool


async def record(case: Case, base_url: str, prepare: Callable[[], None]) -> dict[str, Any]:
    """Every call against a fresh simulated exchange."""
    recorded: dict[str, Any] = {}
    for name, call in CALLS.items():
        prepare()
        transport = RecordingTransport(base_url)
        adapter = pool_with(transport, case).private(case.slug, case.secrets)
        at = time.time()
        result = await outcome(call, adapter, request_for(case, at))
        recorded[name] = {"at": at, "exchanges": transport.exchanges, "outcome": result}
        await transport.close()
    return recorded


def main() -> None:
    """Write the recordings anew: of the exchanges named on the command line, or of all."""
    FOLDER.mkdir(exist_ok=True)
    with running_simulator(seed=3, tick_ms=0) as simulator:
        for case in [case for case in LIVE if case.slug in (sys.argv[1:] or [case.slug])]:

            def prepare(case: Case = case) -> None:
                simulator.control.reset(3)
                case.open_account(simulator.control)

            recorded = asyncio.run(record(case, simulator.base_urls[case.slug], prepare))
            path = FOLDER / f"{case.slug}.json"
            path.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")
            print(f"{path.name}: {len(recorded)} calls, {sum(len(r['exchanges']) for r in recorded.values())} requests")


if __name__ == "__main__":
    main()
