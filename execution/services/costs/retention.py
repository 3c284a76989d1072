"""Lets go of the books of old decisions and fills. What was decided, why, and what it cost stays."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

from execution.models import Decision
from execution.selectors.costs import parts_cost
from execution.services.sql import as_rows, execute, fetch, recordset
from policies.domain.numbers import plain

logger = structlog.get_logger(__name__)

BATCH = 1_000
MOST_BATCHES = 50
_MARK = "books_dropped_until"
_EVER = datetime(2000, 1, 1, tzinfo=UTC)

_BATCH = """
SELECT d.id, d.decided_at, s.parts_made > 0 AND jsonb_exists(d.explanation, 'asked')
FROM execution_decision d JOIN execution_signal s ON s.id = d.signal_id
WHERE d.decided_at >= %(since)s AND d.decided_at < %(until)s
ORDER BY d.decided_at LIMIT %(limit)s
"""
_DROP = f"""
UPDATE execution_decision d
SET explanation = d.explanation || v.more || jsonb_build_object('books_dropped', true, 'offers', (
    SELECT COALESCE(jsonb_agg(offer - 'bids' - 'asks'), '[]')
    FROM jsonb_array_elements(d.explanation->'offers') offer))
FROM {recordset("id bigint, more jsonb")}
WHERE d.id = v.id AND jsonb_exists(d.explanation, 'offers') AND NOT jsonb_exists(d.explanation, 'books_dropped')
"""  # noqa: S608 - our own column list
_DROP_AT_FILLS = """
UPDATE execution_ordercost SET fill_books = NULL
WHERE at >= %(since)s AND at < %(until)s AND fill_books IS NOT NULL
"""


def drop_books(until: datetime) -> int:
    """Take the books out of decisions from before then, and of the fills that followed; how many had some.

    It goes on where it stopped: how far that was is remembered in the cache, and only saves time.
    """
    since, dropped = _mark(), 0
    for _ in range(MOST_BATCHES):
        rows = fetch(_BATCH, {"since": since, "until": until, "limit": BATCH})
        if not rows:
            break
        last = rows[-1][1]
        dropped += _drop(rows)
        # A split's whole is measured from the books of its fills: they go after its decision.
        execute(_DROP_AT_FILLS, {"since": since, "until": last})
        since = last
        if len(rows) < BATCH:
            break
    _remember(since)
    return dropped


def _drop(rows: Sequence[Any]) -> int:
    wholes = _regrets([id for id, _, is_split in rows if is_split])
    found = [(id, wholes.get(id, {})) for id, *_ in rows]
    return execute(_DROP, {"rows": as_rows(found, ("id", "more"))})


def _regrets(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What stays of the books of splits: the two figures that are worked out from them when a page is shown."""
    found = {}
    for decision in Decision.objects.filter(pk__in=ids).select_related("signal"):
        panel = parts_cost(decision.signal, [decision])
        if panel is not None and panel.whole is not None:
            figures = {"regret_bps": panel.regret_bps, "fill_regret_bps": panel.fill_regret_bps}
            found[decision.pk] = {name: plain(value) for name, value in figures.items() if value is not None}
    return found


def _mark() -> datetime:
    try:
        text = cache.get(_MARK)
    except RedisError:
        text = None
    return datetime.fromisoformat(text) if text else _EVER


def _remember(mark: datetime) -> None:
    try:
        cache.set(_MARK, mark.isoformat(), timeout=None)
    except RedisError as e:
        logger.warning("cache_unavailable", error=str(e))
