"""The circuit breakers as all workers share them. The rows are the truth; every process keeps a copy for half a second.

A worker that sees one open stops at once and tells the others; outcomes are folded in together, a few times a second.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from execution import metrics
from execution.domain import breaker as rules_of
from execution.domain.breaker import Breaker, BreakerState, Outcome
from execution.models import CircuitBreaker, HealthEvent
from execution.models.health import HealthEventKind
from execution.selectors.breakers import Key, breaker_of
from policies.domain.policy import BreakerRules, Policy
from policies.services import check_reason

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Observed:
    """One call to an exchange, as its breakers see it. credential: None where the keys are not to blame or not used."""

    key: Key
    outcome: Outcome
    at: datetime
    why: str = ""


def fold(observed: Sequence[Observed], policy: Policy) -> None:
    """Count these calls, in their order, and store what the breakers have become."""
    by_key: dict[Key, list[Observed]] = defaultdict(list)
    for call in observed:
        by_key[call.key].append(call)
    with transaction.atomic():
        for key, calls in sorted(by_key.items(), key=lambda item: (item[0][0], item[0][1] or "")):
            _fold_one(key, calls, rules_for(policy, key))


def rules_for(policy: Policy, key: Key) -> BreakerRules:
    """The exchange's rules; its keys' breakers follow the same."""
    exchange = policy.exchanges.get(key[0])
    return exchange.breaker if exchange else BreakerRules()


def _fold_one(key: Key, calls: Sequence[Observed], rules: BreakerRules) -> None:
    row = _locked(key)
    before = breaker = breaker_of(row)
    for call in calls:
        stepped = rules_of.after_call(
            breaker,
            rules,
            call.outcome,
            call.at,
            chance=random.random(),  # noqa: S311 - jitter
            why=call.why,
        )
        if stepped.state != breaker.state:
            _note(key, breaker, stepped, call.at)
        breaker = stepped
    if breaker != before:
        _store(row, breaker)


def tick(policy: Policy) -> None:
    """What time alone changes: open times that are over, holds that end. Keeps the log and the pages true."""
    now = timezone.now()
    with transaction.atomic():
        rows = CircuitBreaker.objects.select_for_update(skip_locked=True).exclude(state="closed", forced=False)
        for row in rows:
            before = breaker_of(row)
            key: Key = (row.exchange_id, str(row.credential_id) if row.credential_id else None)
            after = rules_of.at(before, rules_for(policy, key), now)
            if after != before:
                if (after.state, after.forced) != (before.state, before.forced):
                    _note(key, before, after, now)
                _store(row, after)


@transaction.atomic
def force(
    exchange: str, state: BreakerState, *, until: datetime | None, reason: str, by: User | None
) -> CircuitBreaker:
    """A person opens or closes an exchange's breaker, until a time or until they let go. Raises ValidationError."""
    reason = check_reason(reason)
    now = timezone.now()
    if state == BreakerState.HALF_OPEN:
        raise ValidationError("Open or close it; half open is where it goes by itself.", code="state")
    if until is not None and until <= now:
        raise ValidationError("This time has passed already.", code="until")
    row = _locked((exchange, None))
    before = breaker_of(row)
    after = rules_of.force(before, state, now, until=until, cause=reason)
    _note((exchange, None), before, after, now, by=by)
    row.forced_by = by
    _store(row, after)
    return row


@transaction.atomic
def release(exchange: str, *, policy: Policy, reason: str, by: User | None) -> CircuitBreaker:
    """A person lets go; after an opening probes go first. Raises ValidationError."""
    reason = check_reason(reason)
    now = timezone.now()
    row = _locked((exchange, None))
    before = breaker_of(row)
    if not before.forced:
        raise ValidationError("Nobody holds this breaker.", code="not_forced")
    after = rules_of.release(before, rules_for(policy, (exchange, None)), now)
    _note((exchange, None), before, after, now, by=by, why=reason)
    row.forced_by = None
    _store(row, after)
    return row


def _locked(key: Key) -> CircuitBreaker:
    exchange, credential = key
    CircuitBreaker.objects.bulk_create(
        [CircuitBreaker(exchange_id=exchange, credential_id=credential, since=timezone.now())], ignore_conflicts=True
    )
    mine = CircuitBreaker.objects.select_for_update()
    return mine.get(exchange_id=exchange, credential_id=UUID(credential) if credential else None)


def _store(row: CircuitBreaker, breaker: Breaker) -> None:
    row.state, row.since, row.cause = breaker.state.value, breaker.since, breaker.cause
    row.failures_in_row, row.successes, row.trips = breaker.failures_in_row, breaker.successes, breaker.trips
    row.open_until, row.window_at = breaker.open_until, breaker.window_at
    row.calls, row.failures, row.slow = breaker.current.calls, breaker.current.failures, breaker.current.slow
    before = breaker.before
    row.calls_before, row.failures_before, row.slow_before = before.calls, before.failures, before.slow
    row.forced, row.forced_until = breaker.forced, breaker.forced_until
    row.save()


def _note(key: Key, before: Breaker, after: Breaker, at: datetime, *, by: User | None = None, why: str = "") -> None:
    exchange, credential = key
    HealthEvent.objects.create(
        exchange_id=exchange,
        credential_id=credential,
        kind=HealthEventKind.BREAKER,
        at=at,
        old_status=before.state.value,
        new_status=after.state.value,
        detail=(why or after.cause or "Enough probes succeeded.")[:300],
        by=by,
    )
    if credential is None:
        metrics.circuit_transitions_total.labels(exchange, after.state.value).inc()
    logger.warning(
        "breaker_changed", exchange=exchange, keys=credential, old=before.state, new=after.state, why=after.cause
    )
