"""Health checks of exchanges: ask all that are due at once, judge, store."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from execution import metrics
from execution.domain.health import Check, Health, HealthStatus, after_check
from execution.exchanges.base import Exchange
from execution.exchanges.errors import ExchangeError
from execution.exchanges.registry import adapters
from execution.models import ExchangeHealth, HealthEvent, HealthSample
from execution.selectors.facts import health_of
from policies.domain.policy import Policy
from policies.domain.reasons import ReasonCode

logger = structlog.get_logger(__name__)

PING_TIMEOUT_S = 5.0
_JUDGED = (
    "status", "since", "checked_at", "latency_ms", "latency_ewma_ms", "consecutive_failures", "consecutive_successes",
    "last_error",
)  # fmt: skip
RunInThread = Callable[..., Awaitable[Any]]


class PublicAdapters(Protocol):
    """What health checks need of the connections."""

    def public(self, slug: str) -> Exchange:
        """The adapter for public data."""


async def check_and_store(
    slugs: Iterable[str],
    connections: PublicAdapters,
    run_in_thread: RunInThread,
    policy: Policy,
    timeout_s: float = 1.0,
) -> None:
    """Check these exchanges together, each bounded by `timeout_s`, and store what was found."""
    known = [slug for slug in slugs if slug in adapters()]
    checks = await asyncio.gather(*(ping(connections.public(slug), timeout_s) for slug in known))
    await run_in_thread(store_checks, dict(zip(known, checks, strict=True)), policy)


async def ping(exchange: Exchange, timeout_s: float = PING_TIMEOUT_S) -> Check:
    """One health check; a failure is an answer too."""
    began = time.perf_counter()
    try:
        answer = await asyncio.wait_for(exchange.ping(), timeout_s)
    except ExchangeError as e:
        maintenance = e.code == ReasonCode.EXCHANGE_MAINTENANCE
        return Check(datetime.now(UTC), ok=False, error=e.detail[:300], maintenance=maintenance)
    except TimeoutError:
        return Check(datetime.now(UTC), ok=False, error=f"No answer within {timeout_s:g} s.")
    finally:
        took = time.perf_counter() - began
        metrics.exchange_health_check_duration_seconds.labels(exchange.slug).observe(took)
    return Check(datetime.now(UTC), ok=not answer.maintenance, latency_ms=answer.latency_ms, error=answer.detail)


def due(policy: Policy, now: datetime) -> list[str]:
    """Enabled exchanges with an adapter whose last check is older than their interval."""
    checked = dict(ExchangeHealth.objects.values_list("exchange_id", "checked_at"))
    found = []
    for slug, exchange in policy.exchanges.items():
        last = checked.get(slug)
        if (
            exchange.enabled
            and slug in adapters()
            and (last is None or (now - last).total_seconds() >= exchange.health_interval_s)
        ):
            found.append(slug)
    return found


@transaction.atomic
def store_checks(checks: dict[str, Check], policy: Policy) -> None:
    """Judge the checks and store samples, the new state and, where the status changed, an event."""
    # Made first, so that two processes that check a new exchange at the same moment both find a row to lock.
    ExchangeHealth.objects.bulk_create(
        [ExchangeHealth(exchange_id=slug, since=check.at) for slug, check in checks.items()], ignore_conflicts=True
    )
    existing = ExchangeHealth.objects.select_for_update().order_by("pk").in_bulk(list(checks))
    samples: list[HealthSample] = []
    for slug, check in sorted(checks.items()):
        row = existing[slug]
        before = health_of(row)
        after = after_check(before, check, degraded_above_ms=policy.exchanges[slug].degraded_above_ms)
        _apply(row, after)
        samples.append(
            HealthSample(exchange_id=slug, at=check.at, ok=check.ok, latency_ms=check.latency_ms, error=check.error)
        )
        metrics.exchange_health_checks_total.labels(slug, after.status.value).inc()
        if after.status != before.status:
            _note_change(slug, before.status, after, check)
    HealthSample.objects.bulk_create(samples)


def store_ban(slug: str, until: datetime) -> None:
    """An exchange sends this machine away until then: the router passes it over, and people see it."""
    row, _ = ExchangeHealth.objects.get_or_create(exchange_id=slug, defaults={"since": timezone.now()})
    ExchangeHealth.objects.filter(pk=row.pk).filter(Q(banned_until=None) | Q(banned_until__lt=until)).update(
        banned_until=until
    )


def _apply(row: ExchangeHealth, health: Health) -> None:
    row.status = health.status.value
    row.since = health.since
    row.checked_at = health.checked_at
    row.latency_ms = health.latency_ms
    row.latency_ewma_ms = health.latency_ewma_ms
    row.consecutive_failures = health.consecutive_failures
    row.consecutive_successes = health.consecutive_successes
    row.last_error = health.last_error
    row.save(update_fields=_JUDGED)


def _note_change(slug: str, old: HealthStatus, after: Health, check: Check) -> None:
    detail = check.error or (f"{after.latency_ewma_ms:.0f} ms on average" if after.latency_ewma_ms else "")
    HealthEvent.objects.create(
        exchange_id=slug, at=check.at, old_status=old.value, new_status=after.status.value, detail=detail[:300]
    )
    logger.warning("exchange_health_changed", exchange=slug, old=old.value, new=after.status.value, detail=detail)
