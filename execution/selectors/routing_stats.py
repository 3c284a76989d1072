"""How routing did lately: decisions, where they went, failovers, parts, denials, and what choosing took."""

import json
from typing import Any

from execution.selectors.query import fetch

WINDOWS_S = {"1h": 3600, "24h": 86_400}

_STATS = """
WITH latest AS (
    SELECT d.exchange, d.source, d.ordering, d.reason_code, d.took_us, d.attempt,
           d.exchange <> '' AND d.exchange <> d."primary" AND d."primary" <> '' AS failed_over,
           (d.explanation->>'cached')::bool AS cached, jsonb_array_length(d.explanation->'parts') AS parts,
           (d.explanation#>>'{best_single,extra_bps}')::float AS saved_bps
    FROM execution_decision d JOIN execution_signal s ON s.id = d.signal_id
    WHERE d.decided_at > clock_timestamp() - make_interval(secs => %(window)s)
      AND (%(user_id)s::int IS NULL OR s.user_id = %(user_id)s)
    ORDER BY d.decided_at DESC LIMIT %(limit)s
)
SELECT count(*), count(*) FILTER (WHERE reason_code <> ''), count(*) FILTER (WHERE failed_over),
       count(*) FILTER (WHERE attempt > 1), count(*) FILTER (WHERE source = 'smart'),
       count(*) FILTER (WHERE cached), count(*) FILTER (WHERE parts > 1), avg(saved_bps) FILTER (WHERE parts > 1),
       percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY took_us),
       (SELECT json_object_agg(exchange, n) FROM (
           SELECT exchange, count(*) AS n FROM latest WHERE exchange <> '' GROUP BY exchange) e),
       (SELECT json_object_agg(ordering, n) FROM (
           SELECT ordering, count(*) AS n FROM latest WHERE ordering <> '' GROUP BY ordering) o)
FROM latest
"""
_ENDS = """
SELECT count(*) FILTER (WHERE status IN ('filled', 'partial_fill')), count(*) FROM (
    SELECT status FROM execution_signal
    WHERE received_at > clock_timestamp() - make_interval(secs => %(window)s) AND final_at IS NOT NULL
      AND parent_id IS NULL AND status <> 'denied' AND (%(user_id)s::int IS NULL OR user_id = %(user_id)s)
    ORDER BY received_at DESC LIMIT %(limit)s
) latest
"""
_AT_MOST = 50_000
"""Decisions that are counted: of a busier window the latest ones."""


def routing_stats(window_s: int, user_id: int | None) -> dict[str, Any]:
    """Figures of the window, of one user or of all. Two queries; unknown shares are None."""
    params = {"window": window_s, "user_id": user_id, "limit": _AT_MOST}
    (row,) = fetch(_STATS, params)
    count, denied, failovers, retried, smart, cached, split, saved, took, exchanges, orderings = row
    ((filled, ended),) = fetch(_ENDS, params)
    p50, p99 = took or (None, None)
    return {
        "window_s": window_s,
        "decisions": count,
        "denied": denied,
        "failovers": failovers,
        "attempts_after_the_first": retried,
        "smart": smart,
        "cache_hits": cached,
        "split": split,
        "split_saved_bps": None if saved is None else round(saved, 3),
        "took_p50_ms": None if p50 is None else round(p50 / 1000, 3),
        "took_p99_ms": None if p99 is None else round(p99 / 1000, 3),
        "success_rate": None if not ended else round(filled / ended, 4),
        "by_exchange": _dict(exchanges),
        "by_ordering": _dict(orderings),
    }


def _dict(value: Any) -> dict[str, int]:
    found: dict[str, int] = (json.loads(value) if isinstance(value, str) else value) or {}
    return dict(sorted(found.items()))
