"""What really happened, known only to the simulation, and the rules that must hold at every step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING
from uuid import UUID

from execution.domain.life import CheckOptions, Move
from execution.domain.orders import FINAL, IN_DOUBT, NEVER_PLACED, SIGNAL_FINAL, OrderStatus, SignalStatus
from execution.exchanges.registry import traits
from execution.services.claims import WorkingOrder
from policies.domain.gate import CLOCKS_AGREE_S
from policies.domain.policy import Policy, Scope
from tests.simulation.clock import Loop, moment, seconds_of

if TYPE_CHECKING:
    from tests.simulation.database import OrderRow, SignalRow
    from tests.simulation.exchanges import ModelExchange

GUARD: Mapping[str, list[str]] = import_module("execution.migrations.0002_guards").LEGAL_MOVES
SKEW_S = 0.3
"""How far a worker's clock may be off."""

HALT_WITHIN_S = 1.0


class Violation(AssertionError):
    """A rule was broken. `signal`: the number of the signal it happened to."""

    def __init__(self, rule: str, signal: int, detail: str) -> None:
        super().__init__(f"{rule}: signal {signal}: {detail}")
        self.rule = rule
        self.signal = signal


@dataclass(slots=True)
class _Known:
    """The truth about one order."""

    row: OrderRow
    shift: float
    """How far the clock was ahead when its validity was written down."""

    placed_at: list[tuple[str, float]] = field(default_factory=list)
    misses: list[float] = field(default_factory=list)


class Truth:
    """Is told of everything, by everybody, at the instant it happens."""

    def __init__(self, loop: Loop, options: CheckOptions) -> None:
        self._loop = loop
        self._options = options
        self._orders: dict[UUID, _Known] = {}
        self._adopted: dict[tuple[str, str], UUID] = {}
        self._cancelled_at: dict[int, float] = {}
        self._halted_at: dict[tuple[Scope, str], float] = {}
        self._look_ups: dict[int, tuple[Move[WorkingOrder], float | None]] = {}
        self.placements = 0
        self.reached: dict[str, int] = defaultdict(int)
        """How often each state of an order was reached, to see that the simulation gets everywhere."""

        self.tell: Callable[[int, str], None] | None = None
        """Called with signal number and sentence for everything that happens, when a trace is wanted."""

    def say(self, signal: int, *what: object) -> None:
        """Note something for the trace."""
        if self.tell is not None:
            self.tell(signal, " ".join(map(str, what)))

    # --- what the database and the exchanges tell

    def made(self, row: OrderRow) -> None:
        """An order was committed for a signal."""
        signal = row.signal
        self._orders[row.order.id] = _Known(row, self._loop.shift)
        self.say(signal.number, "order", row.attempt, row.order.exchange, row.order.amount, row.order.status)
        others = [other for other in signal.orders if other is not row]
        live = [other for other in others if other.order.status not in NEVER_PLACED]
        self._require(not live, "one live order per signal", signal, "another may exist at an exchange")
        self._require(signal.status not in SIGNAL_FINAL, "final is final", signal, "an order for an ended signal")
        self._require(signal.number not in self._cancelled_at, "cancelled is cancelled", signal, "an order after that")
        self._require(
            row.attempt not in {other.attempt for other in others}, "attempt once", signal, f"attempt {row.attempt}"
        )
        parent = signal.asked.wanted.amount
        if parent is not None:
            self._require(row.order.amount <= parent, "children never exceed the parent", signal, row.order.amount)
        if row.order.status == OrderStatus.SUBMITTING:
            self.claimed(row)

        self._check_whole(signal)

    def planned(self, row: SignalRow) -> None:
        """A plan in parts was committed."""
        self.say(row.number, "planned", *(f"{part.asked.requested_exchange}:{part.allotted}" for part in row.parts))
        self._require(row.number not in self._cancelled_at, "cancelled is cancelled", row, "parts after that")
        self.summed(row)

    def summed(self, row: SignalRow) -> None:
        """A parent's sums were made."""
        whole = row.asked.wanted.amount
        total = sum((part.filled for part in row.parts), Decimal(0))
        self._require(total == row.filled, "sums are exact", row, f"{total} is not {row.filled}")
        self._require(row.filled <= row.allocated, "sums are exact", row, f"{row.filled} of {row.allocated}")
        self._require(row.allocated <= whole, "parts within the whole", row, f"{row.allocated} of {whole}")

    def _check_whole(self, signal: SignalRow) -> None:
        """What may exist at exchanges of one client's signal, all its parts together."""
        root, held = signal.root, Decimal(0)
        if root is signal or root.asked.wanted.amount is None:
            return
        for known in self._orders.values():
            order = known.row.order
            if known.row.signal.root is root and order.status not in NEVER_PLACED:
                held += order.filled_amount if order.status in FINAL else order.amount
        self._require(held <= root.asked.wanted.amount, "parts within the whole", signal, f"{held} may be filled")

    def claimed(self, row: OrderRow) -> None:
        """An order may leave now."""
        self._orders[row.order.id].shift = self._loop.shift
        if not row.order.exclusive:
            return
        for known in self._orders.values():
            other = known.row.order
            clash = other.exclusive and other.id != row.order.id and other.status in IN_DOUBT
            same = (other.credential_id, other.symbol) == (row.order.credential_id, row.order.symbol)
            self._require(not (clash and same), "one in doubt where there are no ids", row.signal, other.id)

    def leaving(self, order: WorkingOrder, policy: Policy) -> None:
        """The last check let an order pass."""
        signal = self._orders[order.id].row.signal
        for scope, target in policy.states:
            self._halted_at.setdefault((scope, target), self._loop.now)
        for (scope, target), at in self._halted_at.items():
            concerns = scope == Scope.GLOBAL or (scope == Scope.EXCHANGE and target == order.exchange)
            late = self._loop.now - at > HALT_WITHIN_S
            self._require(not (concerns and late), "nothing leaves a second after a halt", signal, f"{scope} {target}")
        clock = self._loop.now + self._loop.shift
        expired = seconds_of(order.expires_at) + SKEW_S < clock
        self._require(not expired, "stale signals never fire", signal, "sent after it expired")
        from_future = seconds_of(order.received_at) > clock + CLOCKS_AGREE_S + SKEW_S
        self._require(not from_future, "stale signals never fire", signal, "sent though the clock was set back")

    def valid_until(self, order: WorkingOrder) -> float:
        """An order's validity in true time, as its exchange understands it."""
        known = self._orders.get(order.id)
        return seconds_of(order.valid_until) - (known.shift if known else self._loop.shift)

    def halted(self, scope: Scope, target: str) -> None:
        """A halt was committed."""
        self._halted_at[scope, target] = self._loop.now

    def placed(self, exchange: str, order: WorkingOrder) -> None:
        """An exchange accepted an order: it is real now."""
        self.placements += 1
        known = self._orders.get(order.id)
        if known is None:
            raise Violation("intent is committed before anything leaves", -1, f"{exchange} holds {order.id}")
        signal = known.row.signal
        self.say(signal.number, exchange, "ACCEPTED attempt", known.row.attempt, "recorded as", known.row.order.status)
        known.placed_at.append((exchange, self._loop.now))
        everywhere = [place for row in signal.orders for place in self._orders[row.order.id].placed_at]
        self._require(len(everywhere) == 1, "never twice", signal, f"placed {everywhere}")
        self._require(
            known.row.order.status not in NEVER_PLACED,
            "never guessed",
            signal,
            f"it counted as {known.row.order.status}",
        )

    def looked_up(self, order: WorkingOrder, *, found: bool) -> None:
        """An exchange answered a look-up."""
        known = self._orders[order.id]
        self.say(known.row.signal.number, order.exchange, "look-up:", "found" if found else "not there")

    def missed(self, move: Move[WorkingOrder], asked_at: float) -> None:
        """A look-up was answered with a clear "not there". It counts if it is recorded."""
        self._look_ups[id(move)] = move, asked_at

    def unanswered(self, move: Move[WorkingOrder]) -> None:
        """A look-up brought no clear answer. If that is recorded, the row of clean ones starts again."""
        self._look_ups[id(move)] = move, None

    def recorded(
        self, row: OrderRow, before: WorkingOrder, move: Move[WorkingOrder], signal_status: SignalStatus
    ) -> None:
        """A move was committed."""
        after, signal, known = row.order, row.signal, self._orders[row.order.id]
        self.reached[after.status] += after.status != before.status
        self.say(signal.number, "attempt", row.attempt, before.status, "->", after.status, move.code, move.detail)
        legal = after.status == before.status or after.status in GUARD.get(before.status, ())
        self._require(legal, "legal moves only", signal, f"{before.status} -> {after.status}")
        self._require(
            signal.status not in SIGNAL_FINAL, "final is final", signal, f"{move.status} after {signal.status}"
        )
        grown = after.filled_amount >= before.filled_amount
        self._require(grown, "fills never shrink", signal, f"{before.filled_amount} -> {after.filled_amount}")
        self._require(after.filled_amount <= after.amount, "never over-filled", signal, after.filled_amount)
        total = sum(row.fills.values(), Decimal(0))
        self._require(total == after.filled_amount, "fills counted once", signal, f"{total} is {after.filled_amount}")
        if after.status in FINAL and not (move.exchange_order_id and after.status != OrderStatus.NOT_PLACED):
            placed = known.placed_at
            self._require(not placed, "never guessed", signal, f"{placed}, and called {after.status}")
        _, asked_at = self._look_ups.pop(id(move), (None, 0.0))
        if asked_at is None:
            known.misses.clear()
        elif asked_at:
            known.misses.append(asked_at)
        if after.status in NEVER_PLACED:
            self._check_proof(known, move)
        if signal_status == SignalStatus.PENDING:
            self._require(after.status in NEVER_PLACED, "fail-over only from proof", signal, after.status)
        if before.status == after.status == OrderStatus.UNKNOWN:
            self._check_person_asked(row, move)
        if after.exchange_order_id and after.status not in NEVER_PLACED:
            owner = self._adopted.setdefault((after.exchange, after.exchange_order_id), after.id)
            self._require(owner == after.id, "adopted once", signal, f"{after.exchange} {after.exchange_order_id}")

    def cancelled(self, row: SignalRow) -> None:
        """Somebody does not want the signal any more."""
        self.say(row.number, "cancel requested")
        self._cancelled_at.setdefault(row.number, self._loop.now)

    def ended(self, row: SignalRow) -> None:
        """A signal became final."""
        self.say(row.number, "signal", row.status, row.code)
        live = [order for order in row.orders if order.order.status not in FINAL]
        self._require(not live, "a signal ends with its order", row, row.status)
        waiting = [part for part in row.parts if part.status not in SIGNAL_FINAL]
        self._require(not waiting, "a signal ends with its parts", row, row.status)
        coded = bool(row.code) or row.status == SignalStatus.FILLED
        self._require(coded, "final with a code", row, row.status)

    # --- what the rules mean

    def _check_proof(self, known: _Known, move: Move[WorkingOrder]) -> None:
        order, signal = known.row.order, known.row.signal
        if move.order.status == OrderStatus.SUBMITTING or order.status == OrderStatus.REJECTED:
            return
        options = self._options
        row = known.misses
        self._require(len(row) >= options.look_ups_to_conclude, "enough clean look-ups in a row", signal, f"{len(row)}")
        spread = row[-1] - row[0] + 2 * SKEW_S
        self._require(spread >= options.spread_s, "look-ups spread over time", signal, f"{spread:.2f} s")
        opened = self.valid_until(order) + options.window_margin_s + traits(order.exchange).arrives_late_s
        in_time = row[0] + SKEW_S >= opened
        self._require(in_time, "no conclusion before its time", signal, f"{row[0]:.2f} < {opened:.2f}")

    def _check_person_asked(self, row: OrderRow, move: Move[WorkingOrder]) -> None:
        limit = row.order.submitted_at + timedelta(seconds=self._options.attention_after_s + SKEW_S)
        self._require(move.at <= limit, "a person is asked", row.signal, f"still unknown at {move.at:%H:%M:%S}")

    def at_quiet(self, signals: list[SignalRow], exchanges: Mapping[str, ModelExchange]) -> None:
        """After the last fault, and time enough: everything has ended, and the books agree."""
        truly = {placed.tag: placed for exchange in exchanges.values() for placed in exchange.orders}
        for signal in signals:
            self._require(signal.status in SIGNAL_FINAL, "never lost", signal, f"still {signal.status}")
            for row in signal.orders:
                self._require(row.order.status in FINAL, "never lost", signal, f"order still {row.order.status}")
                placed = truly.get(row.order.id)
                recorded = row.order.status not in NEVER_PLACED and row.order.exchange_order_id != ""
                self._require((placed is not None) <= (recorded or row.order.status == OrderStatus.REJECTED),
                              "never lost", signal, f"placed and recorded as {row.order.status}")  # fmt: skip
                if placed is not None:
                    status, trades = placed.state(self._loop.now)
                    true = sum((trade.amount for trade in trades), Decimal(0))
                    self._require(
                        true == row.order.filled_amount, "books agree", signal, f"{true} is {row.order.filled_amount}"
                    )
                    self._require(
                        (status == OrderStatus.FILLED) == (row.order.status == OrderStatus.FILLED),
                        "books agree", signal, f"{status} there, {row.order.status} here",
                    )  # fmt: skip
                else:
                    self._require(row.order.filled_amount == 0, "books agree", signal, "filled and never placed")
            total = sum((row.order.filled_amount for row in signal.orders), Decimal(0))
            total += sum((part.filled for part in signal.parts), Decimal(0))
            whole = signal.asked.wanted.amount
            self._require(whole is None or total <= whole, "never over-filled", signal, f"{total} of {whole}")
            self._require(total == signal.filled, "books agree", signal, f"{total} is not {signal.filled}")

    def _require(self, holds: bool, rule: str, signal: SignalRow, detail: object) -> None:
        if not holds:
            raise Violation(rule, signal.number, f"{detail} at {moment(self._loop.now):%H:%M:%S.%f}")
