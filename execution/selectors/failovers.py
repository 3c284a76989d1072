"""The failover log: decisions that took another exchange than the primary, and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F

from execution.models import Decision

NEWEST = 50


@dataclass(frozen=True, slots=True)
class Failover:
    """One decision. code and detail: why the primary was passed over."""

    at: datetime
    signal: str
    symbol: str
    strategy: str
    primary: str
    exchange: str
    code: str
    detail: str


def newest_failovers(limit: int = NEWEST) -> list[Failover]:
    """The newest decisions for another exchange than the primary. One query, by an index of its own."""
    rows: Any = (
        Decision.objects.exclude(exchange="")
        .exclude(exchange=F("primary"))
        .exclude(primary="")
        .order_by("-decided_at")
        .values_list(
            "decided_at", "signal_id", "signal__symbol", "signal__strategy_id", "primary", "exchange", "candidates"
        )[:limit]
    )
    return [_failover(*row) for row in rows]


def _failover(at: datetime, signal: Any, symbol: str, strategy: str, primary: str, chosen: str, found: Any) -> Failover:
    first: dict[str, str] = next((each for each in found if each.get("exchange") == primary), {})
    return Failover(
        at, str(signal), symbol, strategy, primary, chosen, first.get("code") or "", first.get("detail") or ""
    )
