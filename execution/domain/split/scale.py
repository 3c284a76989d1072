"""Exact integers inside, decimals at the edges: one scale for every book and rule of a pair."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal

Number = Decimal | float | str | int
"""As exchanges and ccxt give them. A float means the shortest decimal that reads back as it: Decimal(str(x))."""

SPARE_PLACES = 4
"""Places of a fee beyond those it has, so that rounded lower bounds are tight: the search compares slopes."""
_EXACT = Context(prec=120)
# A decimal of up to 15 digits and its float determine each other, so `i / unit == x` proves i exact up to there.
FLOAT_EXACT = 10**15


class ScaleTooCoarse(ValueError):
    """A number has more decimal places than the scale keeps. Use `Scale.fitting` over all numbers, or a finer scale."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How many decimal places prices, amounts and fee rates keep. Money is exact at the sum of the three."""

    price_places: int
    amount_places: int
    fee_places: int = 9

    @property
    def money_places(self) -> int:
        return self.price_places + self.amount_places + self.fee_places

    @classmethod
    def fitting(cls, prices: Iterable[Number], amounts: Iterable[Number], fees: Iterable[Number]) -> "Scale":
        """The coarsest scale that holds all of these exactly."""
        return cls(*(max(map(places, numbers), default=0) for numbers in (prices, amounts, fees)))

    def price(self, units: int) -> Decimal:
        """Scaled units as quote units per base unit."""
        return unscaled(units, self.price_places)

    def amount(self, units: int) -> Decimal:
        """Scaled units as base units."""
        return unscaled(units, self.amount_places)

    def money(self, units: int) -> Decimal:
        """Scaled units as quote units."""
        return unscaled(units, self.money_places)


def decimal(value: Number) -> Decimal:
    """The exact decimal a number stands for. Raises ValueError for what is not a finite number."""
    number = value if isinstance(value, Decimal) else _parse(str(value))
    if not number.is_finite():
        raise ValueError(f"{value} is not a finite number")
    return number


def places(value: Number) -> int:
    """Decimal places of a number, trailing zeros not counted."""
    exponent = decimal(value).normalize(_EXACT).as_tuple().exponent
    return max(0, -int(exponent))


def scaled(value: Number, digits: int) -> int:
    """The number times 10^digits, exactly. Raises ScaleTooCoarse when that is no integer."""
    top, bottom = decimal(value).as_integer_ratio()
    units, rest = divmod(top * _power(digits), bottom)
    if rest:
        raise ScaleTooCoarse(f"{value} has more than {digits} decimal places")
    return units


def scaled_down(value: Number, digits: int) -> int:
    """The number times 10^digits, rounded down."""
    top, bottom = decimal(value).as_integer_ratio()
    return top * _power(digits) // bottom


def scaled_up(value: Number, digits: int) -> int:
    """The number times 10^digits, rounded up."""
    # copy_negate, because a minus would round to the thread's precision.
    return -scaled_down(decimal(value).copy_negate(), digits)


def scaled_quickly(value: Number, unit: float, digits: int) -> int:
    """`scaled`, three times as fast for the floats and short strings that books are made of. `unit` is 10.0**digits."""
    kind = type(value)
    if kind is float or (kind is str and len(value) <= 16):  # type: ignore[arg-type]
        try:
            number = float(value)
        except ValueError as e:
            raise ValueError(f"{value!r} is not a number") from e
        units = int(number * unit + 0.5) if 0 < number < 1e15 else 0
        if 0 < units < FLOAT_EXACT and units / unit == number:
            return units
    return scaled(value, digits)


def unscaled(units: int, digits: int) -> Decimal:
    """The decimal of scaled units."""
    return Decimal(units).scaleb(-digits, _EXACT)


def _power(digits: int) -> int:
    return int(10**digits)


def _parse(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError as e:
        raise ValueError(f"{text!r} is not a number") from e
