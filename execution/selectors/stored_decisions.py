"""Decisions as they were stored, for making them again."""

from collections.abc import Iterator
from datetime import datetime

from execution.domain.replay import Stored
from execution.models import Decision
from policies.domain.policy import RouteBy

_AT_ONCE = 500


def count_decisions(since: datetime, until: datetime) -> int:
    """How many there are."""
    return Decision.objects.filter(decided_at__gte=since, decided_at__lt=until).count()


def stored_decisions(
    since: datetime, until: datetime, limit: int | None = None, *, newest_first: bool = False
) -> Iterator[Stored]:
    """The oldest first unless said otherwise, read in pieces."""
    rows = Decision.objects.filter(decided_at__gte=since, decided_at__lt=until).select_related("signal")
    found = rows.order_by("-decided_at", "-pk") if newest_first else rows.order_by("decided_at", "pk")
    for row in (found if limit is None else found[:limit]).iterator(chunk_size=_AT_ONCE):
        signal = row.signal
        yield Stored(
            signal_id=str(signal.pk),
            user_id=signal.user_id,
            strategy_id=signal.strategy_id,
            requested_exchange=signal.requested_exchange,
            routing=RouteBy(signal.routing_strategy) if signal.routing_strategy else None,
            preferred=tuple(signal.preferred_exchanges),
            source=row.source,
            exchange=row.exchange,
            code=row.reason_code,
            ordering=row.ordering,
            candidates=row.candidates,
            explanation=row.explanation,
        )
