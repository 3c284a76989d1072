"""Paper trading: orders are filled against the exchange's live book, nothing is sent.

The same life cycle as a real order. Nothing is remembered here: an immediate order's outcome is its report, a resting
order continues from what the request says is filled. A crash before the report was stored therefore means the order
was never placed, which `look_up` says.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from execution.domain.book import Level, OrderBook, take
from execution.domain.market import Market
from execution.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from execution.domain.trade_tape import RecentTrades
from execution.exchanges.base import (
    AccountFees,
    Balance,
    Exchange,
    KeyPermissions,
    OrderReport,
    OrderRequest,
    Ping,
    SeenOrder,
    Trade,
)
from execution.exchanges.errors import ExchangeError, NotSent, OrderRejected
from policies.domain.numbers import plain, rounded
from policies.domain.reasons import ReasonCode

_DEPTH = 100
_BPS = Decimal(10_000)
_FEE_PLACES = 8


class PaperExchange:
    """An `Exchange` that fills orders on paper. Fees in basis points, charged in the quote asset."""

    def __init__(self, live: Exchange, *, taker_fee_bps: Decimal, maker_fee_bps: Decimal) -> None:
        self.slug = live.slug
        self._live = live
        self._taker_fee = taker_fee_bps / _BPS
        self._maker_fee = maker_fee_bps / _BPS

    async def place(self, request: OrderRequest) -> OrderReport:
        """See `Exchange.place`."""
        try:
            book = await self._live.order_book(request.symbol, _DEPTH)
        except ExchangeError as e:
            raise NotSent(ReasonCode.EXCHANGE_UNAVAILABLE, f"No live book to fill against: {e.detail}") from None
        if not book.is_usable():
            raise NotSent(ReasonCode.PRICE_UNKNOWN, "The live book is empty or crossed.")
        return self._filled_now(request, book)

    async def look_up(self, request: OrderRequest) -> OrderReport | None:
        """See `Exchange.look_up`. A known order rests and fills when the live book reaches its price."""
        if not request.exchange_order_id:
            return None
        book = await self._live.order_book(request.symbol, _DEPTH)
        resting = OrderReport(request.exchange_order_id, _resting_status(request.filled), request.filled)
        if not book.is_usable() or request.price is None or not _reached(book, request.side, request.price):
            return resting
        taken = take(book, request.side, request.amount - request.filled, request.price)
        # A resting order is filled at its own price, whatever the book offers now.
        amount = sum((part for _, part in taken), Decimal(0))
        return self._report(request, [(request.price, amount)] if amount else [], book.received_at, maker=True)

    async def cancel(self, request: OrderRequest) -> OrderReport | None:
        """Nothing rests anywhere, so it is cancelled at once."""
        return OrderReport(request.exchange_order_id, OrderStatus.CANCELLED, request.filled)

    async def baseline(self, request: OrderRequest) -> Mapping[str, Any] | None:
        """None."""
        return None

    async def orders_since(self, symbols: Collection[str], since: float) -> Sequence[SeenOrder]:
        """None: paper orders leave nothing anywhere."""
        return []

    async def order_book(self, symbol: str, depth: int) -> OrderBook:
        """The live book."""
        return await self._live.order_book(symbol, depth)

    async def trades(self, symbol: str) -> RecentTrades:
        """The live exchange's trades."""
        return await self._live.trades(symbol)

    async def markets(self) -> Sequence[Market]:
        """The live exchange's pairs."""
        return await self._live.markets()

    async def balances(self) -> Mapping[str, Balance]:
        """Paper money is not counted."""
        return {}

    async def key_permissions(self) -> KeyPermissions:
        """Paper needs no keys."""
        return KeyPermissions()

    async def account_fees(self) -> AccountFees | None:
        """Nobody has an account: what paper orders pay is the exchange's row."""
        return None

    async def ping(self) -> Ping:
        """The live exchange's."""
        return await self._live.ping()

    def _filled_now(self, request: OrderRequest, book: OrderBook) -> OrderReport:
        if (
            request.time_in_force == TimeInForce.PO
            and request.price is not None
            and (_reached(book, request.side, request.price))
        ):
            raise OrderRejected(ReasonCode.EXCHANGE_REJECTED, "A post-only order would have crossed the book.")
        limit = request.price if request.order_type == OrderType.LIMIT else None
        taken = take(book, request.side, request.amount, limit)
        if request.time_in_force == TimeInForce.FOK and sum(amount for _, amount in taken) < request.amount:
            return OrderReport(request.client_order_id, OrderStatus.EXPIRED)
        return self._report(request, taken, book.received_at, maker=False)

    def _report(self, request: OrderRequest, taken: Sequence[Level], at: float, *, maker: bool) -> OrderReport:
        quote = request.symbol.partition("/")[2]
        rate = self._maker_fee if maker else self._taker_fee
        filled, trades = request.filled, []
        for price, amount in taken:
            fee = rounded(amount * price * rate, _FEE_PLACES)
            filled += amount
            trades.append(Trade(f"paper-{plain(filled)}", amount, price, fee, quote, at, maker))
        return OrderReport(
            exchange_order_id=request.client_order_id,
            status=_status(request, filled),
            filled_amount=filled,
            trades=tuple(trades),
        )


def _status(request: OrderRequest, filled: Decimal) -> OrderStatus:
    if filled == request.amount:
        return OrderStatus.FILLED
    if request.order_type == OrderType.MARKET or request.time_in_force in {TimeInForce.IOC, TimeInForce.FOK}:
        return OrderStatus.CANCELLED if filled else OrderStatus.EXPIRED
    return _resting_status(filled)


def _resting_status(filled: Decimal) -> OrderStatus:
    return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.OPEN


def _reached(book: OrderBook, side: Side, price: Decimal) -> bool:
    return price >= book.best(side) if side == Side.BUY else price <= book.best(side)
