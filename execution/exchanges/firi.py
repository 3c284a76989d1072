"""Firi (firi.com): our own client. Limit orders only, no client order ids, no execution prices.

Sources: developers.firi.com "Firi Trading API (1.0.0)" and the public clients firipy, miraiex-dca and perl-firi.

Without client order ids an order is recognised by a fingerprint: at most one order in doubt per (keys, market) exists
(a database constraint), the highest order id seen before sending is kept as its baseline, and the amount is made
peculiar. Exactly one new order with that type, price and amount is ours; none after the validity has passed means not
placed; more than one is for a person.
"""

import re
import time
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import aiohttp
import orjson

from execution.domain.book import OrderBook
from execution.domain.market import Market
from execution.domain.orders import OrderStatus, Side
from execution.domain.trade_tape import RecentTrades
from execution.exchanges import public_trades
from execution.exchanges.base import (
    AccountFees,
    Balance,
    KeyPermissions,
    OrderReport,
    OrderRequest,
    Ping,
    SeenOrder,
    Trade,
)
from execution.exchanges.errors import ExchangeError, NotSent, OrderRejected, OutcomeUnknown
from execution.exchanges.firi_auth import FiriAuth
from execution.exchanges.firi_orders import (
    DEFAULT_COUNT,
    LARGEST_COUNT,
    epoch,
    marks,
    reaches_back,
    require_whole_since,
    seen,
)
from execution.exchanges.metering import Meter, Unmetered, leave
from execution.exchanges.outcomes import never_connected
from execution.exchanges.reading import number, reading
from execution.exchanges.transport import MARKETS_TIMEOUT_S, Transport
from policies.domain.numbers import plain
from policies.domain.reasons import ReasonCode

HOST = "https://api.firi.com"
QUOTES = ("NOK", "DKK", "SEK", "EUR")
PRICE_STEP, AMOUNT_STEP = Decimal("0.01"), Decimal("0.00000001")
# Firi publishes no minimums; older clients used 0.0001 BTC and a price of 0.01.
MIN_NOTIONAL = Decimal(10)
TAKER_FEE = Decimal("0.005")
"""0.5 % flat (firi.com, "Transactions and fees"): Firi does not tell the fee of an order, so it is computed."""

_ID = re.compile(r"/\d+")
_KEY_AUTH_WINDOW_S = 60.0
_CREATED_SLACK_S = 2.0
_LISTED_SLACK_S = 1.0

R = ReasonCode
_ERROR_CODES: Mapping[str, ReasonCode] = {
    "InsufficientFunds": R.INSUFFICIENT_FUNDS,
    "SecurityLevelTooLow": R.AUTHENTICATION_FAILED,
    "ApiKeyNotFound": R.AUTHENTICATION_FAILED,
    "Invalid Signature": R.AUTHENTICATION_FAILED,
    "Expired Signature": R.CLOCK_SKEW,
}


class FiriExchange:
    """The `Exchange` for Firi. `auth` None gives a client for public data only."""

    slug = "firi"

    def __init__(
        self, transport: Transport, *, timeout_s: float, auth: FiriAuth | None = None, meter: Meter | None = None
    ) -> None:
        self._transport = transport
        self._timeout_s = timeout_s
        self._auth = auth
        self._meter = meter or Unmetered()
        self._clock_ahead_s = 0.0

    async def place(self, request: OrderRequest) -> OrderReport:
        """See `Exchange.place`. Needs `request.baseline`."""
        if request.price is None:
            raise NotSent(R.NOT_SENT, "Firi takes limit orders only.")
        if request.baseline is None:
            raise NotSent(R.NOT_SENT, "The baseline was not taken, so the order could not be recognised later.")
        body = {
            "market": market_id(request.symbol),
            "type": _SIDES[request.side],
            "price": plain(request.price),
            "amount": plain(request.amount),
        }
        # Firi counts whole seconds, so the validity is counted from there: it ends when ours does.
        validity_ms = int((request.valid_until - int(request.sent_at)) * 1000)
        try:
            # Signed for the committed instant: a process that was frozen in between cannot send late.
            answer = await self._call("POST", "/v2/orders", body=body, at=request.sent_at, validity_ms=validity_ms)
        except _HttpError as e:
            raise e.as_placement() from None
        except (aiohttp.ClientError, TimeoutError, ValueError) as e:
            if never_connected(e):
                raise NotSent(R.EXCHANGE_UNAVAILABLE, "No connection to Firi.") from None
            raise OutcomeUnknown(R.OUTCOME_UNKNOWN, f"No clear answer: {type(e).__name__}.") from None
        if not isinstance(answer, dict) or not str(answer.get("id")).isdecimal():
            raise OutcomeUnknown(R.OUTCOME_UNKNOWN, "The answer holds no order id.")
        return OrderReport(str(answer["id"]), OrderStatus.OPEN)

    async def look_up(self, request: OrderRequest) -> OrderReport | None:
        """See `Exchange.look_up`. By Firi's id if known, else by the fingerprint."""
        if request.exchange_order_id:
            raw = await self._ask("GET", f"/v2/order/{_safe_id(request.exchange_order_id)}")
            with reading():
                if not _fits(raw, request):
                    raise ExchangeError(R.NEEDS_ATTENTION, f"Firi's order {raw['id']} is another one than ours.")
                return _report(raw, request)
        if request.baseline is None:
            return None  # the baseline is committed before sending, so this order was never sent
        self._require_closed_window(request)
        active, closed = await self._orders(market_id(request.symbol), LARGEST_COUNT)
        with reading():
            by_id = {raw["id"]: raw for raw in (*active, *closed) if _is_fingerprint_of(raw, request)}
            found = list(by_id.values())
            if len(found) > 1:
                ids = ", ".join(map(str, by_id))
                raise ExchangeError(R.NEEDS_ATTENTION, f"Several new orders look like this one: {ids}.")
            if not found and not reaches_back(active, closed, LARGEST_COUNT, request.baseline):
                raise ExchangeError(R.NEEDS_ATTENTION, "It may be further back than Firi's lists of orders reach.")
            return _report(found[0], request) if found else None

    async def cancel(self, request: OrderRequest) -> OrderReport | None:
        """See `Exchange.cancel`."""
        order_id = _safe_id(request.exchange_order_id)
        await self._ask("DELETE", f"/v2/orders/{order_id}/{market_id(request.symbol)}/detailed", absent_ok=True)
        return None

    async def baseline(self, request: OrderRequest) -> Mapping[str, Any]:
        """The highest order id Firi shows in this market, open or closed, and the order that closed last."""
        lists = await self._orders(market_id(request.symbol), DEFAULT_COUNT)
        with reading():
            return marks(*lists)

    async def orders_since(self, symbols: Collection[str], since: float) -> Sequence[SeenOrder]:
        """See `Exchange.orders_since`. Firi has no pages: more than it shows at once is an error."""
        first = since - _LISTED_SLACK_S + self._clock_ahead_s
        lists = await self._orders("", LARGEST_COUNT)
        with reading():
            for rows in lists:
                require_whole_since(rows, LARGEST_COUNT, first)
            # An order that closes in between is in both lists; the later one has its end.
            by_id = {raw["id"]: raw for rows in lists for raw in rows}
            orders = [seen(raw, symbol_of(str(raw["market"])) or str(raw["market"])) for raw in by_id.values()]
            return [order for order in orders if order.created_at >= first]

    async def order_book(self, symbol: str, depth: int) -> OrderBook:
        """See `Exchange.order_book`."""
        raw = await self._ask("GET", f"/v2/markets/{market_id(symbol)}/depth", params={"bids": depth, "asks": depth})
        with reading():
            return OrderBook(symbol, _levels(raw["bids"]), _levels(raw["asks"]), time.time())

    async def trades(self, symbol: str) -> RecentTrades:
        """See `Exchange.trades`."""
        rows = await self._ask("GET", f"/v2/markets/{market_id(symbol)}/history", params={"count": LARGEST_COUNT})
        return public_trades.from_firi(rows, LARGEST_COUNT)

    async def markets(self) -> Sequence[Market]:
        """See `Exchange.markets`. Firi tells neither steps nor minimums, so ours are used."""
        rows = await self._ask("GET", "/v2/markets", timeout_s=MARKETS_TIMEOUT_S)
        with reading():
            symbols = [symbol_of(str(raw["id"])) for raw in rows]
        return [Market(symbol, PRICE_STEP, AMOUNT_STEP, min_notional=MIN_NOTIONAL) for symbol in symbols if symbol]

    async def balances(self) -> Mapping[str, Balance]:
        """See `Exchange.balances`."""
        rows = await self._ask("GET", "/v2/balances")
        with reading():
            return {str(row["currency"]): Balance(number(row["available"]), number(row["balance"])) for row in rows}

    async def key_permissions(self) -> KeyPermissions:
        """See `Exchange.key_permissions`. Firi accepts keys or not, and tells no more."""
        await self.balances()
        return KeyPermissions()

    async def account_fees(self) -> AccountFees | None:
        """See `Exchange.account_fees`. Everybody pays the same at Firi, and no call tells it."""
        return None

    async def ping(self) -> Ping:
        """See `Exchange.ping`. Firi's clock (whole seconds) is taken over when it is clearly off."""
        began = time.perf_counter()
        answer = await self._ask("GET", "/time")
        latency_ms = (time.perf_counter() - began) * 1000
        with reading():
            ahead = float(number(answer["time"])) - time.time()
        self._clock_ahead_s = ahead if abs(ahead) > 2 else 0.0
        return Ping(latency_ms)

    def _require_closed_window(self, request: OrderRequest) -> None:
        if self._auth is not None and not self._auth.bounds_validity:
            wait = request.sent_at + _KEY_AUTH_WINDOW_S - time.time()
            if wait > 0:
                raise ExchangeError(
                    R.OUTCOME_UNKNOWN, f"Firi may still accept it: asked again in {wait:.0f} s.", retry_after_s=wait
                )

    async def _orders(self, market: str, count: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Active orders, and then closed ones, of one market or of all."""
        path = f"/v2/orders/{market}" if market else "/v2/orders"
        active = await self._ask("GET", path, params={"count": count})
        closed = await self._ask("GET", f"{path}/history", params={"count": count})
        return active, closed

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        absent_ok: bool = False,
        timeout_s: float = 0.0,
    ) -> Any:
        """timeout_s: where the answer may take longer than others."""
        try:
            return await self._call(method, path, params=params, timeout_s=timeout_s)
        except _HttpError as e:
            if absent_ok and e.status == 404:
                return None
            raise ExchangeError(e.code, e.detail, retry_after_s=e.retry_after_s) from None
        except (aiohttp.ClientError, TimeoutError, ValueError) as e:
            raise ExchangeError(R.EXCHANGE_UNAVAILABLE, f"{type(e).__name__} at {path}.") from None

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, str] | None = None,
        at: float | None = None,
        validity_ms: int = 2000,
        timeout_s: float = 0.0,
    ) -> Any:
        query = {name: str(value) for name, value in (params or {}).items()}
        headers: dict[str, str] = {}
        if self._auth is not None:
            timestamp = int((at if at is not None else time.time()) + self._clock_ahead_s)
            signed = self._auth.sign(body, timestamp_s=timestamp, validity_ms=validity_ms)
            headers |= signed.headers
            query |= signed.params
        await leave(self._meter, f"{method} {_ID.sub('/{id}', path)}")
        send = getattr(self._transport, method.lower())
        url = HOST + path + ("?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else "")
        timeout = aiohttp.ClientTimeout(total=max(self._timeout_s, timeout_s))
        async with send(url, json=body, headers=headers, timeout=timeout) as response:
            raw = await response.read()
            if response.status >= 400:
                error = _HttpError(response.status, raw, response.headers.get("Retry-After"))
                if response.status == 429:
                    self._meter.refused(error.retry_after_s)
                raise error
            return orjson.loads(raw) if raw else None


class _HttpError(Exception):
    """An answer of 400 and above."""

    def __init__(self, status: int, raw: bytes, retry_after: str | None) -> None:
        self.status = status
        self.name, self.detail = _error_words(raw)
        self.retry_after_s = float(retry_after) if retry_after and retry_after.isdecimal() else None
        self.code = _ERROR_CODES.get(self.name) or _code_of_status(status)
        super().__init__(f"{status} {self.detail}")

    def as_placement(self) -> ExchangeError:
        """What this answer proves about an order that was being placed."""
        if self.status == 429:
            return NotSent(R.RATE_LIMITED, self.detail, retry_after_s=self.retry_after_s)
        if self.code == R.CLOCK_SKEW:
            return NotSent(R.CLOCK_SKEW, self.detail)
        # Only Firi's own error JSON proves a refusal: a proxy's page may hide an accepted order.
        if self.name and self.status in {400, 401, 403, 404, 422}:
            code = R.EXCHANGE_REJECTED if self.code == R.EXCHANGE_UNAVAILABLE else self.code
            return OrderRejected(code, self.detail)
        return OutcomeUnknown(R.OUTCOME_UNKNOWN, f"HTTP {self.status} {self.detail}".strip())


_SIDES = {Side.BUY: "bid", Side.SELL: "ask"}


def market_id(symbol: str) -> str:
    """`BTC/NOK` -> `BTCNOK`."""
    return symbol.replace("/", "")


def symbol_of(market: str) -> str | None:
    """`BTCNOK` -> `BTC/NOK`; None for a quote currency we do not know."""
    for quote in QUOTES:
        if market.endswith(quote) and market != quote:
            return f"{market.removesuffix(quote)}/{quote}"
    return None


def _safe_id(order_id: str) -> str:
    # DELETE /v2/orders without an id cancels everything: never build that URL.
    if not (order_id.isascii() and order_id.isdecimal()):
        raise ExchangeError(R.EXCHANGE_REJECTED, "Firi has not told this order's id.")
    return order_id


def _is_fingerprint_of(raw: Mapping[str, Any], request: OrderRequest) -> bool:
    assert request.baseline is not None
    is_new = int(raw["id"]) > int(request.baseline["max_order_id"])
    return is_new and _fits(raw, request) and epoch(raw["created_at"]) >= request.sent_at - _CREATED_SLACK_S


def _fits(raw: Mapping[str, Any], request: OrderRequest) -> bool:
    """Whether it is an order such as ours."""
    return (
        str(raw["type"]).lower() == _SIDES[request.side]
        and number(raw["price"]) == request.price
        and number(raw["amount"]) == request.amount
    )


def _report(raw: Mapping[str, Any], request: OrderRequest) -> OrderReport:
    matched, cancelled = number(raw["matched"]), number(raw["cancelled"])
    remaining = number(raw["remaining"])
    assert request.price is not None
    trades: tuple[Trade, ...] = ()
    if matched > request.filled:
        trades = (_worst_case_trade(str(raw["id"]), request, matched),)
    return OrderReport(
        exchange_order_id=str(raw["id"]),
        status=_status(matched, remaining, cancelled, request.amount),
        filled_amount=matched,
        trades=trades,
    )


def _worst_case_trade(order_id: str, request: OrderRequest, matched: Decimal) -> Trade:
    """What was matched since the last look, at the limit price: Firi does not tell the price of an execution."""
    assert request.price is not None
    amount = matched - request.filled
    fee = amount * request.price * TAKER_FEE
    quote = request.symbol.partition("/")[2]
    trade_id = f"{order_id}:{plain(request.filled)}-{plain(matched)}"
    return Trade(trade_id, amount, request.price, fee, quote, time.time())


def _status(matched: Decimal, remaining: Decimal, cancelled: Decimal, amount: Decimal) -> OrderStatus:
    if matched >= amount:
        return OrderStatus.FILLED
    if cancelled > 0 or remaining == 0:
        return OrderStatus.CANCELLED
    return OrderStatus.PARTIALLY_FILLED if matched else OrderStatus.OPEN


def _levels(rows: Sequence[Sequence[str]]) -> list[tuple[Decimal, Decimal]]:
    levels = [(Decimal(row[0]), Decimal(row[1])) for row in rows]
    return [level for level in levels if level[0].is_finite() and level[1].is_finite() and level[1] > 0]


def _error_words(raw: bytes) -> tuple[str, str]:
    """Firi's error name and message; an HTML page has none."""
    try:
        body = orjson.loads(raw)
    except ValueError:
        return "", "with a page that is not JSON"
    if not isinstance(body, dict):
        return "", "with an unexpected body"
    name = str(body.get("name") or "")
    return name, str(body.get("message") or name)[:300]


def _code_of_status(status: int) -> ReasonCode:
    if status in {401, 403}:
        return R.AUTHENTICATION_FAILED
    return R.RATE_LIMITED if status == 429 else R.EXCHANGE_UNAVAILABLE
