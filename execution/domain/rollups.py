"""Calls counted by kind and time, with a histogram of their latencies that can be added up. Pure.

The histogram's buckets grow by a third of a doubling from 1 ms to a minute, so that percentiles of any sum of rows are
within a quarter of the truth, and mostly far closer, whoever counted the rows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

PER_DOUBLING = 3
BUCKETS = 49
"""The last one holds everything above 2 ** (47 / 3) ms: 52 s."""

SLICE_S = 5.0
FORGET_AFTER_S = 3600.0


def bucket_of(milliseconds: float) -> int:
    """The bucket of a latency; what is no sensible number (a clock jumped) counts as the fastest."""
    if not milliseconds > 1:
        return 0
    return min(BUCKETS - 1, math.ceil(round(PER_DOUBLING * math.log2(min(milliseconds, 1e9)), 9)))


def upper_ms(bucket: int) -> float:
    """The slowest latency that belongs to the bucket."""
    return float(2 ** (bucket / PER_DOUBLING))


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """The latency that `share` of the calls did not exceed, in milliseconds; None without calls."""
    total = sum(counts.values())
    if not total:
        return None
    wanted, seen = share * total, 0
    for bucket, count in sorted(counts.items()):
        if count and seen + count >= wanted:
            return _within(bucket, (wanted - seen) / count)
        seen += count
    return upper_ms(max(counts))


def _within(bucket: int, share: float) -> float:
    if bucket == 0:
        return share
    lower = upper_ms(bucket - 1)
    return float(lower * (upper_ms(bucket) / lower) ** share)


@dataclass(slots=True)
class Counted:
    """Calls of one exchange and kind. Latencies are those of answered calls; waiting for nothing says nothing."""

    calls: int = 0
    failures: int = 0
    latencies: dict[int, int] = field(default_factory=dict)

    def add(self, took_ms: float | None) -> None:
        """One more call; None: it failed."""
        self.calls += 1
        if took_ms is None:
            self.failures += 1
        else:
            bucket = bucket_of(took_ms)
            self.latencies[bucket] = self.latencies.get(bucket, 0) + 1

    def merge(self, other: "Counted") -> None:
        """With the other's calls."""
        self.calls += other.calls
        self.failures += other.failures
        for bucket, count in other.latencies.items():
            self.latencies[bucket] = self.latencies.get(bucket, 0) + count

    def dense(self) -> list[int]:
        """The histogram as it is stored."""
        return [self.latencies.get(bucket, 0) for bucket in range(BUCKETS)]


Slice = tuple[str, str, int]
"""Exchange, kind, and number of the slice of a clock that nobody sets."""


class Tally:
    """Calls that are not stored yet. Times are seconds of a monotonic clock: a wall clock that jumps moves nothing."""

    def __init__(self) -> None:
        self._slices: dict[Slice, Counted] = {}
        self._books: dict[str, float] = {}

    def add(self, exchange: str, kind: str, now: float, took_ms: float | None) -> None:
        """One call that ended now; None: it failed."""
        self._slices.setdefault((exchange, kind, int(now // SLICE_S)), Counted()).add(took_ms)

    def saw_book(self, exchange: str, now: float) -> None:
        """An order book arrived."""
        self._books[exchange] = now

    def take(self, now: float) -> tuple[dict[tuple[str, str, float], Counted], dict[str, float]]:
        """Everything since the last time: calls by exchange, kind and age in seconds; books by exchange, their age."""
        slices, self._slices = self._slices, {}
        books, self._books = self._books, {}
        ages = {
            (exchange, kind, max(0.0, now - number * SLICE_S)): counted
            for (exchange, kind, number), counted in slices.items()
        }
        return ages, {exchange: max(0.0, now - at) for exchange, at in books.items()}

    def give_back(self, ages: Mapping[tuple[str, str, float], Counted], taken_at: float) -> None:
        """What could not be stored; it is kept for an hour."""
        for (exchange, kind, age), counted in ages.items():
            if age < FORGET_AFTER_S:
                number = round((taken_at - age) / SLICE_S)
                self._slices.setdefault((exchange, kind, number), Counted()).merge(counted)
