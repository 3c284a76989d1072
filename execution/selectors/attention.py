"""What needs a person now: orders in doubt, frozen keys, exchanges in trouble, processes that fell silent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from execution.domain.orders import OrderStatus
from execution.domain.queues import CANARY_SILENT_AFTER_S, QUEUES, canary_name
from execution.domain.router import Facts
from execution.models import Heartbeat, Order
from execution.selectors.exchange_status import all_statuses
from policies.display.formats import age_since, amount
from policies.display.words import Tone
from policies.domain.policy import Policy
from policies.models import ExchangeCredential

SILENT_AFTER_S = 30
STALE_UNKNOWN_S = 300
BEAT = "beat"
WORKER = "worker"
CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to look at. `page` and `pk` name its page in the admin."""

    tone: Tone
    word: str
    text: str
    since: datetime | None
    page: str = ""
    pk: str = ""


def attention(policy: Policy, facts: Facts, now: datetime, limit: int) -> list[Item]:
    """Everything that needs a person, the worst first. Three queries."""
    found = [
        *orders_in_doubt(now, limit),
        *_silent(list(Heartbeat.objects.all()), now),
        *_exchanges(policy, facts, now),
        *_frozen_keys(limit),
    ]
    return sorted(found, key=lambda item: item.tone != Tone.ACT)[:limit]


def orders_in_doubt(now: datetime, limit: int) -> list[Item]:
    """Orders that may be live at an exchange and nobody knows, oldest first."""
    rows = (
        Order.objects.filter(status__in=(OrderStatus.UNKNOWN, OrderStatus.NEEDS_ATTENTION))
        .select_related("user", "signal")
        .order_by("created_at")[:limit]
    )
    return [_order_item(order, now) for order in rows]


def _order_item(order: Order, now: datetime) -> Item:
    since = order.submitted_at or order.created_at
    urgent = order.status == OrderStatus.NEEDS_ATTENTION or now - since > timedelta(seconds=STALE_UNKNOWN_S)
    who = " · ".join(filter(None, (order.signal.strategy_id, order.user.get_username())))
    text = f"{order.exchange_id} {order.side.upper()} {amount(order.amount)} {order.symbol} · {who}"
    word = "NEEDS ATTENTION" if order.status == OrderStatus.NEEDS_ATTENTION else "UNKNOWN"
    return Item(Tone.ACT if urgent else Tone.WATCH, word, text, since, "execution_order", str(order.pk))


def _frozen_keys(limit: int) -> list[Item]:
    rows = ExchangeCredential.objects.filter(frozen=True).select_related("user").defer("ciphertext")[:limit]
    return [
        Item(
            Tone.WATCH,
            "FROZEN",
            f"{row.mode} keys of {row.user.get_username()} for {row.exchange_id}: {row.frozen_reason or '–'}",
            None,
            "policies_exchangecredential",
            str(row.pk),
        )
        for row in rows
    ]


def _exchanges(policy: Policy, facts: Facts, now: datetime) -> list[Item]:
    # A halt is told by the banner; here is what nobody decided.
    return [
        Item(
            status.tone,
            status.word,
            f"{status.name}: {status.sentence}",
            status.since,
            "policies_exchange",
            status.slug,
        )
        for status in all_statuses(policy, facts, now)
        if status.word in {"DOWN", "DEGRADED", "STALE", "UNCHECKED"}
    ]


def _silent(beats: list[Heartbeat], now: datetime) -> list[Item]:
    found = []
    for kind, missing in (
        (BEAT, "The scheduler (beat) is silent: nothing checks the exchanges. Start it."),
        (WORKER, "No worker is alive: signals are stored and not sent. Start one."),
    ):
        seen = max((beat.seen_at for beat in beats if beat.kind == kind), default=None)
        if seen is None or now - seen > timedelta(seconds=SILENT_AFTER_S):
            last = f" Last seen {age_since(seen, now)} ago." if seen else " It was never seen."
            found.append(Item(Tone.ACT, "SILENT", missing + last, seen))
    return found or _deaf(beats, now)


def _deaf(beats: list[Heartbeat], now: datetime) -> list[Item]:
    """Queues whose messages do not arrive although everybody is alive."""
    heard = {beat.name: beat.seen_at for beat in beats if beat.kind == CANARY}
    since = {queue: heard.get(canary_name(queue)) for queue in QUEUES}
    lost = [queue for queue, at in since.items() if at is None or (now - at).total_seconds() > CANARY_SILENT_AFTER_S]
    if not lost:
        return []
    text = f"Messages of {', '.join(lost)} do not arrive. Orders go on, within a second. Look at Redis and the workers."
    return [Item(Tone.WATCH, "DEAF", text, max(filter(None, (since[queue] for queue in lost)), default=None))]
