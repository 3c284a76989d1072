"""Exchanges with each one's id semantics, and with everything that goes wrong between them and us.

They never lie: a clean "no such order" is true when it is said, but for a lag. All else is possible: answers are lost,
late or errors, orders arrive late within what the exchange allows, views lag, executions come twice and in any order.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from random import Random
from uuid import UUID

from execution.domain.orders import FINAL, OrderStatus, OrderType, TimeInForce
from execution.domain.reports import OrderReport, Trade, Verdict
from execution.exchanges.registry import traits
from execution.services.claims import WorkingOrder
from policies.domain.numbers import floor_to
from policies.domain.reasons import ReasonCode as R
from tests.simulation.clock import Loop, Reply
from tests.simulation.truth import Truth

LOT = Decimal("0.00001")
PRICE = Decimal(50000)
CLOCK_SLACK_S = 0.5
"""How much later than our clock says an exchange's clock may think it is."""


class Ids(Enum):
    """What an exchange does with a client order id it has seen before."""

    UNIQUE = "refused for ever"
    UNIQUE_WHILE_OPEN = "refused while that order is open"
    NOT_ENFORCED = "taken"
    NONE = "there are no client order ids"


IDS = {
    "binance": Ids.UNIQUE_WHILE_OPEN,
    "kraken": Ids.UNIQUE_WHILE_OPEN,
    "bybit": Ids.UNIQUE,
    "okx": Ids.UNIQUE,
    "kucoin": Ids.UNIQUE,
    "alpaca": Ids.UNIQUE,
    "coinbase": Ids.NOT_ENFORCED,
    "firi": Ids.NONE,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer that is not the order."""

    verdict: Verdict
    code: R
    retry_after_s: float | None = None


@dataclass(slots=True)
class Faults:
    """Chances per call; latency in seconds."""

    no_answer: float = 0.0
    error_after: float = 0.0
    error_before: float = 0.0
    lost_request: float = 0.0
    late: float = 0.0
    refused: float = 0.0
    twice: float = 0.0
    look_up_error: float = 0.0
    look_up_slow: float = 0.0
    stale_view: float = 0.0
    latency_s: float = 0.05


@dataclass(slots=True)
class Placed:
    """An order at the exchange. What will become of it is decided when it arrives."""

    number: int
    tag: UUID
    asked: WorkingOrder
    at: float
    visible_at: float
    trades: list[Trade] = field(default_factory=list)
    end: OrderStatus | None = None
    end_at: float = 0.0

    def state(self, at: float) -> tuple[OrderStatus, list[Trade]]:
        """Status and executions at an instant."""
        done = [trade for trade in self.trades if trade.at <= at]
        if self.end is not None and at >= self.end_at:
            return self.end, done
        return (OrderStatus.PARTIALLY_FILLED if done else OrderStatus.OPEN), done

    def cancel(self, at: float) -> None:
        """End it, unless it has ended."""
        if self.end is None or self.end_at > at:
            self.trades = [trade for trade in self.trades if trade.at <= at]
            self.end, self.end_at = OrderStatus.CANCELLED, at


class ModelExchange:
    """One exchange. Every call takes a `Reply` that may be answered, late, or never."""

    def __init__(self, slug: str, loop: Loop, rng: Random, truth: Truth) -> None:
        self.slug = slug
        self.ids = IDS[slug]
        self.late_s = traits(slug).arrives_late_s
        self.faults = Faults()
        self.down = False
        self._offered = traits(slug).capabilities.times_in_force
        self._loop = loop
        self._rng = rng
        self._truth = truth
        self.orders: list[Placed] = []

    # --- placing

    def place(self, order: WorkingOrder, reply: Reply) -> None:
        """One request. `order` is as it was when it was sent."""
        rng, faults = self._rng, self.faults
        if self.down and rng.random() < 0.5:
            self._answer(reply, Failure(Verdict.NOT_SENT, R.EXCHANGE_UNAVAILABLE))
            return
        roll = rng.random() - faults.lost_request
        if self.down or roll < 0:
            return
        delay = self._delay()
        if (roll := roll - faults.error_before) < 0:
            self._answer(reply, Failure(Verdict.UNKNOWN, R.OUTCOME_UNKNOWN))
            return
        if (roll := roll - faults.refused) < 0:
            self._answer(reply, self._refusal())
            return
        answer: Callable[[OrderReport | Failure], None] | None = None
        if (roll := roll - faults.late) < 0:
            # In some queue on the way, perhaps until the exchange must refuse it.
            delay = rng.uniform(0, max(0.0, self._truth.valid_until(order) + self.late_s + 3 - self._loop.now))
        elif (roll := roll - faults.no_answer) < 0:
            pass
        elif (roll := roll - faults.error_after) < 0:
            answer = lambda _: self._answer(reply, Failure(Verdict.UNKNOWN, R.OUTCOME_UNKNOWN))  # noqa: E731
        else:
            answer = lambda found: self._answer(reply, found)  # noqa: E731
        self._loop.after(delay, lambda _: self._arrive(order, answer))
        if self.ids == Ids.UNIQUE and rng.random() < faults.twice:
            # A proxy on the way sends it again, and passes on only the second answer.
            self._loop.after(delay + 0.02, lambda _: self._arrive(order, lambda found: reply.set(found)))

    def _arrive(self, order: WorkingOrder, answer: Callable[[OrderReport | Failure], None] | None) -> None:
        found = self._accept(order)
        if answer is not None:
            answer(found)

    def _accept(self, order: WorkingOrder) -> OrderReport | Failure:
        now = self._loop.now
        same = [placed for placed in self.orders if placed.tag == order.id]
        if same and self.ids != Ids.NONE:
            still_open = any(placed.state(now)[0] not in FINAL for placed in same)
            if self.ids == Ids.UNIQUE or (self.ids == Ids.UNIQUE_WHILE_OPEN and still_open):
                return Failure(Verdict.ALREADY_PLACED, R.OUTCOME_UNKNOWN)
        lag = self._rng.uniform(0, 1.0) if self._rng.random() < self.faults.stale_view else 0.0
        # Looked at last: that a second copy comes too late would say nothing about the first.
        if now > self._truth.valid_until(order) + self.late_s + CLOCK_SLACK_S:
            return Failure(Verdict.NOT_SENT, R.CLOCK_SKEW)
        placed = Placed(len(self.orders) + 1, order.id, order, now, now + lag)
        self._plan(placed)
        self.orders.append(placed)
        self._truth.placed(self.slug, order)
        if self.ids == Ids.NONE:
            return OrderReport(str(placed.number), OrderStatus.OPEN)
        return self._report(placed, now)

    def _refusal(self) -> Failure:
        return self._rng.choice(
            (
                Failure(Verdict.REJECTED, R.INSUFFICIENT_FUNDS),
                Failure(Verdict.REJECTED, R.EXCHANGE_REJECTED),
                Failure(Verdict.REJECTED, R.AUTHENTICATION_FAILED),
                Failure(Verdict.NOT_SENT, R.RATE_LIMITED, 1.0),
                Failure(Verdict.NOT_SENT, R.CLOCK_SKEW),
                Failure(Verdict.NOT_SENT, R.EXCHANGE_UNAVAILABLE),
            )
        )

    def _plan(self, placed: Placed) -> None:
        """Decide what the market will do with it."""
        rng, order = self._rng, placed.asked
        immediate = order.order_type == OrderType.MARKET or (
            order.time_in_force in {TimeInForce.IOC, TimeInForce.FOK} and order.time_in_force in self._offered
        )
        share = Decimal(rng.choice((0, 3, 10, 10, 10, 10)))
        if order.time_in_force == TimeInForce.FOK and share != 10:
            share = Decimal(0)
        filled = order.amount if share == 10 else floor_to(order.amount * share / 10, LOT)
        at = placed.at
        left = filled
        for number in range(1, rng.choice((1, 1, 2, 3)) + 1):
            part = left if rng.random() < 0.6 else floor_to(left / 2, LOT)
            at += rng.uniform(0, 0.1 if immediate else 4.0)
            if part > 0:
                placed.trades.append(Trade(f"{placed.number}-{number}", part, PRICE, Decimal(0), "USDT", at))
            left -= part
        filled -= left
        if filled == order.amount:
            placed.end, placed.end_at = OrderStatus.FILLED, at
        elif immediate:
            placed.end, placed.end_at = rng.choice((OrderStatus.CANCELLED, OrderStatus.EXPIRED)), at + 0.01
        elif not filled and rng.random() < 0.1:
            placed.end, placed.end_at = OrderStatus.REJECTED, at

    # --- asking

    def look_up(self, order: WorkingOrder, reply: Reply, *, cancel: bool = False) -> None:
        """Answer with a report, None (no such order) or a Failure; or not at all."""
        rng, faults = self._rng, self.faults
        if self.down or rng.random() < faults.look_up_error:
            if rng.random() < 0.7:
                self._answer(reply, Failure(Verdict.UNKNOWN, R.EXCHANGE_UNAVAILABLE, rng.choice((None, None, 8.0))))
            return
        delay = self._delay()
        if rng.random() < faults.look_up_slow:
            delay += rng.uniform(1, 5)

        def answer(_: object) -> None:
            found = self._find(order)
            if found is not None and cancel:
                found.cancel(self._loop.now)
            report = None if found is None else self._report(found, self._loop.now, stale=not cancel)
            if self.ids == Ids.NONE and found is None and self._several(order):
                reply.set(Failure(Verdict.UNKNOWN, R.NEEDS_ATTENTION))
                return
            self._truth.looked_up(order, found=report is not None)
            reply.set(report)

        self._loop.after(delay, answer)

    def baseline(self, order: WorkingOrder, reply: Reply) -> None:
        """The highest order number so far."""
        if self.down or self._rng.random() < self.faults.look_up_error:
            self._answer(reply, Failure(Verdict.UNKNOWN, R.EXCHANGE_UNAVAILABLE))
            return
        self._loop.after(self._delay(), lambda _: reply.set({"max_order_id": len(self.orders)}))

    def _find(self, order: WorkingOrder) -> Placed | None:
        now = self._loop.now
        if order.exchange_order_id:
            return next((placed for placed in self.orders if str(placed.number) == order.exchange_order_id), None)
        if self.ids == Ids.NONE:
            alike = self._alike(order)
            return alike[0] if len(alike) == 1 else None
        return next((placed for placed in self.orders if placed.tag == order.id and placed.visible_at <= now), None)

    def _several(self, order: WorkingOrder) -> bool:
        return not order.exchange_order_id and len(self._alike(order)) > 1

    def _alike(self, order: WorkingOrder) -> list[Placed]:
        """New orders that look like this one, where only looks can tell."""
        if order.baseline is None:
            return []
        newest_before = order.baseline["max_order_id"]
        return [
            placed
            for placed in self.orders
            if placed.number > newest_before
            and placed.visible_at <= self._loop.now
            and (placed.asked.side, placed.asked.price, placed.asked.amount) == (order.side, order.price, order.amount)
        ]

    def _report(self, placed: Placed, at: float, *, stale: bool = False) -> OrderReport:
        rng = self._rng
        if stale and rng.random() < self.faults.stale_view:
            at = max(placed.at, at - rng.uniform(0, 1.0))
        status, trades = placed.state(at)
        filled = sum((trade.amount for trade in trades), Decimal(0))
        if len(trades) > 1 and rng.random() < 0.3:
            rng.shuffle(trades)
        if trades and rng.random() < 0.05:
            trades.append(trades[0])
        elif trades and rng.random() < self.faults.stale_view / 4:
            trades.pop()
        return OrderReport(str(placed.number), status, filled, tuple(trades))

    def _delay(self) -> float:
        return self._rng.uniform(0.2, 2.0) * self.faults.latency_s

    def _answer(self, reply: Reply, value: object) -> None:
        self._loop.after(self._delay(), reply.set, value)
