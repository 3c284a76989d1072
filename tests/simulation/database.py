"""PostgreSQL as the executor sees it: rows, and statements that happen at one instant or not at all.

Each method does what the SQL of the same name in `execution.services` does, its constraints and triggers included: what
the real database would refuse is a violation here, because no code should even try.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from execution.domain import life
from execution.domain.ids import order_id, part_id
from execution.domain.life import Move, SignalState
from execution.domain.orders import (
    FINAL,
    IN_DOUBT,
    SIGNAL_FINAL,
    OrderStatus,
    OrderType,
    SignalStatus,
    TimeInForce,
    check_move,
)
from execution.domain.parts import ParentState, end_status, parent_after, used
from execution.domain.sizing import Wanted
from execution.services.claims import CHECK_LEASE_S, SIGNAL_LEASE_S, ClaimedSignal, WorkingOrder
from execution.services.decisions import Decided, with_parts
from execution.services.parts import NewPart, total
from tests.simulation.broken import Broken
from tests.simulation.truth import Truth

ZERO = Decimal(0)


class DatabaseError(Exception):
    """No connection: the statement was not run, or nobody knows."""


@dataclass(slots=True)
class SignalRow:
    """execution_signal."""

    number: int
    asked: ClaimedSignal
    status: SignalStatus = SignalStatus.PENDING
    code: str = ""
    attempt: int = 0
    tried: tuple[str, ...] = ()
    claimed_until: datetime | None = None
    cancelled: bool = False
    filled: Decimal = ZERO
    orders: list["OrderRow"] = field(default_factory=list)
    parent: "SignalRow | None" = None
    allotted: Decimal = ZERO
    due_at: datetime | None = None
    detail: str = ""
    allocated: Decimal = ZERO
    paced_until: datetime | None = None
    parts: list["SignalRow"] = field(default_factory=list)

    @property
    def root(self) -> "SignalRow":
        """The signal that a client sent."""
        return self if self.parent is None else self.parent.root


@dataclass(slots=True)
class OrderRow:
    """execution_order. `order` is what a reader sees."""

    order: WorkingOrder
    signal: SignalRow
    attempt: int
    number: int
    check_at: datetime | None
    code: str = ""
    detail: str = ""
    fills: dict[str, Decimal] = field(default_factory=dict)


class Database:
    """All rows of one world."""

    def __init__(self, now: Callable[[], datetime], truth: Truth, broken: Broken) -> None:
        self._now = now
        self._truth = truth
        self._broken = broken
        self.signals: dict[UUID, SignalRow] = {}
        self.orders: dict[UUID, OrderRow] = {}
        self.pending: list[SignalRow] = []
        self.routing: list[SignalRow] = []
        self.queued: list[OrderRow] = []
        self.live: list[OrderRow] = []
        self.open_signals = 0
        self.clock: tuple[float, float] | None = None
        self.all_ended: Callable[[], None] = lambda: None

    # --- signals

    def insert_signal(self, row: SignalRow) -> None:
        self.signals[row.asked.id] = row
        self.pending.append(row)
        self.open_signals += 1

    def claim_signals(self, limit: int) -> list[ClaimedSignal]:
        until = self._now() + timedelta(seconds=SIGNAL_LEASE_S)
        ready = [row for row in self.pending if row.due_at is None]
        return self._claim(sorted(ready, key=lambda row: (row.asked.priority, row.number))[:limit], until)

    def claim_slices(self, limit: int) -> list[ClaimedSignal]:
        """See `execution.services.claims.claim_slices`."""
        now, heads = self._now(), {}
        for row in sorted(self.pending, key=lambda row: row.number):
            paced = row.parent is not None and (row.parent.paced_until or now) <= now
            if row.due_at is not None and row.due_at <= now and paced:
                heads.setdefault(row.parent.asked.id, row)
        taken = list(heads.values())[:limit]
        for row in taken:
            row.parent.paced_until = now + timedelta(seconds=0.2)
        return self._claim(taken, now + timedelta(seconds=SIGNAL_LEASE_S))

    def _claim(self, taken: list[SignalRow], until: datetime) -> list[ClaimedSignal]:
        for row in taken:
            if not self._broken.claim_without_compare:
                self.pending.remove(row)
                self.routing.append(row)
                row.status, row.claimed_until = SignalStatus.ROUTING, until
        return [
            replace(
                row.asked, tried=row.tried, attempt=row.attempt, claimed_until=until, cancel_requested=row.cancelled,
                wanted=_left(row), parts_made=len(row.parts), filled=row.filled if row.parts else ZERO,
            )
            for row in taken
        ]  # fmt: skip

    def return_stale_claims(self) -> None:
        if self._broken.no_lease_return:
            return
        now = self._now()
        for row in [row for row in self.routing if row.claimed_until is not None and row.claimed_until < now]:
            self.routing.remove(row)
            self._set_pending(row)

    def cancel_signal(self, row: SignalRow, *, and_parts: bool = True) -> None:
        """and_parts: False, the canceller dies before it comes to the parts."""
        if row.status in SIGNAL_FINAL:
            return
        row.cancelled = True
        self._truth.cancelled(row)
        if row.status == SignalStatus.PENDING:
            self.pending.remove(row)
            self._end(row, end_status(row.filled, "CANCELLED_BY_CLIENT"), "CANCELLED_BY_CLIENT")
        for order in row.orders:
            self.cancel_order(order, "CANCELLED_BY_CLIENT")
        self.settle(row.parent)
        for part in row.parts if and_parts else ():
            self.cancel_signal(part)

    def cancel_left(self) -> None:
        """See `execution.services.cancel.cancel_left`."""
        for row in list(self.signals.values()):
            if row.cancelled and row.status not in SIGNAL_FINAL:
                for part in row.parts:
                    if not part.cancelled:
                        self.cancel_signal(part)

    def cancel_order(self, row: OrderRow, code: str) -> None:
        if row.order.status in FINAL:
            return
        if row.order.status == OrderStatus.QUEUED:
            self.queued.remove(row)
            row.order, row.code = replace(row.order, status=OrderStatus.CANCELLED), code
            self._end(row.signal, SignalStatus.CANCELLED, code)
            self.settle(row.signal.parent)
            return
        now = self._now()
        row.order = replace(row.order, cancel_requested_at=now, cancel_code=code, cancel_reason="Not wanted any more.")
        self._truth.cancelled(row.signal)
        if row.order.status in {OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED}:
            row.check_at = now

    # --- decisions

    def store_decisions(
        self, decided: Sequence[Decided], *, now: datetime, validity_s: float, check_after_s: float
    ) -> list[WorkingOrder]:
        """One transaction; what was lost or cancelled meanwhile is left alone or ends."""
        sent = []
        for item in map(with_parts, decided):
            row = self.signals[item.signal.id]
            mine = row.status == SignalStatus.ROUTING and row.claimed_until == item.signal.claimed_until
            if not mine and not self._broken.claim_without_compare:
                continue
            if row in self.routing:
                self.routing.remove(row)
            if row in self.pending:
                self.pending.remove(row)
            row.claimed_until = None
            if item.waits_until is not None and not row.cancelled:
                row.due_at, row.tried = item.waits_until, ()
                self._set_pending(row)
            elif item.denial is not None and item.waits_until is None:
                self._end(row, item.final_status, item.denial.code.value)
                self.settle(row.parent)
            elif row.cancelled:
                self._end(row, end_status(row.filled, "CANCELLED_BY_CLIENT"), "CANCELLED_BY_CLIENT")
                self.settle(row.parent)
            elif item.parts:
                self._insert_parts(row, item)
            else:
                order = self._insert_order(row, item, now, validity_s, check_after_s)
                if order.status == OrderStatus.SUBMITTING:
                    sent.append(order)
        return sent

    def _insert_parts(self, row: SignalRow, item: Decided) -> None:
        for part in item.parts:
            child = part_row(row, part, len(self.signals))
            row.parts.append(child)
            self.insert_signal(child)
        row.attempt += 1
        row.status = SignalStatus.EXECUTING
        row.allocated += total(item.parts, item.signal.wanted)
        self._truth.planned(row)

    def settle(self, parent: SignalRow | None) -> None:
        """See `execution.services.parts.settle`."""
        if parent is None:
            return
        whole = parent.asked.wanted.amount
        assert whole is not None
        parent.filled = sum((part.filled for part in parent.parts), ZERO)
        held = [
            used(part.allotted, part.filled, ended=part.status in SIGNAL_FINAL, code=part.code) for part in parent.parts
        ]
        parent.allocated = sum(held, ZERO)
        refused = {part.asked.requested_exchange for part in parent.parts if part.asked.leg and part.tried}
        parent.tried = tuple(sorted({*parent.tried, *refused}))
        under_way = sum(part.status not in SIGNAL_FINAL for part in parent.parts)
        if self._broken.parents_do_not_wait:
            under_way = 0
        last = next((part for part in reversed(parent.parts) if part.code), None)
        state = ParentState(
            whole, False, parent.allocated, parent.filled, under_way, len(parent.parts), parent.attempt,
            parent.cancelled, parent.asked.expires_at, last.code if last else "", "",
        )  # fmt: skip
        self._truth.summed(parent)
        if parent.status == SignalStatus.EXECUTING and (after := parent_after(state, self._now())) is not None:
            if after.status == SignalStatus.PENDING:
                self._set_pending(parent)
            else:
                self._end(parent, after.status, after.code)
        self.settle(parent.parent)

    def _insert_order(
        self, signal: SignalRow, item: Decided, now: datetime, validity_s: float, check_after_s: float
    ) -> WorkingOrder:
        new = item.order
        assert new is not None
        order = WorkingOrder(
            id=order_id(signal.asked.id, signal.attempt + 1),
            signal_id=signal.asked.id,
            user_id=signal.asked.user_id,
            exchange=new.exchange,
            credential_id=new.credential_id,
            mode=new.mode,
            status=OrderStatus.SUBMITTING if new.send_now else OrderStatus.QUEUED,
            strategy_id="",
            symbol=signal.asked.symbol,
            side=signal.asked.wanted.side,
            order_type=new.order_type,
            time_in_force=new.time_in_force,
            amount=new.amount,
            price=new.price,
            reference_price=new.reference_price,
            filled_amount=ZERO,
            exchange_order_id="",
            baseline=None,
            exclusive=new.exclusive,
            submitted_at=now,
            valid_until=now + timedelta(seconds=validity_s),
            expires_at=signal.asked.expires_at,
            clean_misses=0,
            cancel_requested_at=None,
            received_at=signal.asked.received_at,
        )
        check_at = now + timedelta(seconds=check_after_s)
        if self._broken.forget_in_flight:
            check_at = None
        row = OrderRow(order, signal, signal.attempt + 1, len(self.orders), check_at if new.send_now else None)
        signal.attempt += 1
        signal.status = SignalStatus.EXECUTING if new.send_now else SignalStatus.QUEUED
        signal.orders.append(row)
        self.orders[order.id] = row
        (self.live if new.send_now else self.queued).append(row)
        self._truth.made(row)
        return order

    # --- orders

    def claim_orders(self, limit: int, *, validity_s: float, check_after_s: float) -> list[WorkingOrder]:
        now = self._now()
        taken = []
        for row in sorted(self.queued, key=lambda row: (row.signal.asked.priority, row.number)):
            if len(taken) == limit or (row.order.exclusive and self._in_the_way(row)):
                continue
            self.queued.remove(row)
            self.live.append(row)
            row.order = replace(
                row.order,
                status=OrderStatus.SUBMITTING,
                submitted_at=now,
                valid_until=now + timedelta(seconds=validity_s),
            )
            row.check_at = None if self._broken.forget_in_flight else now + timedelta(seconds=check_after_s)
            self._truth.claimed(row)
            taken.append(row.order)
        return taken

    def _in_the_way(self, row: OrderRow) -> bool:
        if self._broken.no_exclusive:
            return False
        mine = row.order
        return any(
            other.order.exclusive
            and (other.order.credential_id, other.order.symbol) == (mine.credential_id, mine.symbol)
            and other.order.status in IN_DOUBT
            for other in self.live
        )

    def has_due(self) -> bool:
        """Whether `claim_checks` would find anything; saves the simulation an event."""
        now = self._now()
        return any(row.check_at is not None and row.check_at <= now for row in self.live)

    def claim_checks(self, limit: int) -> list[WorkingOrder]:
        now = self._now()
        due = [row for row in self.live if row.check_at is not None and row.check_at <= now][:limit]
        for row in due:
            row.check_at = now + timedelta(seconds=CHECK_LEASE_S)
        return [row.order for row in due]

    def save_baseline(self, order_id: UUID, baseline: dict[str, object]) -> bool:
        row = self.orders[order_id]
        if row.order.status != OrderStatus.SUBMITTING or row.order.baseline is not None:
            return False
        row.order = replace(row.order, baseline=baseline)
        return True

    def record(self, moves: Sequence[Move[WorkingOrder]]) -> set[UUID]:
        """See `execution.services.ledger.record`."""
        for move in moves:
            check_move(move.order.status, move.status)
        seen = [move for move in moves if self._is_as_seen(move)]
        new_fills = {move.order.id: self._new_fills(move) for move in seen}
        for move in seen:
            if not self._broken.fills_counted_twice:
                life.check_fills(move, sum(new_fills[move.order.id].values(), ZERO))
        for move in seen:
            self._apply(move, new_fills[move.order.id])
        return {move.order.id for move in seen}

    def _is_as_seen(self, move: Move[WorkingOrder]) -> bool:
        current = self.orders[move.order.id].order
        if self._broken.record_without_compare:
            return True
        seen = move.order
        return (current.status, current.filled_amount, current.clean_misses) == (
            seen.status,
            seen.filled_amount,
            seen.clean_misses,
        )

    def _new_fills(self, move: Move[WorkingOrder]) -> dict[str, Decimal]:
        known = self.orders[move.order.id].fills
        if self._broken.fills_counted_twice:
            return {f"{trade.trade_id}#{len(known)}": trade.amount for trade in move.trades}
        return {trade.trade_id: trade.amount for trade in move.trades if trade.trade_id not in known}

    def _apply(self, move: Move[WorkingOrder], fills: dict[str, Decimal]) -> None:
        row = self.orders[move.order.id]
        before = row.order
        row.fills |= fills
        row.order = replace(
            before,
            status=move.status,
            filled_amount=move.filled,
            exchange_order_id=move.exchange_order_id or before.exchange_order_id,
            clean_misses=move.clean_misses,
        )
        row.code, row.detail = move.code, move.detail
        row.check_at = None if move.status in FINAL else move.check_at
        if move.status in FINAL and row in self.live:
            self.live.remove(row)
        signal = row.signal
        cancelled = signal.cancelled or before.cancel_requested_at is not None
        state = SignalState(signal.asked.expires_at, cancelled, signal.attempt, leg=signal.asked.leg)
        status, tried = life.signal_after(move, state)
        self._truth.recorded(row, before, move, status)
        signal.filled = move.filled
        if tried:
            signal.tried = (*signal.tried, tried)
        if status == SignalStatus.PENDING:
            self._set_pending(signal)
        elif status in SIGNAL_FINAL:
            self._end(signal, status, move.code)
        else:
            signal.status, signal.code = status, move.code
        self.settle(signal.parent)

    def _set_pending(self, row: SignalRow) -> None:
        row.status, row.claimed_until = SignalStatus.PENDING, None
        if row not in self.pending:
            self.pending.append(row)

    def _end(self, row: SignalRow, status: SignalStatus, code: str) -> None:
        if row.status not in SIGNAL_FINAL:
            self.open_signals -= 1
        row.status, row.code = status, code
        self._truth.ended(row)
        if not self.open_signals:
            self.all_ended()


def _left(row: SignalRow) -> Wanted:
    wanted = row.asked.wanted
    return wanted if wanted.amount is None else replace(wanted, amount=wanted.amount - row.allocated)


def part_row(parent: SignalRow, part: NewPart, number: int) -> SignalRow:
    """A part as `execution.services.parts.insert_parts` stores it."""
    whole = parent.asked.wanted
    limited = part.limit_price is not None
    wanted = replace(
        whole,
        amount=part.amount,
        order_type=OrderType.LIMIT if limited else whole.order_type,
        limit_price=part.limit_price if limited else whole.limit_price,
        time_in_force=(part.time_in_force or TimeInForce.IOC) if limited else whole.time_in_force,
        capped=True,
    )
    asked = replace(
        parent.asked, id=part_id(parent.asked.id, len(parent.parts)), parent_id=parent.asked.id, wanted=wanted,
        leg=bool(part.exchange), requested_exchange=part.exchange or parent.asked.requested_exchange, tried=(),
        attempt=0,
    )  # fmt: skip
    child = SignalRow(parent.root.number + 1000 * (number + 1), asked, parent=parent, due_at=part.due_at)
    child.allotted = part.allotted(whole)
    return child
