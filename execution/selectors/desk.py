"""Everything the Desk shows, read at one moment, shared by all who look."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from execution.domain.orders import FINAL, OrderStatus, SignalStatus
from execution.domain.router import Facts
from execution.models import Heartbeat, Signal
from execution.selectors.attention import Item, attention
from execution.selectors.canaries import CANARY
from execution.selectors.exchange_status import ExchangeStatus, all_statuses
from execution.selectors.facts import current_facts
from execution.selectors.query import fetch
from execution.selectors.shared import shared
from policies.domain.policy import Policy
from policies.selectors.changes import PolicyChange, latest_changes
from policies.snapshot import current_policy

SHARED_S = 1
ROWS = 6


@dataclass(frozen=True, slots=True)
class Hour:
    """What became of the signals of the last hour. `…_before`: in the hour before that."""

    signals: int = 0
    signals_before: int = 0
    filled: int = 0
    finished: int = 0
    denied: int = 0
    denied_before: int = 0
    top_code: str = ""

    @property
    def filled_share(self) -> float | None:
        """Filled of all that ended; None when none ended."""
        return self.filled / self.finished if self.finished else None


@dataclass(frozen=True, slots=True)
class Live:
    """The orders of one exchange that are not final."""

    in_flight: int = 0
    queued: int = 0
    open: int = 0
    in_doubt: int = 0


@dataclass(frozen=True, slots=True)
class Tile:
    """One exchange on the Desk."""

    status: ExchangeStatus
    live: Live
    max_in_flight: int


@dataclass(frozen=True, slots=True)
class Denial:
    """A signal that was denied lately."""

    pk: str
    at: datetime
    strategy: str
    user: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the platform and when it was last seen."""

    name: str
    kind: str
    version: str
    seen_at: datetime
    in_flight: int


@dataclass(frozen=True, slots=True)
class Desk:
    """One look at the platform."""

    at: datetime
    policy_version: int
    hour: Hour
    in_doubt: int
    oldest_in_doubt: datetime | None
    waiting: int
    oldest_waiting: datetime | None
    ack_p50_ms: float | None
    ack_p95_ms: float | None
    tiles: tuple[Tile, ...]
    attention: tuple[Item, ...]
    denials: tuple[Denial, ...]
    changes: tuple[PolicyChange, ...]
    processes: tuple[Process, ...]


def desk_snapshot() -> Desk:
    """The Desk as of at most a second ago."""
    return shared("desk", SHARED_S, read_desk)


def read_desk() -> Desk:
    """The Desk now. Twelve queries, however many rows there are."""
    now = timezone.now()
    policy, facts = current_policy(), current_facts()
    live, oldest_in_doubt = _live_orders()
    waiting, oldest_waiting = _waiting()
    p50, p95 = _time_to_ack(now)
    return Desk(
        at=now,
        policy_version=policy.version,
        hour=_last_hour(now),
        in_doubt=sum(orders.in_doubt for orders in live.values()),
        oldest_in_doubt=oldest_in_doubt,
        waiting=waiting + sum(orders.queued for orders in live.values()),
        oldest_waiting=oldest_waiting,
        ack_p50_ms=p50,
        ack_p95_ms=p95,
        tiles=_tiles(policy, facts, live, now),
        attention=tuple(attention(policy, facts, now, ROWS)),
        denials=_latest_denials(),
        changes=tuple(latest_changes(ROWS - 1)),
        processes=_processes(),
    )


_LAST_HOUR = """
SELECT status, reason_code, count(*) FILTER (WHERE received_at > %(hour_ago)s),
       count(*) FILTER (WHERE received_at <= %(hour_ago)s)
FROM execution_signal WHERE received_at > %(two_hours_ago)s AND parent_id IS NULL GROUP BY status, reason_code
"""
_UNFINISHED = {SignalStatus.PENDING, SignalStatus.ROUTING, SignalStatus.QUEUED, SignalStatus.EXECUTING}


def _last_hour(now: datetime) -> Hour:
    since = {"hour_ago": now - timedelta(hours=1), "two_hours_ago": now - timedelta(hours=2)}
    rows: list[tuple[str, str, int, int]] = fetch(_LAST_HOUR, since)
    denied = [(count, code) for status, code, count, _ in rows if status == SignalStatus.DENIED]
    return Hour(
        signals=sum(count for _, _, count, _ in rows),
        signals_before=sum(before for _, _, _, before in rows),
        filled=sum(n for status, _, n, _ in rows if status in {SignalStatus.FILLED, SignalStatus.PARTIAL_FILL}),
        finished=sum(count for status, _, count, _ in rows if status not in _UNFINISHED),
        denied=sum(count for count, _ in denied),
        denied_before=sum(before for status, _, _, before in rows if status == SignalStatus.DENIED),
        top_code=max(denied)[1] if any(count for count, _ in denied) else "",
    )


_LIVE = """
SELECT exchange_id, status, count(*), min(COALESCE(submitted_at, created_at)) FROM execution_order
WHERE NOT status = ANY(%(final)s) GROUP BY exchange_id, status
"""


def _live_orders() -> tuple[dict[str, Live], datetime | None]:
    counts: dict[str, dict[str, int]] = {}
    doubtful = []
    for slug, status, count, oldest in fetch(_LIVE, {"final": sorted(FINAL)}):
        counts.setdefault(slug, {})[status] = count
        if status in (OrderStatus.UNKNOWN, OrderStatus.NEEDS_ATTENTION):
            doubtful.append(oldest)
    live = {
        slug: Live(
            in_flight=found.get(OrderStatus.SUBMITTING, 0),
            queued=found.get(OrderStatus.QUEUED, 0),
            open=found.get(OrderStatus.OPEN, 0) + found.get(OrderStatus.PARTIALLY_FILLED, 0),
            in_doubt=found.get(OrderStatus.UNKNOWN, 0) + found.get(OrderStatus.NEEDS_ATTENTION, 0),
        )
        for slug, found in counts.items()
    }
    return live, min(doubtful, default=None)


def _waiting() -> tuple[int, datetime | None]:
    """Signals that nobody has routed yet."""
    rows = fetch(
        "SELECT count(*), min(received_at) FROM execution_signal WHERE status = 'pending' AND due_at IS NULL", {}
    )
    count, oldest = rows[0]
    return count, oldest


_TIME_TO_ACK = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), percentile_cont(0.95) WITHIN GROUP (ORDER BY ms)
FROM (
    SELECT extract(epoch FROM o.acked_at - s.received_at) * 1000 AS ms
    FROM execution_order o JOIN execution_signal s ON s.id = o.signal_id
    WHERE o.created_at > %(since)s AND o.acked_at IS NOT NULL AND o.attempt = 1
) times
"""


def _time_to_ack(now: datetime) -> tuple[float | None, float | None]:
    """From receipt of the signal to the exchange's first clear answer, over the last hour's first attempts."""
    p50, p95 = fetch(_TIME_TO_ACK, {"since": now - timedelta(hours=1)})[0]
    return p50, p95


def _tiles(policy: Policy, facts: Facts, live: dict[str, Live], now: datetime) -> tuple[Tile, ...]:
    return tuple(
        Tile(status, live.get(status.slug, Live()), policy.exchanges[status.slug].max_in_flight)
        for status in all_statuses(policy, facts, now)
    )


def _latest_denials() -> tuple[Denial, ...]:
    rows: Any = (
        Signal.objects.filter(
            status=SignalStatus.DENIED, parent=None, received_at__gt=timezone.now() - timedelta(days=1)
        )
        .order_by("-received_at")
        .values_list("pk", "received_at", "strategy_id", "user__username", "reason_code", "reason_detail")[:ROWS]
    )
    return tuple(Denial(str(pk), *rest) for pk, *rest in rows)


def _processes() -> tuple[Process, ...]:
    processes = Heartbeat.objects.exclude(kind=CANARY).order_by("kind", "name")
    rows = processes.values_list("name", "kind", "version", "seen_at", "in_flight")
    return tuple(Process(*row) for row in rows)


_PER_MINUTE = """
SELECT minute, count(s.id), count(s.id) FILTER (WHERE s.status = 'denied'), count(s.id) FILTER (WHERE s.attempt > 1)
FROM generate_series(date_trunc('minute', %(since)s::timestamptz), date_trunc('minute', %(now)s::timestamptz),
                     interval '1 minute') minute
LEFT JOIN execution_signal s
       ON s.received_at >= minute AND s.received_at < minute + interval '1 minute' AND s.received_at > %(since)s
          AND s.parent_id IS NULL
GROUP BY minute ORDER BY minute
"""


@dataclass(frozen=True, slots=True)
class Minute:
    """How many signals arrived in a minute, and what became of them."""

    at: datetime
    signals: int
    denied: int
    failed_over: int


def signals_per_minute() -> list[Minute]:
    """The last hour, a minute at a time. One query."""
    now = timezone.now()
    return [Minute(*row) for row in fetch(_PER_MINUTE, {"now": now, "since": now - timedelta(minutes=59)})]
