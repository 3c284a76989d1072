"""What needs a person now, the worst first: one list for the Desk, the menu's count and the page of its own."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from execution.domain.arbitrage_trade import TradeState
from execution.domain.orders import OrderStatus
from execution.domain.router import Facts
from execution.models import ArbitrageTrade, Heartbeat, Order
from execution.selectors.canaries import deaf_queues, heard
from execution.selectors.exchange_status import all_statuses
from execution.selectors.questions import Difference, Kind, Questions, Stray, Uncompared, open_questions
from policies.display.formats import age_since, amount
from policies.display.words import Tone
from policies.domain.policy import Policy, Scope, TradingStatus
from policies.models import ExchangeCredential

SILENT_AFTER_S = 30
STALE_UNKNOWN_S = 300
BEAT = "beat"
WORKER = "worker"


RESTORED = "The database was restored or replaced"
"""How the reason of a halt begins that `execution.services.reconcile.epoch` made."""

NAMED = 5
ALL = 100
"""Items on the page, and the most the menu counts."""

Question = Uncompared | Stray | Difference


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to look at. `page` and `pk` name its page in the admin; without `pk` the list."""

    tone: Tone
    word: str
    text: str
    since: datetime | None
    page: str = ""
    pk: str = ""
    kind: Kind = Kind.EXCHANGE


Found = tuple[Item, "Order | Question | None"]
"""An item, and the row it was made from."""


def attention(policy: Policy, facts: Facts, now: datetime, limit: int) -> list[Item]:
    """Everything that needs a person, the worst first. Five queries."""
    return [item for item, _ in found_with_rows(policy, facts, now, limit)]


def found_with_rows(policy: Policy, facts: Facts, now: datetime, limit: int) -> list[Found]:
    """The same, each with its row."""
    beats, questions = list(Heartbeat.objects.all()), open_questions(limit)
    plain = [*_restored(policy, questions.uncompared), *_silent(beats, now)]
    found: list[Found] = [(item, None) for item in plain]
    found += orders_in_doubt(now, limit)
    found += _questions(questions, now)
    found += [(item, None) for item in (*_one_legged(limit), *_exchanges(policy, facts, now), *_frozen_keys(limit))]
    return sorted(found, key=lambda pair: pair[0].tone != Tone.ACT)[:limit]


def _restored(policy: Policy, waiting: Sequence[Uncompared]) -> Iterator[Item]:
    """Everything is halted because this may not be the database that the last orders were written to."""
    rule = policy.states.get((Scope.GLOBAL, ""))
    if rule is None or rule.status != TradingStatus.HALTED or not rule.reason.startswith(RESTORED):
        return
    more = ", …" if len(waiting) > NAMED else ""
    names = ", ".join(str(row.account) for row in waiting[:NAMED])
    left = f"still to be compared: {names}{more}" if waiting else "every account was compared"
    text = f"{rule.reason.partition('. ')[0]}. Everything is halted until a person releases it; {left}."
    yield Item(Tone.ACT, "RESTORED", text, rule.since, "policies_tradingstate", kind=Kind.RESTORED)


def orders_in_doubt(now: datetime, limit: int) -> list[Found]:
    """Orders that may be live at an exchange and nobody knows: first those that wait for a person, oldest first."""
    rows = (
        Order.objects.filter(status__in=(OrderStatus.UNKNOWN, OrderStatus.NEEDS_ATTENTION))
        .select_related("user", "signal", "taken_by")
        .order_by("status", "created_at")[:limit]
    )
    return [(order_item(order, now), order) for order in rows]


def order_item(order: Order, now: datetime) -> Item:
    """An order in doubt: red when a person has to find out, or when it takes too long."""
    since = order.submitted_at or order.created_at
    urgent = order.status == OrderStatus.NEEDS_ATTENTION or now - since > timedelta(seconds=STALE_UNKNOWN_S)
    who = " · ".join(filter(None, (order.signal.strategy_id, order.user.get_username())))
    text = f"{order.exchange_id} {order.side.upper()} {amount(order.amount)} {order.symbol} · {who}"
    word = "NEEDS ATTENTION" if order.status == OrderStatus.NEEDS_ATTENTION else "UNKNOWN"
    tone = Tone.ACT if urgent else Tone.WATCH
    return Item(tone, word, text, since, "execution_order", str(order.pk), Kind.ORDER)


_PAGES = {
    Kind.ACCOUNT: "execution_reconciliation",
    Kind.ORPHAN: "execution_orphan",
    Kind.BREAK: "execution_bookbreak",
}


def _questions(found: Questions, now: datetime) -> Iterator[Found]:
    for kind, rows in (
        (Kind.ACCOUNT, found.uncompared),
        (Kind.ORPHAN, found.strays),
        (Kind.BREAK, found.differences),
    ):
        yield from _question_items(kind, rows, now)


def _question_items(kind: Kind, rows: Iterable[Question], now: datetime) -> Iterator[Found]:
    for row in rows:
        yield Item(row.tone(now), row.word(now), row.text, row.since, _PAGES[kind], row.pk, kind), row


def _one_legged(limit: int) -> list[Item]:
    rows = ArbitrageTrade.objects.filter(state=TradeState.HELD).select_related("user").order_by("held_at")[:limit]
    return [
        Item(
            Tone.ACT,
            "ONE-LEGGED",
            f"Arbitrage {row.symbol} {row.buy_exchange} → {row.sell_exchange} · {row.user.get_username()}: "
            f"{amount(row.open_amount)} {row.symbol.partition('/')[0]} is open. Complete, trade back, or accept it.",
            row.held_at,
            "execution_arbitragetrade",
            str(row.pk),
        )
        for row in rows
    ]


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
            Kind.KEYS,
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
        if status.word in {"DOWN", "DEGRADED", "STALE", "UNCHECKED", "BREAKER OPEN", "PROBING", "BANNED"}
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
            found.append(Item(Tone.ACT, "SILENT", missing + last, seen, kind=Kind.SILENT))
    return found or _deaf(beats, now)


def _deaf(beats: list[Heartbeat], now: datetime) -> list[Item]:
    """Queues whose messages do not arrive although everybody is alive."""
    since = heard(beats)
    lost = deaf_queues(since, now)
    if not lost:
        return []
    text = f"Messages of {', '.join(lost)} do not arrive. Orders go on, within a second. Look at Redis and the workers."
    heard_at = max(filter(None, (since[queue] for queue in lost)), default=None)
    return [Item(Tone.WATCH, "DEAF", text, heard_at, kind=Kind.DEAF)]
