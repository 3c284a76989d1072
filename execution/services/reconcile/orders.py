"""An account's orders at the exchange against ours: what we know is left to its own look-ups, what is ours and has no
row gets one, what nobody explains is shown to people. Nothing is ever sent or cancelled from here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from execution.domain.ids import order_id, part_id, part_orders
from execution.domain.life import MAX_ATTEMPTS
from execution.domain.orders import SIGNAL_FINAL, OrderStatus, OrderType, Side, SignalStatus, TimeInForce
from execution.domain.parts import MAX_PARTS
from execution.exchanges.base import SeenOrder
from execution.exchanges.errors import ExchangeError
from execution.exchanges.registry import traits
from execution.models import Order, OrderEvent, Orphan, Position, Reconciliation, Signal
from execution.services.reconcile.parts import Placed, take_as_placed, the_part
from execution.services.sql import execute, fetch
from policies.domain.policy import Mode
from policies.domain.reasons import ReasonCode
from policies.models import ExchangeCredential

logger = structlog.get_logger(__name__)

RESTORED = "The database was restored or replaced"
"""How the reason of a reconciliation begins whose rows may be missing here."""

LEASE_S = 330
"""Longer than one account may take."""

RETRY_S = 5.0
SWEEP_EVERY = timedelta(minutes=10)
"""How often an account in use is looked through for orders of ours without a row."""

OVERLAP = timedelta(minutes=5)
SYMBOLS_OF_LAST = timedelta(days=7)
CLIENT_ID_LENGTH = 32
REACH_MARGIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Task:
    """One account to look through: keys, and what to ask the exchange for."""

    credential_id: UUID
    user_id: int
    exchange: str
    mode: Mode
    since: datetime
    symbols: frozenset[str]
    required: bool
    restored: bool


# Accounts that were never looked through become due one after the other, so that a start asks nobody for everything.
_INTRODUCE = """
INSERT INTO execution_reconciliation (
    credential_id, user_id, exchange_id, required_at, since, reason, next_at, clean_at, last_error, orders_seen,
    orders_adopted)
SELECT c.id, c.user_id, c.exchange_id, clock_timestamp(), clock_timestamp(), 'Routine',
       clock_timestamp() + random() * make_interval(secs => %(every)s), clock_timestamp(), '', 0, 0
FROM policies_exchangecredential c LEFT JOIN execution_reconciliation r ON r.credential_id = c.id
WHERE NOT c.frozen AND r.credential_id IS NULL
ON CONFLICT DO NOTHING
"""
_CLAIM = """
WITH due AS (
    SELECT r.credential_id FROM execution_reconciliation r
    JOIN policies_exchangecredential c ON c.id = r.credential_id AND NOT c.frozen
    WHERE r.next_at <= clock_timestamp()
    ORDER BY (r.clean_at IS NULL) DESC, r.next_at LIMIT %(limit)s FOR UPDATE OF r SKIP LOCKED
), leased AS (
    UPDATE execution_reconciliation r SET next_at = clock_timestamp() + make_interval(secs => %(lease)s)
    FROM due WHERE r.credential_id = due.credential_id RETURNING r.*
)
SELECT l.credential_id, l.user_id, l.exchange_id, c.mode, l.since, l.clean_at IS NULL, l.reason
FROM leased l JOIN policies_exchangecredential c ON c.id = l.credential_id
"""


def introduce() -> int:
    """Accounts that have no row yet get one."""
    return execute(_INTRODUCE, {"every": SWEEP_EVERY.total_seconds()})


def claim_due(limit: int) -> list[Task]:
    """Take accounts that are due, those that hold up trading first."""
    rows = fetch(_CLAIM, {"limit": limit, "lease": LEASE_S})
    return [_task(*row) for row in rows]


def _task(
    credential_id: UUID, user_id: int, exchange: str, mode: str, since: datetime, required: bool, reason: str
) -> Task:
    symbols = _symbols(user_id, exchange, since)
    restored = reason.startswith(RESTORED)
    return Task(credential_id, user_id, exchange, Mode(mode), since, symbols, required, restored)


def reachable(task: Task, now: datetime) -> datetime:
    """From when on the exchange can be asked: some forget ended orders after days.

    After a mere absence that is enough, because our rows of older orders are complete. Raises ExchangeError after a
    restored backup: what lies further back cannot be compared, so a person must say that the account may be used.
    """
    reach = traits(task.exchange).lists_back_s
    if not math.isfinite(reach) or task.since >= (oldest := now - timedelta(seconds=reach) + REACH_MARGIN):
        return task.since
    if task.restored:
        told = f"{task.exchange} tells of ended orders of the last {reach / 86400:g} days only."
        raise ExchangeError(ReasonCode.NEEDS_ATTENTION, f"{told} Look there yourself, then trust the account.")
    return oldest


def _symbols(user_id: int, exchange: str, since: datetime) -> frozenset[str]:
    """The pairs in which this user may have orders there: for exchanges that list orders by pair."""
    recent = since - SYMBOLS_OF_LAST
    signals = Signal.objects.filter(user_id=user_id, received_at__gte=recent)
    positions = Position.objects.filter(user_id=user_id, exchange_id=exchange)
    found = set(signals.values_list("symbol", flat=True).distinct()) | set(positions.values_list("symbol", flat=True))
    return frozenset(found)


def failed(task: Task, error: str) -> None:
    """The exchange did not tell. What waits goes on waiting."""
    retry = timezone.now() + (timedelta(seconds=RETRY_S) if task.required else SWEEP_EVERY / 5)
    Reconciliation.objects.filter(pk=task.credential_id).update(last_error=error[:300], next_at=retry)


@dataclass(frozen=True, slots=True)
class Found:
    """What one look through an account brought."""

    adopted: int
    orphans: int
    clean: bool


@transaction.atomic
def settle(task: Task, seen: Sequence[SeenOrder], asked_at: datetime) -> Found:
    """Compare all orders the exchange listed with ours, adopt and note, and say whether the account is clean."""
    ours = {UUID(order.client_order_id): order for order in seen if _has_our_form(order.client_order_id)}
    rows = {row.pk: row for row in Order.objects.select_for_update().filter(pk__in=list(ours))}
    adopted = sum(_withdraw_from_queue(row, ours[row.pk]) for row in rows.values() if row.status == OrderStatus.QUEUED)
    contradicted = [ours[pk] for pk, row in rows.items() if _contradicts(row, ours[pk])]
    unexplained = {pk: order for pk, order in ours.items() if pk not in rows}
    if unexplained:
        adopted += _adopt(task, unexplained)
    orphans = [*contradicted, *unexplained.values(), *_unidentified(task, seen)]
    _note(task, orphans)
    open_question = _may_be_ours(task) if task.required else ""
    Reconciliation.objects.filter(pk=task.credential_id).update(
        orders_seen=len(seen),
        orders_adopted=adopted,
        last_error=open_question,
        clean_at=None if open_question else timezone.now(),
        since=task.since if open_question else asked_at - OVERLAP,
        next_at=timezone.now() + (timedelta(seconds=RETRY_S) if open_question else SWEEP_EVERY),
    )
    if adopted or orphans:
        logger.critical("reconciliation_found", exchange=task.exchange, adopted=adopted, orphans=len(orphans))
    return Found(adopted, len(orphans), not open_question)


def _has_our_form(client_order_id: str) -> bool:
    return len(client_order_id) == CLIENT_ID_LENGTH and all(c in "0123456789abcdef" for c in client_order_id)


def _contradicts(row: Order, seen: SeenOrder) -> bool:
    """We say it never existed there, and there it is."""
    existed = seen.status != OrderStatus.REJECTED
    return existed and row.status in {OrderStatus.NOT_PLACED, OrderStatus.REJECTED}


def _withdraw_from_queue(row: Order, seen: SeenOrder) -> bool:
    """A row that says "not sent yet" of an order that was: the row is older than the order. Look it up instead."""
    _event(row.pk, OrderStatus.QUEUED, OrderStatus.SUBMITTING)
    Order.objects.filter(pk=row.pk).update(
        status=OrderStatus.SUBMITTING,
        exchange_order_id=seen.exchange_order_id,
        submitted_at=_placed_at(seen),
        valid_until=_placed_at(seen),
        next_check_at=timezone.now(),
    )
    return True


def _adopt(task: Task, unexplained: dict[UUID, SeenOrder]) -> int:
    """Orders whose id follows from a signal of this user are that signal's; they leave `unexplained`."""
    oldest = task.since - timedelta(days=1)
    adopted = 0
    signals = Signal.objects.filter(user_id=task.user_id).filter(Q(received_at__gte=oldest) | Q(final_at=None))
    for signal_id in signals.values_list("pk", flat=True).iterator():
        for number in range(1, MAX_ATTEMPTS + 1):
            order = unexplained.get(order_id(signal_id, number))
            if order is not None and adopt(signal_id, number, order, task.credential_id):
                del unexplained[order_id(signal_id, number)]
                adopted += 1
        if not unexplained:
            return adopted
    return adopted + _adopt_lost_parts(task, signals, unexplained)


def _adopt_lost_parts(task: Task, signals: QuerySet[Signal], unexplained: dict[UUID, SeenOrder]) -> int:
    """Orders of parts whose rows are lost as well: their ids follow from the signal that was traded in parts."""
    adopted = 0
    pairs = {order.symbol for order in unexplained.values()}
    for signal_id in signals.filter(symbol__in=pairs, leg=False, final_at=None).values_list("pk", flat=True):
        for found, part, attempt in part_orders(signal_id, range(MAX_PARTS), MAX_ATTEMPTS):
            order = unexplained.get(found)
            if order is not None and adopt(signal_id, attempt, order, task.credential_id, part=part):
                del unexplained[found]
                adopted += 1
        if not unexplained:
            break
    return adopted


def adopt(signal_id: UUID, attempt: int, seen: SeenOrder, credential_id: UUID, *, part: int | None = None) -> bool:
    """Make the row of an order that is at the exchange. False: what we have contradicts it, so people decide.

    part: the order is of this part of the signal, which gets its row too if need be. What was really placed is what the
    part takes of its whole; where another plan has taken that already, the database refuses it.
    """
    credential = ExchangeCredential.objects.only("user_id", "exchange_id", "mode").get(pk=credential_id)
    try:
        with transaction.atomic():
            if part is not None:
                signal_id = the_part(signal_id, part, seen, credential.exchange_id)
            signal = Signal.objects.select_for_update().get(pk=signal_id)
            Order.objects.create(**_row_of(signal, attempt, seen, credential))
            _reopen(signal, attempt, credential.exchange_id)
            take_as_placed(signal, seen)
            _event(order_id(signal_id, attempt), "", OrderStatus.UNKNOWN)
    except IntegrityError:
        return False
    logger.critical("order_adopted", exchange=credential.exchange_id, order=seen.client_order_id)
    return True


@transaction.atomic
def adopt_orphan(signal_id: UUID, placed: Placed) -> bool:
    """The order without a row turns out to be this signal's: it gets its row. False if it cannot."""
    owner = signal_id if placed.part is None else part_id(signal_id, placed.part)
    wanted = order_id(owner, placed.attempt)
    orphan = Orphan.objects.select_for_update().filter(client_order_id=wanted.hex, order=None).first()
    if orphan is None:
        return False
    seen = SeenOrder(
        client_order_id=orphan.client_order_id,
        exchange_order_id=orphan.exchange_order_id,
        symbol=orphan.symbol,
        side=Side(orphan.side),
        order_type=OrderType.LIMIT if orphan.price is not None else OrderType.MARKET,
        amount=orphan.amount,
        price=orphan.price,
        status=OrderStatus(orphan.status),
        filled_amount=orphan.filled_amount,
        created_at=orphan.placed_at.timestamp(),
    )
    if not adopt(signal_id, placed.attempt, seen, orphan.credential_id, part=placed.part):
        return False
    now = timezone.now()
    orphan.order_id = wanted
    orphan.resolved_at = orphan.resolved_at or now
    orphan.resolution = orphan.resolution or "The client sent the signal again; the order is its."
    orphan.save(update_fields=["order", "resolved_at", "resolution"])
    return True


def _row_of(signal: Signal, attempt: int, seen: SeenOrder, credential: ExchangeCredential) -> dict[str, object]:
    return {
        "id": order_id(signal.pk, attempt),
        "signal": signal,
        "user_id": signal.user_id,
        "exchange_id": credential.exchange_id,
        "credential": credential,
        "attempt": attempt,
        "mode": credential.mode,
        "symbol": seen.symbol,
        "side": seen.side,
        "order_type": seen.order_type,
        "time_in_force": signal.time_in_force or _default_time_in_force(seen),
        "amount": seen.amount,
        "price": seen.price,
        "reference_price": seen.price or Decimal(0),
        "priority": signal.priority,
        "expires_at": signal.expires_at,
        "status": OrderStatus.UNKNOWN,
        "reason_code": ReasonCode.ADOPTED,
        "reason_detail": "Found at the exchange by reconciliation.",
        "exchange_order_id": seen.exchange_order_id,
        "created_at": timezone.now(),
        "submitted_at": _placed_at(seen),
        "valid_until": _placed_at(seen),
        "next_check_at": timezone.now(),
    }


def _default_time_in_force(seen: SeenOrder) -> str:
    return (TimeInForce.IOC if seen.order_type == OrderType.MARKET else TimeInForce.GTC).value


def _reopen(signal: Signal, attempt: int, exchange: str) -> None:
    if signal.status in SIGNAL_FINAL:
        logger.critical("final_signal_was_placed", signal=str(signal.pk), status=signal.status)
    signal.status, signal.final_at, signal.claimed_until = SignalStatus.EXECUTING, None, None
    signal.reason_code, signal.reason_detail = ReasonCode.ADOPTED.value, "Its order was found at the exchange."
    signal.attempt, signal.exchange_id = max(signal.attempt, attempt), exchange
    signal.save()


def _event(order_pk: UUID, old: str, new: OrderStatus) -> None:
    OrderEvent.objects.create(
        order_id=order_pk,
        at=timezone.now(),
        old_status=old,
        new_status=new,
        reason_code=ReasonCode.ADOPTED,
        detail="Found at the exchange by reconciliation.",
    )


def _unidentified(task: Task, seen: Sequence[SeenOrder]) -> list[SeenOrder]:
    """Where the exchange keeps no client order id: orders that none of our rows names or may turn out to be."""
    if not traits(task.exchange).fingerprint:
        return []
    there = {order.exchange_order_id: order for order in seen}
    known = Order.objects.filter(credential_id=task.credential_id, exchange_order_id__in=list(there))
    for exchange_order_id in known.values_list("exchange_order_id", flat=True):
        there.pop(exchange_order_id, None)
    in_doubt = set(
        Order.objects.filter(
            credential_id=task.credential_id,
            status__in=[OrderStatus.SUBMITTING, OrderStatus.UNKNOWN, OrderStatus.NEEDS_ATTENTION],
        ).values_list("symbol", flat=True)
    )
    return [order for order in there.values() if order.symbol not in in_doubt]


def _note(task: Task, orders: Sequence[SeenOrder]) -> None:
    now = timezone.now()
    rows = [
        Orphan(
            credential_id=task.credential_id,
            user_id=task.user_id,
            exchange_id=task.exchange,
            client_order_id=order.client_order_id,
            exchange_order_id=order.exchange_order_id,
            symbol=order.symbol,
            side=order.side,
            amount=order.amount,
            price=order.price,
            filled_amount=order.filled_amount,
            status=order.status,
            placed_at=_placed_at(order),
            seen_at=now,
        )
        for order in orders
    ]
    Orphan.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["credential", "exchange_order_id"],
        update_fields=["filled_amount", "status"],
    )


def _may_be_ours(task: Task) -> str:
    """The sentence about an order without our id that may be one of those that wait, or ''."""
    nameless = Orphan.objects.filter(credential_id=task.credential_id, client_order_id="", resolved_at=None)
    for orphan in nameless:
        waiting = Signal.objects.filter(
            user_id=task.user_id,
            symbol=orphan.symbol,
            side=orphan.side,
            status__in=[SignalStatus.PENDING, SignalStatus.ROUTING, SignalStatus.QUEUED],
        )
        if waiting.exists():
            return f"{task.exchange} shows order {orphan.exchange_order_id}, which may be ours. Say what it is."
    return ""


def _placed_at(order: SeenOrder) -> datetime:
    return datetime.fromtimestamp(order.created_at, UTC)
