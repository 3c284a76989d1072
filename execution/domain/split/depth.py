"""One side of one exchange's book as integer prefix sums: built once per book update, asked many times."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from execution.domain.book import OrderBook
from execution.domain.orders import Side
from execution.domain.split.scale import FLOAT_EXACT, Number, Scale, scaled_down, scaled_quickly, scaled_up

_PRICE_AND_AMOUNT = itemgetter(0, 1)
_NEVER = 10**60
"""More units than any book holds."""


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
    bound = _NEVER if enough is None else enough
    read = None
    if levels and type(levels[0][0]) is float:
        read = _read_floats(levels, side, scale, bound)  # type: ignore[arg-type]
    prices, amounts, values = read or _read(levels, side, scale, bound)
    return Depth(scale, side, tuple(prices), tuple(amounts), tuple(values), received_at)


_Read = tuple[list[int], list[int], list[int]]
"""Signed prices, and the sums of amounts and of values so far, which begin with 0."""


def _read_floats(levels: Sequence[Sequence[float]], side: Side, scale: Scale, enough: int) -> _Read | None:
    """`_read` for what books nearly always are: floats in order, exact on the scale. None for anything else.

    One plain loop instead of two calls for each level: 0.3 µs a level instead of 0.55, and a large order reads 600.
    """
    # Bids count negative, as everywhere here; `x / unit == given` proves a unit exact (see `scaled_quickly`).
    sign = 1 if side == Side.BUY else -1
    price_unit, amount_unit, half = sign * 10.0**scale.price_places, 10.0**scale.amount_places, sign * 0.5
    last, end = (0, FLOAT_EXACT) if sign > 0 else (-FLOAT_EXACT, 0)
    total = value = 0
    prices: list[int] = []
    amounts, values = [0], [0]
    add_price, add_amount, add_value = prices.append, amounts.append, values.append
    pairs = levels if len(levels[0]) == 2 else map(_PRICE_AND_AMOUNT, levels)
    try:
        for given_price, given_amount in pairs:
            price, amount = int(given_price * price_unit + half), int(given_amount * amount_unit + 0.5)
            if (
                price <= last
                or amount <= 0
                or price / price_unit != given_price
                or amount / amount_unit != given_amount
            ):
                return None
            last = price
            total += amount
            value += price * amount
            add_price(price)
            add_amount(total)
            add_value(value)
            if total >= enough:
                break
    except (TypeError, ValueError, OverflowError):
        return None  # a text or Decimal among them, NaN, infinity
    # Prices ascend and amounts add up, so the last of them tell that all were in the range where that proof holds.
    return (prices, amounts, values) if last < end and total < FLOAT_EXACT else None


def _read(levels: Sequence[Sequence[Number]], side: Side, scale: Scale, enough: int) -> _Read:
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
        if total >= enough:
            break
    return prices, amounts, values


def depth_of(book: OrderBook, side: Side, scale: Scale) -> Depth:
    """The side of a book that an order of `side` would take. A crossed or one-sided book gives an empty Depth."""
    levels = book.levels(side) if book.is_usable() else ()
    return prepare_depth(levels, side, scale, received_at=book.received_at)


def signed_limit(limit: Number, side: Side, scale: Scale) -> int:
    """A limit price as a signed price on the scale; rounded to the inside, where it cuts the same levels."""
    if side == Side.BUY:
        return scaled_down(limit, scale.price_places)
    return -scaled_up(limit, scale.price_places)
