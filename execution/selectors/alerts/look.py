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
    """An order whose fate nobody knows."""

    pk: str
    status: str
    exchange: str
    what: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """The state of the platform at one moment. `watched`: the conditions of the rules that are on."""

    now: datetime
    policy: Policy
    facts: Facts
    watched: Collection[Condition] = ()
    statuses: tuple[ExchangeStatus, ...] = ()
    chains: Mapping[str, ChainNow] = field(default_factory=dict)
    questions: Questions = field(default_factory=Questions)
    heard_at: Mapping[str, datetime | None] = field(default_factory=dict)
    seen_at: Mapping[str, datetime | None] = field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


_COUNTS = """
SELECT 'failovers', count(*), '', '', '', NULL::timestamptz FROM execution_decision d
WHERE d.decided_at > %(minute_ago)s AND d.exchange <> '' AND d.exchange <> d."primary"
UNION ALL
SELECT 'denials', count(*), '', '', '', NULL::timestamptz FROM execution_signal
WHERE status = 'denied' AND received_at > %(hour_ago)s
UNION ALL
SELECT 'refusals', count(*), '', '', '', NULL::timestamptz FROM execution_webhookdelivery
WHERE outcome = 'refused' AND at > %(hour_ago)s
UNION ALL
(SELECT 'doubt', 0, id::text, status, exchange_id || '|' || upper(side) || ' ' || symbol,
        coalesce(submitted_at, created_at)
 FROM execution_order WHERE status IN ('unknown', 'needs_attention')
 ORDER BY status, created_at LIMIT %(limit)s)
"""


def look(policy: Policy, now: datetime, watched: Collection[Condition]) -> Look:
    """Read it."""
    health = {row.exchange_id: health_of(row) for row in ExchangeHealth.objects.all()}
    facts = Facts(health, {}, breakers=all_breakers())
    beats = list(Heartbeat.objects.all())
    counts, doubts = _counted(now)
    return Look(
        now=now,
        policy=policy,
        facts=facts,
        watched=frozenset(watched),
        statuses=tuple(all_statuses(policy, facts, now)),
        chains=all_chains_now(policy, facts, now),
        questions=open_questions(LIMIT),
        heard_at=heard(beats),
        seen_at={kind: _newest(beats, kind) for kind in ("beat", "worker")},
        doubts=doubts,
        counts=counts,
    )


def _newest(beats: list[Heartbeat], kind: str) -> datetime | None:
    return max((beat.seen_at for beat in beats if beat.kind == kind), default=None)


def _counted(now: datetime) -> tuple[dict[str, int], tuple[Doubt, ...]]:
    params: dict[str, Any] = {
        "minute_ago": now - timedelta(minutes=1),
        "hour_ago": now - timedelta(hours=1),
        "limit": LIMIT,
    }
    counts: dict[str, int] = {}
    doubts = []
    for kind, count, pk, status, what, since in fetch(_COUNTS, params):
        if kind == "doubt":
            exchange, _, text = what.partition("|")
            doubts.append(Doubt(pk, status, exchange, text, since))
        else:
            counts[kind] = count
    return counts, tuple(doubts)
