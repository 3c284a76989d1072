"""What an exchange still knows of closed orders."""

from collections.abc import Iterable

from execution.simulator.engine.orders import Order

HOUR = 3_600_000_000
DAY = 24 * HOUR


def remembered(
    orders: Iterable[Order], now: int, *, filled: int | None = None, unfilled: int | None = None
) -> list[Order]:
    """Without the closed orders that are older than the exchange keeps them: filled ones, and those without a fill.

    Ages in microseconds since they closed; None: for ever.
    """
    return [
        order
        for order in orders
        if order.closed_at is None
        or (kept := filled if order.filled else unfilled) is None
        or now - order.closed_at <= kept
    ]
