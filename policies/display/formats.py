"""Numbers and times as the admin writes them. One place, so that a figure reads the same on every page.

What is not known is a dash, never 0. Times are UTC.
"""

from datetime import UTC, datetime
from decimal import Decimal

from policies.domain.numbers import money as exact_money
from policies.domain.numbers import plain, rounded

NOTHING = "–"
_MINUS = "\u2212"  # a hyphen breaks lines and is narrower than the plus above it


def money(value: Decimal | None) -> str:
    """`1,204.18`; the currency stands in the column's header or behind the figure."""
    return NOTHING if value is None else exact_money(value)


def signed_money(value: Decimal | None) -> str:
    """`+1,204.18` or `−12.00`: profit and loss carry their sign."""
    if value is None:
        return NOTHING
    sign = "+" if value > 0 else _MINUS if value < 0 else ""
    return f"{sign}{exact_money(abs(value))}"


def amount(value: Decimal | None) -> str:
    """Full precision without trailing zeros and without an exponent: `0.571`."""
    return NOTHING if value is None else plain(value)


def signed_amount(value: Decimal | None) -> str:
    """`+0.02` or `−0.02`, in full precision."""
    if value is None:
        return NOTHING
    return f"{'+' if value > 0 else _MINUS if value < 0 else ''}{plain(abs(value))}"


def compact(value: Decimal | int | None) -> str:
    """`18.2k`, for tiles only."""
    if value is None:
        return NOTHING
    exact = Decimal(value)
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if abs(exact) >= size:
            return f"{rounded(exact / size, 1)}{letter}"
    return plain(exact)


def bps(value: Decimal | None) -> str:
    """A difference in basis points, with its sign: `+3.5 bps`."""
    if value is None:
        return NOTHING
    return f"{'+' if value > 0 else _MINUS if value < 0 else ''}{rounded(abs(value), 1)} bps"


def fee(value: Decimal | None) -> str:
    """A fee in basis points: `10 bps`."""
    return NOTHING if value is None else f"{plain(value)} bps"


def percent(share: float | Decimal | None) -> str:
    """A share of 1 as `97.6 %`."""
    return NOTHING if share is None else f"{rounded(Decimal(share) * 100, 1)} %"


def share(value: float | None) -> str:
    """A share of 1 where whole percents do, and never 100 % of what was not all: `97 %`, `99.9 %`, `100 %`."""
    if value is None:
        return NOTHING
    if 0.99 < value < 1:
        return f"{min(value * 100, 99.99):.2f}".rstrip("0").rstrip(".") + " %"
    return f"{value * 100:.0f} %"


def latency(milliseconds: float | None) -> str:
    """`184 ms`; from ten seconds on `12.4 s`."""
    if milliseconds is None:
        return NOTHING
    return f"{milliseconds:.0f} ms" if milliseconds < 10_000 else f"{milliseconds / 1000:.1f} s"


def age(seconds: float | None) -> str:
    """`4 s`, `3 min 12 s`, `4 h 51 min`, `2 d 3 h`."""
    if seconds is None:
        return NOTHING
    whole = max(0, int(seconds))
    for size, name, rest_size, rest_name in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // rest_size
            return f"{whole // size} {name} {rest} {rest_name}" if rest else f"{whole // size} {name}"
    return f"{whole} s"


def age_since(at: datetime | None, now: datetime) -> str:
    """How long ago `at` was."""
    return age(None if at is None else (now - at).total_seconds())


def instant(at: datetime | None) -> str:
    """`2026-11-20 14:02:11.204`, UTC."""
    if at is None:
        return NOTHING
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}"


def clock(at: datetime | None, now: datetime) -> str:
    """`14:02:11.204` today, `11-19 14:02:11` before: short, and never to be mistaken for another day's."""
    if at is None:
        return NOTHING
    at = at.astimezone(UTC)
    if at.date() == now.astimezone(UTC).date():
        return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
    return f"{at:%m-%d %H:%M:%S}" if at.year == now.year else f"{at:%Y-%m-%d %H:%M}"


def offset(at: datetime, start: datetime) -> str:
    """How long after `start`, for a timeline: `+3 ms`, `+1.24 s`, `+4 min 2 s`."""
    milliseconds = (at - start).total_seconds() * 1000
    if milliseconds < 1000:
        return f"+{milliseconds:.0f} ms"
    return f"+{milliseconds / 1000:.2f} s" if milliseconds < 60_000 else f"+{age(milliseconds / 1000)}"
