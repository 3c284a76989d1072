"""Circuit breakers, read."""

from execution.domain.breaker import Breaker, BreakerState, Counts
from execution.models import CircuitBreaker

Key = tuple[str, str | None]
"""Exchange, and the id of the keys; None: the exchange itself."""


def all_breakers() -> dict[Key, Breaker]:
    """Every breaker that ever counted anything. One query."""
    return {
        (row.exchange_id, str(row.credential_id) if row.credential_id else None): breaker_of(row)
        for row in CircuitBreaker.objects.all()
    }


def breaker_of(row: CircuitBreaker) -> Breaker:
    """The domain's view of a row."""
    return Breaker(
        state=BreakerState(row.state),
        since=row.since,
        failures_in_row=row.failures_in_row,
        successes=row.successes,
        trips=row.trips,
        open_until=row.open_until,
        window_at=row.window_at,
        current=Counts(row.calls, row.failures, row.slow),
        before=Counts(row.calls_before, row.failures_before, row.slow_before),
        cause=row.cause,
        forced=row.forced,
        forced_until=row.forced_until,
    )
