"""One adapter for every exchange that ccxt speaks; what differs is in the quirk table."""

import asyncio
import contextvars
import math
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import structlog

from execution.domain.book import OrderBook
from execution.domain.market import Market
from execution.domain.orders import OrderStatus, OrderType, TimeInForce
from execution.domain.trade_tape import RecentTrades
from execution.exchanges import ccxt_parse, public_trades
from execution.exchanges.base import AccountFees, Balance, KeyPermissions, OrderReport, OrderRequest, Ping, SeenOrder
from execution.exchanges.ccxt_client import nonces_from, share_markets, signing, unhurried
from execution.exchanges.errors import ExchangeError, NotSent, OrderRejected, OutcomeUnknown
from execution.exchanges.listing import Listing
from execution.exchanges.metering import Meter, Unmetered
from execution.exchanges.outcomes import OrderNotThere, asking, placing, refused
from execution.exchanges.quirks.base import Quirks, RawOrder
from execution.exchanges.reading import reading
from policies.domain.reasons import ReasonCode

T = TypeVar("T")
logger = structlog.get_logger(__name__)

NONCE_ATTEMPTS = 3
Finder = Callable[[Any, OrderRequest], Awaitable[Sequence[RawOrder]]]

SINCE_SLACK_S = 1.0
"""A listing begins this much earlier: exchanges cut times, and clocks differ."""

LONGEST_PAUSE_S = 60.0
"""The longest a listing waits for its next page; a longer refusal is a ban."""

MOST_PAUSES = 100


class CcxtExchange:
    """An `Exchange` over one ccxt client. With `public` given it shares that adapter's markets and clock."""

    def __init__(
        self, quirks: Quirks, client: Any, public: "CcxtExchange | None" = None, *, meter: Meter | None = None
    ) -> None:
        self.slug = quirks.slug
        self._quirks = quirks
        self._client = client
        self._public = public
        self._loading: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock() if quirks.serial else None
        self._meter = meter or Unmetered()

    async def place(self, request: OrderRequest) -> OrderReport:
        """See `Exchange.place`."""
        await self._before_sending(request)
        try:
            order = await self._create_once_accepted(request)
        except OrderRejected as e:
            raise self._unless_too_late(e, request) from None
        if order.get("id") is None and order.get("status") == "rejected":
            raise refused(order, self._quirks.rules)
        if order.get("id") is None:
            # HTTP 200 with an HTML or empty body: ccxt raises nothing and returns an order without id.
            raise OutcomeUnknown(ReasonCode.OUTCOME_UNKNOWN, "The exchange's answer has no order id.")
        acknowledged = OrderReport(str(order["id"]), OrderStatus.OPEN)
        if self._quirks.acknowledges_only:
            return acknowledged
        try:
            return await self._report(order, request)
        except ExchangeError:
            return acknowledged  # it is placed; its fills are fetched by the next look-up

    async def look_up(self, request: OrderRequest) -> OrderReport | None:
        """See `Exchange.look_up`. Asks by the exchange's id if known, and checks the echo; "not there" is only said of
        our own id.
        """
        await self._ready()
        if request.exchange_order_id:
            report = await self._look_up(self._quirks.find_by_exchange_id, request)
            if report is not None:
                return report
        return await self._look_up(self._quirks.find_by_client_id, replace(request, exchange_order_id=""))

    async def _look_up(self, find: Finder, request: OrderRequest) -> OrderReport | None:
        try:
            with asking(self._quirks.rules):
                orders = await self._private(find, self._client, request)
        except OrderNotThere:
            return None
        ours = [order for order in orders if ccxt_parse.is_ours(order, request)]
        return await self._report(ours[0], request) if ours else None

    async def cancel(self, request: OrderRequest) -> OrderReport | None:
        """See `Exchange.cancel`. An order that is already gone is no error."""
        await self._ready()
        params = {} if request.exchange_order_id else {self._quirks.client_id_param: request.client_order_id}
        try:
            with asking(self._quirks.rules):
                await self._private(
                    self._client.cancel_order, request.exchange_order_id or None, request.symbol, params
                )
        except OrderNotThere:
            pass
        return None

    async def baseline(self, request: OrderRequest) -> Mapping[str, Any] | None:
        """None: our client order id identifies the order."""
        return None

    async def orders_since(self, symbols: Collection[str], since: float) -> Sequence[SeenOrder]:
        """See `Exchange.orders_since`."""
        if since < time.time() - self._quirks.lists_back_s:
            days = self._quirks.lists_back_s / 86_400
            raise ExchangeError(ReasonCode.NEEDS_ATTENTION, f"{self.slug} lists the orders of {days:.0f} days only.")
        if self._quirks.lists_by_symbol and not symbols:
            return []
        await self._ready()
        ahead_s = self._clock_ahead_ms() / 1000
        first = since - SINCE_SLACK_S - ahead_s
        now = time.time() - ahead_s
        with asking(self._quirks.rules):
            orders = await self._quirks.list_orders(
                Listing(self._client, self._ask_patiently, symbols, int(first * 1000), int(now * 1000))
            )
        by_id = {order.exchange_order_id: order for order in orders if order.created_at >= first}
        return list(by_id.values())

    async def order_book(self, symbol: str, depth: int) -> OrderBook:
        """See `Exchange.order_book`."""
        await self._ready()
        with asking(self._quirks.rules):
            book = await self._client.fetch_order_book(symbol, depth)
        return ccxt_parse.order_book(book, symbol, received_at=time.time())

    async def trades(self, symbol: str) -> RecentTrades:
        """See `Exchange.trades`."""
        await self._ready()
        asked = self._quirks.public_trades
        start = time.time() - asked.back_s if asked.back_s else None
        with asking(self._quirks.rules):
            raws = await self._client.fetch_trades(
                symbol, None if start is None else int(start * 1000), asked.limit, dict(asked.params)
            )
        return public_trades.from_ccxt(raws, asked.limit, start or 0.0)

    async def share_markets_with(self, client: Any) -> None:
        """Let another client of the same exchange know the markets. Raises ExchangeError."""
        await self._ready()
        share_markets(self._client, client)

    async def markets(self) -> Sequence[Market]:
        """See `Exchange.markets`. Always asks the exchange."""
        with asking(self._quirks.rules), unhurried():
            markets = await self._client.load_markets(True, dict(self._quirks.markets_params))
        return [market for raw in markets.values() if (market := ccxt_parse.market(raw)) is not None]

    async def balances(self) -> Mapping[str, Balance]:
        """See `Exchange.balances`."""
        await self._ready()
        with asking(self._quirks.rules):
            return ccxt_parse.balances(await self._private(self._client.fetch_balance))

    async def key_permissions(self) -> KeyPermissions:
        """See `Exchange.key_permissions`."""
        await self._ready()
        with asking(self._quirks.rules):
            return await self._private(self._quirks.key_permissions, self._client)

    async def account_fees(self) -> AccountFees | None:
        """See `Exchange.account_fees`."""
        await self._ready()
        with asking(self._quirks.rules):
            return await self._private(self._quirks.account_fees, self._client)

    async def ping(self) -> Ping:
        """See `Exchange.ping`. The exchange's clock is taken over on the way."""
        began = time.perf_counter()
        with asking(self._quirks.rules):
            server_ms = await self._client.fetch_time()
        latency_ms = (time.perf_counter() - began) * 1000
        if server_ms is None:
            raise ExchangeError(ReasonCode.EXCHANGE_UNAVAILABLE, "The answer holds no time.")
        self._client.options["timeDifference"] = int(time.time() * 1000 - latency_ms / 2 - int(server_ms))
        return Ping(latency_ms)

    async def _create_once_accepted(self, request: OrderRequest) -> RawOrder:
        """Send the order; again only after a refused time or nonce, which proves that nothing was placed."""
        for _ in range(NONCE_ATTEMPTS - 1 if self._quirks.serial else 1):
            try:
                with placing(self._quirks.rules):
                    return await self._private(self._create, request)
            except NotSent as e:
                if e.code != ReasonCode.CLOCK_SKEW:
                    raise
                await self._set_clock()
        with placing(self._quirks.rules):
            return await self._private(self._create, request)

    async def _set_clock(self) -> None:
        """Ask the exchange for its time; without an answer the old difference stays."""
        if self._quirks.serial:
            return  # its nonces only have to grow
        try:
            await (self._public or self).ping()
        except ExchangeError as e:
            logger.info("clock_not_set", exchange=self.slug, error=str(e))

    async def _create(self, request: OrderRequest) -> RawOrder:
        time_difference_ms = int(self._client.options.get("timeDifference") or 0)
        params = {
            self._quirks.client_id_param: request.client_order_id,
            **self._quirks.validity(request, time_difference_ms),
            **self._quirks.order_params(request),
        }
        price = None
        if request.order_type == OrderType.LIMIT:
            # Never a price with a market order: some exchanges would turn the amount into a cost.
            price = str(request.price)
            params |= _time_in_force_params(request.time_in_force)
        with signing(
            at_s=self._signed_at(request, time_difference_ms),
            headers=self._quirks.headers(request, time_difference_ms),
            options=self._quirks.signing_options(request),
        ):
            order: RawOrder = await self._client.create_order(
                request.symbol, request.order_type.value, request.side.value, str(request.amount), price, params
            )
        return order

    def _signed_at(self, request: OrderRequest, time_difference_ms: int) -> float | None:
        """The instant a placement is signed for; None: now."""
        if self._quirks.signature_lives_s is not None:
            return math.ceil(request.valid_until - time_difference_ms / 1000) - self._quirks.signature_lives_s
        return request.sent_at if self._quirks.signs_at_commit else None

    async def _ask_patiently(self, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """A listing is in no hurry: where our own count of requests says later, it waits."""
        for _ in range(MOST_PAUSES):
            try:
                with asking(self._quirks.rules):
                    return await self._private(call, *args)
            except NotSent as e:
                pause = e.retry_after_s or 1.0
                if e.code != ReasonCode.RATE_LIMITED or pause > LONGEST_PAUSE_S:
                    raise
                await asyncio.sleep(pause)
        raise ExchangeError(ReasonCode.RATE_LIMITED, f"The request limit of {self.slug} leaves no room for a listing.")

    def _clock_ahead_ms(self) -> int:
        """How far our clock is ahead of the exchange's. Health checks keep the public client's right."""
        return int((self._public or self)._client.options.get("timeDifference") or 0)

    async def _private(self, call: Callable[..., Awaitable[T]], *args: Any) -> T:
        if self._public is not None:
            self._client.options["timeDifference"] = self._clock_ahead_ms()
        if self._turn is None:
            return await call(*args)
        async with self._turn, self._meter.turn() as first_nonce:
            with nonces_from(first_nonce):
                return await call(*args)

    def _unless_too_late(self, error: OrderRejected, request: OrderRequest) -> ExchangeError:
        """A signature that has ended is refused in the same words as a wrong one."""
        ended = self._quirks.signature_lives_s is not None and time.time() >= request.valid_until
        if ended and error.code == ReasonCode.AUTHENTICATION_FAILED:
            return NotSent(ReasonCode.NOT_SENT, f"It arrived after its signature had ended: {error.detail}")
        return error

    async def _before_sending(self, request: OrderRequest) -> None:
        if request.order_type == OrderType.MARKET and not self._quirks.market_orders:
            raise NotSent(ReasonCode.NOT_SENT, f"{self.slug} takes no market orders from us.")
        if request.order_type == OrderType.LIMIT and request.time_in_force not in self._quirks.times_in_force:
            # It might ignore what it does not know, and place another kind of order.
            raise NotSent(ReasonCode.NOT_SENT, f"{self.slug} has no {request.time_in_force.value} orders.")
        try:
            await self._ready()
        except ExchangeError as e:
            raise NotSent(ReasonCode.MARKETS_NOT_LOADED, f"Its markets could not be loaded: {e.detail}") from None
        if request.symbol not in self._client.markets:
            raise NotSent(ReasonCode.PAIR_NOT_LISTED, f"{self.slug} no longer lists {request.symbol}.")

    async def _ready(self) -> None:
        """Markets and clock, loaded once by the public client and shared by all others.

        Raises ExchangeError. An order waits for them no longer than for any answer, and they go on loading for the
        next one.
        """
        if self._client.markets:
            return
        if self._public is not None:
            await self._public._ready()
            share_markets(self._public._client, self._client)
            return
        if self._loading is None:
            # In nobody's context: it is for all, so the last checks of the order that came first do not end it.
            self._loading = asyncio.create_task(self._load(), context=contextvars.Context())
            self._loading.add_done_callback(self._loaded)
        try:
            async with asyncio.timeout(self._client.timeout / 1000):
                await asyncio.shield(self._loading)
        except TimeoutError:
            raise ExchangeError(ReasonCode.EXCHANGE_UNAVAILABLE, "Its list of pairs is still being read.") from None

    async def _load(self) -> None:
        with asking(self._quirks.rules), unhurried():
            await self._client.load_markets(False, dict(self._quirks.markets_params))
            await self._client.load_time_difference()

    def _loaded(self, task: "asyncio.Task[None]") -> None:
        self._loading = None
        if not task.cancelled():
            task.exception()  # whoever still waits gets it; nobody may

    async def _report(self, order: RawOrder, request: OrderRequest) -> OrderReport:
        with reading():
            trades: Sequence[RawOrder] = order.get("trades") or []
            filled = ccxt_parse.decimal(order.get("filled"))
            incomplete = filled and ccxt_parse.total(trades) != filled
        if incomplete:
            with asking(self._quirks.rules):
                trades = await self._private(self._quirks.fetch_trades, self._client, order)
        return ccxt_parse.report(order, trades, request.amount)


def _time_in_force_params(time_in_force: TimeInForce) -> dict[str, Any]:
    if time_in_force == TimeInForce.PO:
        return {"postOnly": True}
    if time_in_force == TimeInForce.GTC:
        return {}
    return {"timeInForce": time_in_force.value}
