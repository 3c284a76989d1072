"""Everything the conditions of alert rules look at, read once for all rules. At most seven queries."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from execution.domain.router import Facts
from execution.models import ExchangeHealth, Heartbeat
from execution.selectors.breakers import all_breakers
from execution.selectors.canaries import heard
from execution.selectors.chains import ChainNow, all_chains_now
from execution.selectors.exchange_status import ExchangeStatus, all_statuses
from execution.selectors.facts import health_of
from execution.selectors.query import fetch
from execution.selectors.questions import Questions, open_questions
from policies.domain.alerts import Condition
from policies.domain.policy import Policy

LIMIT = 100
"""Orders, accounts and orphans looked at; more are one more alert each that nobody could read."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """An order whose fate nobody knows, or an arbitrage of which a part is open."""

    pk: str
    status: str
    exchange: str
    what: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """The state of the platform at one moment.

    counts: of the conditions that ask for one. placed: exchange -> orders rejected and orders in all, of late.
    waits_since: when the oldest came that waits to be sent; None where nothing waits.
    """

    now: datetime
    policy: Policy
    facts: Facts
    statuses: tuple[ExchangeStatus, ...] = ()
    chains: Mapping[str, ChainNow] = field(default_factory=dict)
    questions: Questions = field(default_factory=Questions)
    heard_at: Mapping[str, datetime | None] = field(default_factory=dict)
    seen_at: Mapping[str, datetime | None] = field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()
    one_legged: tuple[Doubt, ...] = ()
    counts: Mapping[Condition, int] = field(default_factory=dict)
    placed: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    waits_since: datetime | None = None


_DOUBT = """
(SELECT 'doubt', 0, id::text, status, exchange_id || '|' || upper(side) || ' ' || symbol,
        coalesce(submitted_at, created_at)
 FROM execution_order WHERE status IN ('unknown', 'needs_attention')
 ORDER BY status, created_at LIMIT %(limit)s)
"""
# Each as long as somebody watches for it: an hour of signals may be many.
_COUNTED = {
    Condition.FAILOVERS: """
SELECT 'failovers', count(*), '', '', '', NULL::timestamptz FROM execution_decision d
WHERE d.decided_at > %(minute_ago)s AND d.exchange <> '' AND d.exchange <> d."primary" AND d."primary" <> ''
""",
    Condition.DENIALS: """
SELECT 'denials', count(*), '', '', '', NULL::timestamptz FROM execution_signal
WHERE status = 'denied' AND received_at > %(hour_ago)s
""",
    Condition.WEBHOOK_REFUSALS: """
SELECT 'webhook_refusals', count(*), '', '', '', NULL::timestamptz FROM execution_webhookdelivery
WHERE outcome = 'refused' AND at > %(hour_ago)s
""",
    Condition.REJECTIONS: """
SELECT 'rejections', count(*) FILTER (WHERE status = 'rejected'), exchange_id, count(*)::text, '', NULL::timestamptz
FROM execution_order WHERE created_at > %(minutes_ago)s AND submitted_at IS NOT NULL GROUP BY exchange_id
""",
    Condition.ARBITRAGE_ONE_LEGGED: """
(SELECT 'arbitrage_one_legged', 0, id::text, symbol, reason_detail, held_at
 FROM execution_arbitragetrade WHERE state = 'held' ORDER BY held_at LIMIT %(limit)s)
""",
    # What is traded in parts comes back between them, however long ago it was received. Each line has its own index.
    Condition.QUEUE_AGE: """
SELECT 'queue_age', count(*), '', '', '', min(at) FROM (
    SELECT received_at AS at FROM execution_signal WHERE status = 'pending' AND due_at IS NULL AND parts_made = 0
    UNION ALL SELECT due_at FROM execution_signal WHERE status = 'pending' AND due_at <= %(now)s
    UNION ALL SELECT coalesce(due_at, received_at) FROM execution_signal WHERE status = 'routing' AND parts_made = 0
    UNION ALL SELECT created_at FROM execution_order WHERE status = 'queued') AS waiting
""",
}


def look(policy: Policy, now: datetime, watched: Collection[Condition]) -> Look:
    """Read it. watched: the conditions somebody wants to know of; some are counted only then."""
    health = {row.exchange_id: health_of(row) for row in ExchangeHealth.objects.all()}
    facts = Facts(health, {}, breakers=all_breakers())
    beats = list(Heartbeat.objects.all())
    counted = _counted(now, watched)
    return Look(
        now=now,
        policy=policy,
        facts=facts,
        statuses=tuple(all_statuses(policy, facts, now)),
        chains=all_chains_now(policy, facts, now),
        questions=open_questions(LIMIT),
        heard_at=heard(beats),
        seen_at={kind: _newest(beats, kind) for kind in ("beat", "worker")},
        **counted,
    )


def _newest(beats: list[Heartbeat], kind: str) -> datetime | None:
    return max((beat.seen_at for beat in beats if beat.kind == kind), default=None)


def _counted(now: datetime, watched: Collection[Condition]) -> dict[str, Any]:
    """The fields of `Look` that are counted from rows."""
    params: dict[str, Any] = {
        "now": now,
        "minute_ago": now - timedelta(minutes=1),
        "minutes_ago": now - timedelta(minutes=5),
        "hour_ago": now - timedelta(hours=1),
        "limit": LIMIT,
    }
    asked = [_DOUBT, *(sql for condition, sql in _COUNTED.items() if condition in watched)]
    counts: dict[Condition, int] = {}
    placed: dict[str, tuple[int, int]] = {}
    doubts: list[Doubt] = []
    one_legged: list[Doubt] = []
    waits_since = None
    for kind, count, name, word, what, at in fetch("UNION ALL".join(asked), params):
        if kind == "doubt":
            exchange, _, text = what.partition("|")
            doubts.append(Doubt(name, word, exchange, text, at))
        elif kind == Condition.ARBITRAGE_ONE_LEGGED:
            one_legged.append(Doubt(name, word, "", what, at))
        elif kind == Condition.REJECTIONS:
            placed[name] = count, int(word)
        else:
            counts[Condition(kind)] = count
            waits_since = at or waits_since
    found = {"counts": counts, "placed": placed, "waits_since": waits_since}
    return {**found, "doubts": tuple(doubts), "one_legged": tuple(one_legged)}
