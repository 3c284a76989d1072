"""What can go wrong on the way to an exchange and back, drawn from a seed or queued for exact tests."""

from collections import defaultdict, deque
from enum import StrEnum
from random import Random


class FaultKind(StrEnum):
    """One way a request fails. "before": the exchange never acts on it; "after": it does, and the answer is lost."""

    ERROR_500_BEFORE = "error_500_before"
    ERROR_503_AFTER = "error_503_after"
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    DISCONNECT_BEFORE = "disconnect_before"
    DISCONNECT_AFTER = "disconnect_after"
    LATE = "late"
    """Held on its way, then executed if still inside its validity window; never answered."""
    RATE_LIMIT = "rate_limit"
    HTML_200 = "html_200"
    """Not executed, answered 200 with a page: clients that do not look closely see an order without an id."""


# Mostly the kinds that tempt a client to send an order twice.
DEFAULT_WEIGHTS: dict[str, float] = {
    FaultKind.ERROR_500_BEFORE.value: 4,
    FaultKind.ERROR_503_AFTER.value: 4,
    FaultKind.TIMEOUT_BEFORE.value: 1,
    FaultKind.TIMEOUT_AFTER.value: 4,
    FaultKind.DISCONNECT_BEFORE.value: 1,
    FaultKind.DISCONNECT_AFTER.value: 4,
    FaultKind.LATE.value: 4,
    FaultKind.RATE_LIMIT.value: 1,
    FaultKind.HTML_200.value: 1,
}


class FaultSource:
    """Decides which requests of one exchange fail, and how."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)  # noqa: S311 - repeatable on purpose
        self._latency_random = Random(f"{seed}:latency")  # noqa: S311
        self._queued: defaultdict[str, deque[FaultKind | None]] = defaultdict(deque)

    def queue(self, operation: str, kind: FaultKind, count: int, after: int = 0) -> None:
        """Make the next `count` requests of an operation fail, before anything random does; `after` pass before."""
        self._queued[operation].extend([None] * after + [kind] * count)

    def draw(self, operation: str, rate: float, weights: dict[str, float]) -> FaultKind | None:
        """Return how this request fails, if it does."""
        queued = self._queued.get(operation)
        if queued:
            return queued.popleft()
        if rate and self._random.random() < rate:
            return FaultKind(self._random.choices(list(weights), list(weights.values()))[0])
        return None

    def draw_latency(self, latency_ms: float, jitter_ms: float) -> float:
        """Return how long one request takes there and back, in seconds."""
        if jitter_ms:
            latency_ms += self._latency_random.uniform(-jitter_ms, jitter_ms)
        return max(0.0, latency_ms) / 1000
