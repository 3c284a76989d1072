"""Figures for the page of one exchange."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from execution.domain.orders import FINAL, OrderStatus
from execution.models import HealthEvent, Market, Order
from execution.selectors.query import fetch
from policies.domain.policy import Policy
from policies.models import StrategyPolicy

HOURS = 24
SLOTS = 96
_LISTED = 8

# One point per quarter of an hour: a day of samples every 30 s would be 2,880 points nobody can tell apart.
_LATENCY = """
SELECT slot, percentile_cont(0.5) WITHIN GROUP (ORDER BY h.latency_ms), percentile_cont(0.95) WITHIN GROUP
       (ORDER BY h.latency_ms), count(h.id), count(h.id) FILTER (WHERE h.ok)
FROM generate_series(%(since)s::timestamptz, %(now)s::timestamptz - interval '15 minutes', interval '15 minutes') slot
LEFT JOIN execution_healthsample h
       ON h.exchange_id = %(slug)s AND h.at >= slot AND h.at < slot + interval '15 minutes'
GROUP BY slot ORDER BY slot
"""


@dataclass(frozen=True, slots=True)
class Slot:
    """A quarter of an hour of health checks."""

    at: datetime
    p50_ms: float | None
    p95_ms: float | None
    checks: int
    ok: int


@dataclass(frozen=True, slots=True)
class Uses:
    """Where policy names the exchange."""

    chains: tuple[str, ...]
    strategies: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class ExchangePage:
    """What the page shows beside the settings."""

    slots: tuple[Slot, ...]
    events: tuple[Any, ...]
    orders: tuple[Any, ...]
    live: int
    pairs: int
    uses: Uses

    @property
    def uptime(self) -> float | None:
        """Share of the checks of the last day that were answered."""
        checks = sum(slot.checks for slot in self.slots)
        return sum(slot.ok for slot in self.slots) / checks if checks else None


def exchange_page(policy: Policy, slug: str) -> ExchangePage:
    """Six queries."""
    now = timezone.now()
    until = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0) + timedelta(minutes=15)
    rows = fetch(_LATENCY, {"slug": slug, "now": until, "since": until - timedelta(hours=HOURS)})
    live = Order.objects.filter(exchange_id=slug).exclude(status__in=FINAL)
    return ExchangePage(
        slots=tuple(Slot(*row) for row in rows),
        events=tuple(HealthEvent.objects.filter(exchange_id=slug).order_by("-at")[:_LISTED]),
        orders=tuple(live.select_related("user").order_by("created_at")[:_LISTED]),
        live=live.count(),
        pairs=Market.objects.filter(exchange_id=slug, active=True).count(),
        uses=_uses(policy, slug),
    )


def _uses(policy: Policy, slug: str) -> Uses:
    return Uses(
        chains=tuple(primary for primary, chain in policy.chains.items() if slug in chain),
        strategies=StrategyPolicy.objects.filter(exchange_id=slug, enabled=True).count(),
        is_default=policy.rules.default_exchange == slug,
    )


@dataclass(frozen=True, slots=True)
class Load:
    """Orders of one exchange that are not final."""

    in_flight: int = 0
    queued: int = 0


def loads() -> dict[str, Load]:
    """Unanswered and queued orders per exchange. One query."""
    rows = fetch(
        "SELECT exchange_id, count(*) FILTER (WHERE status = %(sent)s), count(*) FILTER (WHERE status = %(queued)s) "
        "FROM execution_order WHERE NOT status = ANY(%(final)s) GROUP BY exchange_id",
        {"sent": OrderStatus.SUBMITTING.value, "queued": OrderStatus.QUEUED.value, "final": sorted(FINAL)},
    )
    return {slug: Load(in_flight, queued) for slug, in_flight, queued in rows}
