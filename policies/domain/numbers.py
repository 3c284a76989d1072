"""Exact numbers as people read them."""

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import cache

DECIMAL_PLACES = 18
"""Places kept in the database for money and amounts."""

MAX_DIGITS = 38


def plain(value: Decimal) -> str:
    """All digits, no exponent, no trailing zeros: `0.571`, `100`, never `1E+2`."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(value: Decimal) -> str:
    """Two places and thousands separators: `1,204.18`. Small values keep their first digits: `0.00042`."""
    if value != 0 and abs(value) < Decimal("0.01"):
        return plain(rounded(value, 1 - value.adjusted()))
    return f"{rounded(value, 2):,f}"


def rounded(value: Decimal, places: int) -> Decimal:
    """Half away from zero, always: without a mode, the thread's context decides, and ccxt changes that one."""
    return value.quantize(_unit(places), ROUND_HALF_UP)


@cache
def _unit(places: int) -> Decimal:
    return Decimal(1).scaleb(-places)


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value` (both > 0). Exact."""
    return (value / step).to_integral_value(ROUND_DOWN) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` that is not below `value` (both > 0). Exact."""
    floored = floor_to(value, step)
    return floored if floored == value else floored + step


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether `value` is a whole number of `step`s."""
    return value % step == 0
