"""A limit as a bucket (generic cell rate algorithm, ITU-T I.371): one number each, the same rule here and in Redis.

A bucket stores the instant at which it will be empty again. A request moves it on by its cost, and must wait until the
instant is less than the burst away. Burst and refill together never exceed the exchange's amount in any window.
"""

from dataclasses import dataclass

from execution.exchanges.limits import Limit

BURST_SHARE = 0.2
"""Of an amount may be used at once; the rest is spread evenly."""

SMALL_BURST = 5
"""At least this many units at once where the amount is at least twice that: an order is several calls."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What one request takes from one bucket. Times in microseconds."""

    name: str
    cost: float
    burst: float


def bucket(name: str, limit: Limit, units: int, share: float) -> Bucket:
    """`units` of a limit of which this installation may use `share`."""
    amount = limit.amount * share
    burst = max(amount * BURST_SHARE, min(SMALL_BURST, amount / 2))
    each = limit.seconds * 1_000_000 / (amount - burst)
    return Bucket(name, units * each, burst * each)


class LocalBuckets:
    """The same rule for one process alone, for as long as Redis is gone.

    How many others there are cannot be known, so each process takes only a small part of every limit.
    """

    PROCESSES = 10

    def __init__(self) -> None:
        self._empty_at: dict[str, float] = {}

    def reserve(self, buckets: tuple[Bucket, ...], now: float, longest: float) -> float:
        """Microseconds to wait; negative: refused, nothing is taken, and so long it would have been."""
        wait, moved = 0.0, {}
        for each in buckets:
            cost = each.cost * self.PROCESSES
            moved[each.name] = max(self._empty_at.get(each.name, 0.0), now) + cost
            # From an empty bucket one request may always be taken, or a small limit would stop everything.
            wait = max(wait, moved[each.name] - max(each.burst, cost) - now)
        if wait > longest:
            return -wait
        self._empty_at |= moved
        return wait
