"""Health checks of exchanges: ask all that are due at once, judge, store."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from django.db import transaction
from django.utils import timezone

from execution import metrics
from execution.domain.health import Check, Health, HealthStatus, after_check, is_due
from execution.domain.rollups import Counted
from execution.exchanges.base import Exchange
from execution.exchanges.errors import ExchangeError
from execution.exchanges.registry import adapters
from execution.models import ExchangeHealth, HealthEvent, HealthSample
from execution.models.health import HealthEventKind
from execution.selectors.facts import health_of
from execution.selectors.figures import takes_orders, typical_latencies
from execution.services import rollups
from execution.services.budgets import Banned
from execution.services.observing import CallKind
from policies.domain.policy import Policy
from policies.domain.reasons import ReasonCode

logger = structlog.get_logger(__name__)

PING_TIMEOUT_S = 5.0
_JUDGED = (
    "status", "since", "checked_at", "latency_ms", "latency_ewma_ms", "latency_p50_ms", "consecutive_failures",
    "consecutive_successes", "last_error", "settled_ms",
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
    except Exception as e:
        # One exchange that answers nonsense must not keep the others from being checked.
        logger.exception("health_check_failed", exchange=exchange.slug)
        return Check(datetime.now(UTC), ok=False, error=f"Its answer cannot be read: {type(e).__name__}.")
    finally:
        took = time.perf_counter() - began
        metrics.exchange_health_check_duration_seconds.labels(exchange.slug).observe(took)
    return Check(datetime.now(UTC), ok=not answer.maintenance, latency_ms=answer.latency_ms, error=answer.detail)


def due(policy: Policy, now: datetime) -> list[str]:
    """Enabled exchanges with an adapter whose last check is about as old as their interval: see `is_due`."""
    checked = dict(ExchangeHealth.objects.values_list("exchange_id", "checked_at"))
    wanted = [exchange for slug, exchange in policy.exchanges.items() if exchange.enabled and slug in adapters()]
    return [each.slug for each in wanted if is_due(checked.get(each.slug), now, each.health_interval_s, each.slug)]


@transaction.atomic
def store_checks(checks: dict[str, Check], policy: Policy) -> None:
    """Judge the checks and store samples, the new state and, where the status changed, an event."""
    # Made first, so that two processes that check a new exchange at the same moment both find a row to lock.
    ExchangeHealth.objects.bulk_create(
        [ExchangeHealth(exchange_id=slug, since=check.at) for slug, check in checks.items()], ignore_conflicts=True
    )
    existing = ExchangeHealth.objects.select_for_update().order_by("pk").in_bulk(list(checks))
    witnessed = takes_orders([slug for slug, check in checks.items() if check.maintenance])
    typical = typical_latencies(list(checks))
    samples: list[HealthSample] = []
    for slug, check in sorted(checks.items()):
        row = existing[slug]
        before = health_of(row)
        bound_ms = policy.exchanges[slug].degraded_above_ms
        after = after_check(before, check, degraded_above_ms=bound_ms, takes_orders=slug in witnessed)
        _apply(row, replace(after, latency_p50_ms=typical.get(slug)))
        samples.append(
            HealthSample(exchange_id=slug, at=check.at, ok=check.ok, latency_ms=check.latency_ms, error=check.error)
        )
        metrics.exchange_health_checks_total.labels(slug, after.status.value).inc()
        if after.status != before.status:
            _note_change(slug, before.status, after, check)
    HealthSample.objects.bulk_create(samples)
    rollups.add({(slug, CallKind.DATA.value, 0.0): _counted(check) for slug, check in checks.items()})


def _counted(check: Check) -> Counted:
    counted = Counted()
    counted.add(check.latency_ms if check.ok else None)
    return counted


@transaction.atomic
def store_ban(ban: Banned) -> None:
    """An exchange sends this machine away for a time: the router passes it over, and people see it."""
    now, slug, until = timezone.now(), ban.exchange, datetime.fromtimestamp(ban.until, UTC)
    ExchangeHealth.objects.get_or_create(exchange_id=slug, defaults={"since": now})
    row = ExchangeHealth.objects.select_for_update().get(pk=slug)
    if row.banned_until is not None and row.banned_until >= until:
        return
    if row.banned_until is None or row.banned_until <= now:
        _note_ban(slug, now, "allowed", "banned", f"It asks us to send nothing before {until:%Y-%m-%d %H:%M:%S} UTC.")
    row.banned_until = until
    row.save(update_fields=["banned_until"])


@transaction.atomic
def end_bans() -> None:
    """Note the bans that are over, so that the log says how long they were."""
    now = timezone.now()
    for row in ExchangeHealth.objects.select_for_update(skip_locked=True).filter(banned_until__lte=now):
        _note_ban(row.exchange_id, row.banned_until or now, "banned", "allowed", "The time it asked for is over.")
        row.banned_until = None
        row.save(update_fields=["banned_until"])


def _note_ban(slug: str, at: datetime, old: str, new: str, detail: str) -> None:
    HealthEvent.objects.create(
        exchange_id=slug, kind=HealthEventKind.BAN, at=at, old_status=old, new_status=new, detail=detail
    )


def _apply(row: ExchangeHealth, health: Health) -> None:
    row.status = health.status.value
    row.since = health.since
    row.checked_at = health.checked_at
    row.latency_ms = health.latency_ms
    row.latency_ewma_ms = health.latency_ewma_ms
    row.latency_p50_ms = health.latency_p50_ms
    row.settled_ms = health.settled_ms
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
