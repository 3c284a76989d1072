"""How strategies and chains were used over the last day."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from execution.selectors.query import fetch
from execution.selectors.shared import shared

SHARED_S = 15
_STRATEGIES = """
SELECT strategy_id, count(*), count(*) FILTER (WHERE status = 'denied') FROM execution_signal
WHERE received_at > %(since)s AND strategy_id <> '' AND parent_id IS NULL GROUP BY strategy_id
"""
_FAILOVERS = """
SELECT "primary", count(*) FROM execution_decision
WHERE decided_at > %(since)s AND exchange <> '' AND exchange <> "primary" GROUP BY "primary"
"""


@dataclass(frozen=True, slots=True)
class Day:
    """Signals of a strategy in the last 24 hours."""

    signals: int = 0
    denied: int = 0


def strategies_today() -> dict[str, Day]:
    """Strategy -> its last 24 hours. One query, shared for some seconds."""
    return shared("strategies-today", SHARED_S, _read_strategies)


def _read_strategies() -> dict[str, Day]:
    since = timezone.now() - timedelta(days=1)
    return {strategy: Day(signals, denied) for strategy, signals, denied in fetch(_STRATEGIES, {"since": since})}


def failovers_today() -> dict[str, int]:
    """Primary -> decisions of the last 24 hours that took another exchange. One query, shared for some seconds."""
    return shared("failovers-today", SHARED_S, _read_failovers)


def _read_failovers() -> dict[str, int]:
    return dict(fetch(_FAILOVERS, {"since": timezone.now() - timedelta(days=1)}))
