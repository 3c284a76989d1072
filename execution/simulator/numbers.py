"""Exact decimal text <-> scaled integers. All money inside the simulator is an integer of an asset's smallest unit."""

import re
from decimal import Decimal

_PLAIN = re.compile(r"([0-9]{1,20})(?:\.([0-9]{0,20}))?")


class MalformedNumber(ValueError):
    """The text is not a plain unsigned decimal (no sign, no exponent)."""


class TooPrecise(ValueError):
    """The number has more decimals than the unit can hold."""


def parse_scaled(text: str, decimals: int) -> int:
    """Return `text` as an integer of 10**-decimals units; trailing zeros beyond `decimals` are accepted."""
    match = _PLAIN.fullmatch(text)
    if match is None:
        raise MalformedNumber(text)
    whole, fraction = match[1], match[2] or ""
    if len(fraction) > decimals:
        if fraction[decimals:].strip("0"):
            raise TooPrecise(text)
        fraction = fraction[:decimals]
    return int(whole + fraction.ljust(decimals, "0"))


def parse_whole(text: str) -> int | None:
    """Return a plain whole number of at most 20 digits, or None for any other text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 20 else None


def format_scaled(value: int, decimals: int) -> str:
    """Return `value` with exactly `decimals` decimals: (150, 2) -> "1.50"."""
    if value < 0:
        return "-" + format_scaled(-value, decimals)
    if decimals == 0:
        return str(value)
    digits = str(value).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}"


def format_trimmed(value: int, decimals: int, keep: int = 0) -> str:
    """Return `value` without trailing zeros beyond `keep` decimals: (1500, 3) -> "1.5", (1500, 3, keep=2) -> "1.50"."""
    text = format_scaled(value, decimals)
    if decimals <= keep:
        return text
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0").ljust(keep, "0")
    return f"{whole}.{fraction}" if fraction else whole


def rescale(value: int, decimals: int, to_decimals: int) -> int:
    """Return `value` in units of 10**-to_decimals, truncating what no longer fits."""
    if to_decimals >= decimals:
        return int(value * 10 ** (to_decimals - decimals))
    return int(value // 10 ** (decimals - to_decimals))


def decimals_of(text: str) -> int:
    """Return how many decimals a step such as "0.001" has."""
    exponent = Decimal(text).normalize().as_tuple().exponent
    return max(0, -int(exponent))
