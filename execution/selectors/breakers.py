"""Circuit breakers, read."""

from collections.abc import Mapping
from datetime import datetime

from execution.domain.breaker import Breaker, BreakerState, Counts, at, closed
from execution.models import CircuitBreaker
from policies.display.formats import age
from policies.domain.policy import Policy

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


def breaker_now(policy: Policy, known: Mapping[Key, Breaker], slug: str, now: datetime) -> Breaker:
    """The exchange's own breaker as time has made it; one that never counted anything is closed."""
    breaker = known.get((slug, None))
    return closed(now) if breaker is None else at(breaker, policy.exchanges[slug].breaker, now)


def breaker_sentence(breaker: Breaker, now: datetime) -> str:
    """`Breaker open, next probe in 48 s: 5 failures in a row: HTTP 503.`"""
    words = {BreakerState.CLOSED: "closed", BreakerState.OPEN: "open", BreakerState.HALF_OPEN: "half open"}
    state = f"Breaker {words[breaker.state]}"
    if breaker.forced:
        until = age_left(breaker.forced_until, now)
        return _with_cause(
            f"{state}, held by a person {f'for {until} more' if until else 'until they let go'}", breaker
        )
    if breaker.state == BreakerState.OPEN:
        left = age_left(breaker.open_until, now)
        return _with_cause(f"{state}, next probe in {left}" if left else state, breaker)
    if breaker.state == BreakerState.HALF_OPEN:
        return _with_cause(f"{state}, probes go there: {breaker.successes} answered so far", breaker)
    if breaker.failures_in_row:
        return f"{state}; failures in a row: {breaker.failures_in_row}."
    return f"{state}."


def age_left(until: datetime | None, now: datetime) -> str:
    """`48 s`; empty without an end."""
    return "" if until is None else age((until - now).total_seconds())


def _with_cause(text: str, breaker: Breaker) -> str:
    return f"{text}: {breaker.cause.rstrip('.')}." if breaker.cause else f"{text}."
