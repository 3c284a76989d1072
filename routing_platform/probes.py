"""/health, /ready and /metrics."""

import math
import os
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from redis.exceptions import RedisError

from execution.domain.breaker import BreakerState
from execution.domain.orders import OrderStatus
from execution.models import BookBreak, ExchangeHealth, Heartbeat, Order, Orphan, Reconciliation, Signal
from execution.selectors.breakers import all_breakers, breaker_now
from execution.selectors.canaries import CANARY, deaf_queues, heard
from policies.snapshot import current_policy
from routing_platform.version import VERSION

logger = structlog.get_logger(__name__)

CIRCUIT_VALUES = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}
SILENT_AFTER = timedelta(seconds=30)


def health(request: HttpRequest) -> JsonResponse:
    """Alive: this process answers. Asks nothing else, so that an outage elsewhere does not restart it."""
    return JsonResponse({"status": "ok", "version": VERSION})


def ready(request: HttpRequest) -> JsonResponse:
    """Ready: signals can be stored, which needs the database only. The rest is reported, not required."""
    checks: dict[str, Any] = {"database": _database(), "redis": _redis()}
    if checks["database"] == "ok":
        checks |= {kind: _seen(kind) for kind in ("worker", "beat")}
        checks["queues"] = _queues()
    is_ready = checks["database"] == "ok"
    degraded = any(value != "ok" for value in checks.values())
    status = "ok" if not degraded else "degraded" if is_ready else "unavailable"
    return JsonResponse({"status": status, "version": VERSION, "checks": checks}, status=200 if is_ready else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM policies_policyversion")
            return "ok" if cursor.fetchone() else "not migrated"
    except DatabaseError as e:
        return f"unreachable: {type(e).__name__}"


def _redis() -> str:
    try:
        cache.set("ready", time.time(), 5)
    except (RedisError, OSError) as e:
        return f"unreachable: {type(e).__name__}"
    return "ok"


def _seen(kind: str) -> str:
    since = timezone.now() - SILENT_AFTER
    alive = Heartbeat.objects.filter(kind=kind, seen_at__gte=since).exists()
    return "ok" if alive else f"no sign of life for {SILENT_AFTER.seconds} s"


def _queues() -> str:
    lost = deaf_queues(heard(Heartbeat.objects.filter(kind=CANARY)), timezone.now())
    return f"nothing arrives through {', '.join(lost)}" if lost else "ok"


def metrics(request: HttpRequest) -> HttpResponse:
    """Everything this site counts, over all its processes, and the state read from the database."""
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    state = CollectorRegistry()
    state.register(StateCollector())
    return HttpResponse(generate_latest(registry) + generate_latest(state), content_type=CONTENT_TYPE_LATEST)


class StateCollector:
    """Gauges that are state, not counts: one place reads them, when somebody asks."""

    def collect(self) -> Iterable[Metric]:
        """Queue depths, orders in doubt, what reconciliation found, exchange health."""
        try:
            yield from (self._queue(), self._unknown(), self._pending(), self._health(), self._canaries())
            yield self._circuits()
            yield from self._reconciliation()
        except DatabaseError as e:
            logger.warning("state_metrics_unavailable", error=str(e))

    def _queue(self) -> Metric:
        gauge = GaugeMetricFamily("executor_queue_depth", "Orders waiting to be sent.", labels=["exchange"])
        queued = Order.objects.filter(status=OrderStatus.QUEUED).values_list("exchange_id", flat=True)
        slugs = list(queued)
        for slug in settings.ENV["ALLOWED_EXCHANGES"]:
            gauge.add_metric([slug], slugs.count(slug))
        return gauge

    def _unknown(self) -> Metric:
        in_doubt = [OrderStatus.UNKNOWN, OrderStatus.NEEDS_ATTENTION]
        count = Order.objects.filter(status__in=in_doubt).count()
        return GaugeMetricFamily("orders_unknown", "Orders whose fate is not known.", value=count)

    def _pending(self) -> Metric:
        count = Signal.objects.filter(status="pending", due_at=None).count()
        return GaugeMetricFamily("signals_pending", "Signals not routed yet.", value=count)

    def _health(self) -> Metric:
        gauge = GaugeMetricFamily("exchange_up", "1 when the last health check was OK.", labels=["exchange"])
        for row in ExchangeHealth.objects.all():
            gauge.add_metric([row.exchange_id], 1 if row.status == "ok" else 0)
        return gauge

    def _circuits(self) -> Metric:
        gauge = GaugeMetricFamily(
            "circuit_state", "The exchange's breaker: 0 closed, 1 half open, 2 open.", labels=["exchange"]
        )
        policy, known, now = current_policy(), all_breakers(), timezone.now()
        for slug in policy.exchanges:
            gauge.add_metric([slug], CIRCUIT_VALUES[breaker_now(policy, known, slug, now).state])
        return gauge

    def _canaries(self) -> Metric:
        gauge = GaugeMetricFamily(
            "queue_canary_age_seconds",
            "Seconds since a message last arrived through this queue; +Inf when none ever did.",
            labels=["queue"],
        )
        now = timezone.now()
        for queue, at in heard(Heartbeat.objects.filter(kind=CANARY)).items():
            gauge.add_metric([queue], math.inf if at is None else (now - at).total_seconds())
        return gauge

    def _reconciliation(self) -> Iterable[Metric]:
        strays = Orphan.objects.filter(resolved_at=None).count()
        yield GaugeMetricFamily("orphan_orders", "Orders at exchanges that nobody has explained.", value=strays)
        breaks = BookBreak.objects.filter(resolved_at=None).exclude(confirmed_at=None).count()
        yield GaugeMetricFamily(
            "balance_breaks", "Assets of accounts that hold something else than our fills explain.", value=breaks
        )
        waiting = Reconciliation.objects.filter(clean_at=None, credential__frozen=False).count()
        yield GaugeMetricFamily(
            "accounts_not_reconciled", "Accounts that are not used until their orders were compared.", value=waiting
        )
