"""One exchange's order book and what an order would cost in it. Pure, exact."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from execution.domain.orders import Side
from policies.domain.numbers import ceil_to, floor_to

Level = tuple[Decimal, Decimal]
"""Price in quote units, amount in base units."""

_BPS = Decimal(10_000)


class BookSource(StrEnum):
    """How a book came to us."""

    STREAM = "stream"
    """The exchange sent it, and every change of it, over its websocket."""
    REST = "rest"
    """The exchange was asked."""


@dataclass(frozen=True, slots=True)
class OrderBook:
    """Best levels first. `received_at` is our clock in epoch seconds when the answer arrived.

    sequence: the exchange's number of this state of the book, or ours. exchange_time: epoch seconds by its clock.
    """

    symbol: str
    bids: Sequence[Level]
    asks: Sequence[Level]
    received_at: float
    sequence: int | None = None
    exchange_time: float | None = None
    source: BookSource = BookSource.REST

    def is_usable(self) -> bool:
        """Two-sided and not crossed; anything else must not price an order."""
        return bool(self.bids) and bool(self.asks) and self.bids[0][0] < self.asks[0][0]

    @property
    def mid(self) -> Decimal:
        """Halfway between the best bid and the best ask, of a usable book."""
        return (self.bids[0][0] + self.asks[0][0]) / 2

    def levels(self, side: Side) -> Sequence[Level]:
        """The levels an order of this side would take."""
        return self.asks if side == Side.BUY else self.bids

    def best(self, side: Side) -> Decimal:
        """The best price for an order of this side."""
        return self.levels(side)[0][0]


@dataclass(frozen=True, slots=True)
class Walk:
    """Taking `amount` from the book costs `notional` (before fees) and reaches `worst` price."""

    amount: Decimal
    notional: Decimal
    worst: Decimal

    @property
    def average(self) -> Decimal:
        """Quote units per base unit."""
        return self.notional / self.amount


def take(book: OrderBook, side: Side, amount: Decimal, limit: Decimal | None = None) -> list[Level]:
    """What taking up to `amount` base units, best first and not beyond `limit`, gets: price and amount by level."""
    taken: list[Level] = []
    left = amount
    for price, available in book.levels(side):
        if left <= 0 or _beyond(side, price, limit):
            break
        part = min(available, left)
        taken.append((price, part))
        left -= part
    return taken


def walk_amount(book: OrderBook, side: Side, amount: Decimal, limit: Decimal | None = None) -> Walk:
    """The cost of `take`. The answer's amount may be smaller than asked for, even 0."""
    taken = take(book, side, amount, limit)
    return Walk(
        amount=sum((part for _, part in taken), Decimal(0)),
        notional=sum((price * part for price, part in taken), Decimal(0)),
        worst=taken[-1][0] if taken else book.best(side),
    )


def walk_notional(book: OrderBook, side: Side, notional: Decimal, limit: Decimal | None = None) -> Walk:
    """Take up to `notional` quote units' worth best first, not beyond `limit`."""
    taken = spent = Decimal(0)
    worst = book.best(side)
    for price, available in book.levels(side):
        if spent >= notional or _beyond(side, price, limit):
            break
        value = min(available * price, notional - spent)
        taken += value / price
        spent += value
        worst = price
    return Walk(taken, spent, worst)


def protective_price(book: OrderBook, side: Side, slippage_bps: Decimal, tick: Decimal) -> Decimal:
    """The worst acceptable price: the best one, widened by `slippage_bps` and rounded towards the touch."""
    best = book.best(side)
    if side == Side.BUY:
        return max(floor_to(best * (1 + slippage_bps / _BPS), tick), best)
    return min(ceil_to(best * (1 - slippage_bps / _BPS), tick), best)


def beyond_collar(book: OrderBook, side: Side, price: Decimal, collar_bps: Decimal) -> Decimal | None:
    """How far (bps) a limit price lies beyond the collar on its costly side of the market; None if it does not."""
    middle = book.mid
    excess = (price - middle if side == Side.BUY else middle - price) / middle * _BPS
    return excess if excess > collar_bps else None


def _beyond(side: Side, price: Decimal, limit: Decimal | None) -> bool:
    if limit is None:
        return False
    return price > limit if side == Side.BUY else price < limit
