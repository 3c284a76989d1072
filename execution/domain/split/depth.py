"""One side of one exchange's book as integer prefix sums: built once per book update, asked many times."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from execution.domain.book import OrderBook
from execution.domain.orders import Side
from execution.domain.split.scale import Number, Scale, scaled_down, scaled_quickly, scaled_up


@dataclass(frozen=True, slots=True)
class Depth:
    """Levels an order of this side would take, best first, in scaled units.

    prices: ascending; those of bids are negated, so that "cheaper first" holds for both sides.
    amounts[i], values[i]: what the first i levels hold together, and what it is worth at the signed prices.
    received_at: when the book arrived, in epoch seconds of our clock.
    """

    scale: Scale
    side: Side
    prices: Sequence[int]
    amounts: Sequence[int]
    values: Sequence[int]
    received_at: float | None = None

    @property
    def is_empty(self) -> bool:
        return not self.prices

    def value(self, amount: int) -> int:
        """Signed quote value of taking `amount` (<= all there is) best first, before fees."""
        if amount <= 0:
            return 0
        level = bisect_left(self.amounts, amount) - 1
        return self.values[level] + self.prices[level] * (amount - self.amounts[level])

    def worst_price(self, amount: int) -> int:
        """The signed price of the last level that taking `amount` > 0 touches."""
        return self.prices[bisect_left(self.amounts, amount) - 1]

    def within(self, price: int) -> int:
        """What is there at this signed price or better."""
        return self.amounts[bisect_right(self.prices, price)]

    def affordable(self, rate: int, money: int) -> int:
        """The largest amount whose value times `rate` is at most `money`. For buys, where value grows with amount."""
        most = money // rate
        level = bisect_right(self.values, most) - 1
        if level >= len(self.prices):
            return self.amounts[-1]
        return min(self.amounts[level] + (most - self.values[level]) // self.prices[level], self.amounts[level + 1])

    def worth(self, value: int) -> int:
        """The largest amount whose value, before fees, is at most `value` (without sign)."""
        level = bisect_right(self.values, value, key=abs) - 1
        if level >= len(self.prices):
            return self.amounts[-1]
        return self.amounts[level] + (value - abs(self.values[level])) // abs(self.prices[level])


def prepare_depth(
    levels: Sequence[Sequence[Number]],
    side: Side,
    scale: Scale,
    *,
    enough: int | None = None,
    received_at: float | None = None,
) -> Depth:
    """Levels as ccxt gives them (price, amount, anything) to a Depth.

    `enough`: stop once this many units are there; an order never takes more of one exchange than its own amount.
    Raises ScaleTooCoarse, and ValueError for a book out of order or an amount or price that is not positive.
    """
    price_places, amount_places = scale.price_places, scale.amount_places
    price_unit, amount_unit = 10.0**price_places, 10.0**amount_places
    sign = 1 if side == Side.BUY else -1
    total = value = 0
    last: int | None = None
    prices: list[int] = []
    amounts, values = [0], [0]
    for level in levels:
        price = sign * scaled_quickly(level[0], price_unit, price_places)
        amount = scaled_quickly(level[1], amount_unit, amount_places)
        if amount <= 0 or price * sign <= 0 or (last is not None and price <= last):
            raise ValueError(f"book out of order at {level[0]} x {level[1]}")
        last = price
        total += amount
        value += price * amount
        prices.append(price)
        amounts.append(total)
        values.append(value)
        if enough is not None and total >= enough:
            break
    return Depth(scale, side, tuple(prices), tuple(amounts), tuple(values), received_at)


def depth_of(book: OrderBook, side: Side, scale: Scale) -> Depth:
    """The side of a book that an order of `side` would take. A crossed or one-sided book gives an empty Depth."""
    levels = book.levels(side) if book.is_usable() else ()
    return prepare_depth(levels, side, scale, received_at=book.received_at)


def signed_limit(limit: Number, side: Side, scale: Scale) -> int:
    """A limit price as a signed price on the scale; rounded to the inside, where it cuts the same levels."""
    if side == Side.BUY:
        return scaled_down(limit, scale.price_places)
    return -scaled_up(limit, scale.price_places)
