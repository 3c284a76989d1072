"""A worker process: what `execution.services.executor` does between the decisions; it may die after each step."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from execution.domain import life
from execution.domain.clock import ClockGuard
from execution.domain.life import FillsDisagree, Move
from execution.domain.orders import FINAL, IN_DOUBT, NEVER_PLACED, WORKING, IllegalTransition, Side
from execution.domain.reports import OrderReport, Verdict
from execution.domain.router import Question, Refused, route
from execution.domain.schedule import merge_small, slice_amounts
from execution.exchanges.registry import traits
from execution.services.claims import ClaimedSignal, WorkingOrder
from execution.services.deciding import decide_order, denied, expired, refused, send_now
from execution.services.decisions import Decided
from execution.services.parts import NewPart
from execution.services.scheduling import postponed
from policies.domain.gate import Leaving, check_leaving
from policies.domain.policy import Policy
from policies.domain.reasons import Denial, ReasonCode
from tests.simulation.clock import TIMEOUT, Process, Reply, Steps
from tests.simulation.database import DatabaseError
from tests.simulation.exchanges import IDS, Failure

if TYPE_CHECKING:
    from tests.simulation.world import World

Order = WorkingOrder
SWEEP_S = 1.0
FOLLOW_POLLS_S = (0.03, 0.1, 0.4, 1.5, 3.0)
UNRECORDED_POLLS = 2
HANDED_OVER_S = 2.0
POLICY_EVERY_S = 0.25
MAX_POLICY_AGE_S = 1.0
BASELINE_TIMEOUT_S = 5.0


class Worker(Process):
    """One of several; they share the database and nothing else."""

    def __init__(self, world: World, name: str, skew_s: float) -> None:
        super().__init__(world.loop, world.rng, name)
        self.world = world
        self._skew_s = skew_s
        self._db = world.database
        self._broken = world.broken
        self._queue: list[Move[Order]] = []
        self._wakeup: Reply | None = None
        self._policy = world.policy
        self._policy_at = 0.0
        self._clock = ClockGuard(0.0, 0.0)

    # --- the process

    def start(self) -> None:
        super().start()
        self._queue = []
        self._flushing = False
        self._clock = ClockGuard(self.loop.now + self.loop.shift, self.loop.now)
        if self.world.database_up() and self._db.clock is not None and not self._broken.clock_trusted:
            self._clock.resume(*self._db.clock)
        self._store_clock()
        self._read_policy()
        self.spawn(self._turns())

    def die(self) -> None:
        super().die()
        self.world.say_all(f"{self.name} dies")
        self.loop.after(self.rng.uniform(0.2, 4.0), lambda _: self.start())

    def wake(self, _: object = None) -> None:
        """There may be work."""
        if self._wakeup is not None:
            self._wakeup.set(None)

    def now(self) -> datetime:
        """The time by this process's clock."""
        return self.loop.clock() + timedelta(seconds=self._skew_s)

    def watch_clock(self, _: object = None) -> None:
        """See `Checker`; asked every half second, unless the process stands still."""
        if self.frozen_until <= self.loop.now:
            self._clock.look(self.loop.now + self.loop.shift, self.loop.now)
            self._store_clock()

    def _store_clock(self) -> None:
        if self.world.database_up():
            self._db.clock = self._clock.offset_s, max(self._clock.set_at_s, (self._db.clock or (0.0, 0.0))[1])

    def _read_policy(self) -> None:
        if self.world.database_up():
            self._policy, self._policy_at = self.world.policy, self.loop.now

    def _known_policy(self) -> tuple[Policy, float]:
        """The policy and its age. A background task asks every quarter of a second, unless the process stood still."""
        awake_s = self.loop.now - self.frozen_until
        if self.loop.now - self._policy_at > POLICY_EVERY_S and awake_s > POLICY_EVERY_S:
            self._read_policy()
        return self._policy, self.loop.now - self._policy_at

    def _call(self, statement: Callable[..., Any], *args: Any, **kwargs: Any) -> Steps:
        """One transaction: not run, or run, or run without anybody being told."""
        yield self.world.database_latency()
        self.world.check_database()
        result = statement(*args, **kwargs)
        yield 0.0
        self.world.check_database_reply()
        return result

    def _ask(self, call: Callable[..., None], order: Order, timeout_s: float, **kwargs: Any) -> Steps:
        """One request to an exchange, and its answer or TIMEOUT."""
        reply = Reply()
        self.loop.after(timeout_s, reply.set, TIMEOUT)
        call(order, reply, **kwargs)
        return (yield reply)

    # --- one turn

    def _turns(self) -> Steps:
        swept_at = -SWEEP_S
        while True:
            try:
                if self.loop.now - swept_at >= SWEEP_S and not self._broken.no_sweep:
                    swept_at = self.loop.now
                    yield from self._sweep()
                if self._db.pending:
                    signals = yield from self._call(self._db.claim_signals, 10)
                    if self.world.parts:
                        signals += yield from self._call(self._db.claim_slices, 10)
                    if signals:
                        self.spawn(self._route(signals))
            except DatabaseError:
                pass
            self._wakeup = Reply()
            self.loop.after(self.rng.uniform(SWEEP_S, SWEEP_S + 0.01), self._wakeup.set)
            yield self._wakeup

    def _sweep(self) -> Steps:
        if self._db.has_due():
            for order in (yield from self._call(self._db.claim_checks, 100)):
                self.spawn(self._check(order))
        if self._db.routing:
            yield from self._call(self._db.return_stale_claims)
        if self.world.parts:
            yield from self._call(self._db.cancel_left)
        if self._db.queued:
            yield from self._claim_orders()

    def _claim_orders(self) -> Steps:
        options = self.world.options
        orders = yield from self._call(
            self._db.claim_orders, 10, validity_s=options.validity_s, check_after_s=options.check_after_s
        )
        for order in orders:
            self.spawn(self._send(order))

    # --- routing

    def _route(self, signals: Sequence[ClaimedSignal]) -> Steps:
        yield 0.0
        policy, _ = self._known_policy()
        decided = [postponed(self._decide(signal, policy), self.now()) for signal in signals]
        if self._broken.send_before_commit:
            for item in decided:
                if item.order is not None:
                    self.world.send_uncommitted(item)
        options = self.world.options
        try:
            orders = yield from self._call(
                self._db.store_decisions,
                decided,
                now=self.now(),
                validity_s=options.validity_s,
                check_after_s=options.check_after_s,
            )
        except DatabaseError:
            return
        for order in orders:
            self.spawn(self._send(order))

    def _decide(self, signal: ClaimedSignal, policy: Policy) -> Decided:
        began = time.perf_counter()
        facts, now = self.world.facts, self.now()
        question: Question = signal.question()
        while True:
            try:
                answer = route(policy, facts, question, now)
            except Refused as e:
                return refused(signal, policy, e, began=began)
            if (too_old := expired(signal, now)) is not None:
                return denied(signal, policy, too_old, began=began)
            if not self.world.book_is_missing():
                break
            question = replace(question, unpriced=(*question.unpriced, answer.exchange))
        if self.world.parts and (parts := self._split(signal)):
            return Decided(signal, policy.version, source="smart", parts=parts)
        decided = decide_order(signal, policy, facts, answer, self.world.book, held=None, began=began)
        if decided.order is None or decided.order.exclusive or self.rng.random() < 0.1:
            return decided  # no slot free: it is stored as queued
        return send_now(decided)

    def _split(self, signal: ClaimedSignal) -> tuple[NewPart, ...]:
        """Over exchanges at once, or over the next seconds; a slice may be split over exchanges again."""
        rng, amount = self.rng, signal.remaining
        if signal.leg or amount < Decimal("0.004") or rng.random() < 0.2:
            return ()
        count = rng.randint(1, 5)
        weights = [Decimal(rng.randint(1, 9)) for _ in range(count)]
        amounts = merge_small(slice_amounts(amount, weights, Decimal("0.00001")), Decimal("0.0008"))
        later = not signal.is_slice and rng.random() < 0.4
        price = signal.wanted.limit_price or rng.choice((Decimal(50000), Decimal(50100)))
        if later:
            due = [self.now() + timedelta(seconds=rng.uniform(0, 3) * number) for number in range(count)]
            return tuple(NewPart("", each, None, at) for each, at in zip(amounts, due, strict=True) if each)
        return tuple(NewPart(rng.choice(tuple(IDS)), each, price) for each in amounts if each)

    # --- sending

    def _send(self, order: Order) -> Steps:
        world, options = self.world, self.world.options
        exchange = world.exchanges[order.exchange]
        checked = yield from self._prepare(order)
        if isinstance(checked, Move):
            self._put(checked)
            return
        if not (self._broken.baseline_after_sending and order.exclusive):
            order = checked
        answer = yield from self._ask(exchange.place, order, options.timeout_s + 1)
        if answer is TIMEOUT:
            answer = Failure(Verdict.UNKNOWN, ReasonCode.OUTCOME_UNKNOWN)
        if isinstance(answer, Failure):
            self._put(self._without_report(order, answer))
            return
        if self._broken.baseline_after_sending and order.exclusive:
            yield from self._with_baseline(order)
        move = life.after_report(order, answer, self.now(), acknowledged=True)
        if move.check_at is None or not life.ends_at_once(order):
            self._put(move)
            return
        yield from self._follow(replace(order, exchange_order_id=answer.exchange_order_id), move)

    def _prepare(self, order: Order) -> Steps:
        """The order as it may leave, or the move that says why not."""
        policy, age_s = self._known_policy()
        if age_s > MAX_POLICY_AGE_S and not self._broken.no_gate:
            return self._not_sent(order, ReasonCode.NOT_SENT)
        denial = None if self._broken.no_gate else self._denial(order, policy)
        if denial is not None:
            return life.after_refusal(order, denial, self.now())
        self.world.truth.leaving(order, policy)
        if order.exclusive and not self._broken.baseline_after_sending:
            order = yield from self._with_baseline(order)
            if isinstance(order, Move):
                return order
        if life.too_late_to_send(order, self.now()):
            return self._not_sent(order, ReasonCode.NOT_SENT)
        yield 0.0
        return order

    def _denial(self, order: Order, policy: Policy) -> Denial | None:
        leaving = Leaving(
            user_id=order.user_id,
            strategy_id=order.strategy_id,
            exchange=order.exchange,
            symbol=order.symbol,
            mode=order.mode,
            is_buy=order.side == Side.BUY,
            notional=order.amount * (order.price if order.price is not None else order.reference_price),
            received_at=order.received_at,
            expires_at=order.expires_at,
        )
        return check_leaving(policy, leaving, self.now())

    def _with_baseline(self, order: Order) -> Steps:
        exchange = self.world.exchanges[order.exchange]
        baseline = yield from self._ask(exchange.baseline, order, BASELINE_TIMEOUT_S)
        if not isinstance(baseline, dict):
            code = baseline.code if isinstance(baseline, Failure) else ReasonCode.EXCHANGE_UNAVAILABLE
            return self._not_sent(order, code)
        try:
            saved = yield from self._call(self._db.save_baseline, order.id, baseline)
        except DatabaseError:
            saved = False
        return replace(order, baseline=baseline) if saved else self._not_sent(order, ReasonCode.NOT_SENT)

    def _not_sent(self, order: Order, code: ReasonCode) -> Move[Order]:
        return self._without_report(order, Failure(Verdict.NOT_SENT, code))

    def _without_report(self, order: Order, failure: Failure) -> Move[Order]:
        verdict = failure.verdict
        if self._broken.unknown_is_rejected and verdict == Verdict.UNKNOWN:
            verdict = Verdict.REJECTED
        return life.after_placement(
            order, verdict, failure.code, "", self.now(), self.world.options.checks, late_s=self._late_s(order)
        )

    def _late_s(self, order: Order) -> float:
        return 0.0 if self._broken.late_exchanges_forgotten else traits(order.exchange).arrives_late_s

    def _follow(self, order: Order, acknowledged: Move[Order]) -> Steps:
        """See `Checker.follow`."""
        cancel_at = self.loop.now + self.world.options.checks.emulated_ioc_s if self._emulated(order) else float("inf")
        current, known = acknowledged, False
        for number, pause in enumerate(FOLLOW_POLLS_S):
            yield pause
            exchange, cancel = self.world.exchanges[order.exchange], self.loop.now >= cancel_at
            answer = yield from self._ask(exchange.look_up, order, self.world.options.timeout_s, cancel=cancel)
            if isinstance(answer, OrderReport):
                current = life.after_report(order, answer, self.now(), acknowledged=True)
                if answer.status in FINAL:
                    self._put(current)
                    return
            if number == UNRECORDED_POLLS - 1:
                self._put(current)
                order, known = life.after_move(current), True
                current = replace(current, order=order)
        if not known or current.status != order.status or current.filled != order.filled_amount:
            self._put(replace(current, check_at=self.loop.clock() + timedelta(seconds=HANDED_OVER_S)))

    # --- checking

    def _check(self, order: Order) -> Steps:
        """See `Checker.check`."""
        checks, late_s = self.world.options.checks, self._late_s(order)
        if self._broken.resend_orphans and order.status in IN_DOUBT:
            yield from self._send(order)
            return
        if (early := life.before_look_up(order, self.now(), checks, late_s=late_s)) is not None:
            self._put(early)
            return
        asked_at, counts = self.loop.now, not self._clock_set(order, late_s)
        cancel = order.status in WORKING and life.wants_cancel(
            order, self.now(), checks, emulated=self._emulated(order)
        )
        if order.exclusive and order.baseline is None and not order.exchange_order_id:
            answer = None  # the baseline is committed before sending, so this order was never sent
            self.world.truth.looked_up(order, found=False)
            yield 0.0
        else:
            exchange = self.world.exchanges[order.exchange]
            answer = yield from self._ask(exchange.look_up, order, self.world.options.timeout_s, cancel=cancel)
        if answer is TIMEOUT or isinstance(answer, Failure):
            retry_after_s = answer.retry_after_s if isinstance(answer, Failure) else None
            move = life.after_no_answer(order, "", retry_after_s, self.now(), checks)
            self.world.truth.unanswered(move)
            self._put(move)
            return
        if answer is None and order.status in IN_DOUBT and not counts:
            self._put(life.after_doubtful_miss(order, self.now(), checks))
            return
        move = life.after_look_up(order, answer, self.now(), checks, late_s=late_s, cancelled=cancel)
        if answer is None:
            self.world.truth.missed(move, asked_at)
        self._put(move)

    def _clock_set(self, order: Order, late_s: float) -> bool:
        """See `Checker`."""
        self.watch_clock()
        doubt_s = life.clock_doubt_s(order, self.world.options.checks, late_s=late_s)
        return not self._broken.clock_trusted and self._clock.set_within(doubt_s, self.loop.now)

    def _emulated(self, order: Order) -> bool:
        return life.emulates_ioc(order, traits(order.exchange).capabilities.times_in_force)

    # --- recording

    def _put(self, move: Move[Order]) -> None:
        self._queue.append(move)
        if not self._flushing:
            self._flushing = True
            self.spawn(self._flush())

    def _flush(self) -> Steps:
        """See `Recorder`: in batches, in order, at most one move of an order in each."""
        while self._queue:
            yield 0.004
            batch = {}
            later = []
            for move in self._queue:
                if move.order.id in batch:
                    later.append(move)
                else:
                    batch[move.order.id] = move
            self._queue = later
            yield from self._record(list(batch.values()))
        self._flushing = False

    def _record(self, batch: list[Move[Order]]) -> Steps:
        while True:
            try:
                yield from self._call(self._db.record, batch)
            except DatabaseError:
                yield 0.5
            except (IllegalTransition, FillsDisagree) as e:
                if len(batch) == 1:
                    self.world.say(batch[0].order, f"record refused: {e}")
                    return
                for move in batch:
                    yield from self._record([move])
                return
            else:
                if any(move.status in NEVER_PLACED or move.order.exclusive for move in batch):
                    self.wake()
                return
