"""One order, looked after by processes that each see it at another time, in any order Hypothesis can think of.

Reports come late, twice and out of order; moves are decided on old views and recorded in any order, more than once.
The model database and `truth` hold the rules: legal moves, fills counted once and never shrinking, nothing guessed.
"""

from decimal import Decimal as D
from types import SimpleNamespace
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from execution.domain import life
from execution.domain.life import CheckOptions, FillsDisagree
from execution.domain.orders import (
    FINAL,
    NEVER_PLACED,
    IllegalTransition,
    OrderStatus,
    OrderType,
    Side,
    SignalType,
    TimeInForce,
)
from execution.domain.reports import OrderReport, Trade, Verdict
from execution.domain.sizing import Wanted
from execution.exchanges.registry import traits
from execution.services.claims import ClaimedSignal
from execution.services.decisions import Decided, NewOrder
from policies.domain.policy import Mode
from policies.domain.reasons import ReasonCode
from tests.simulation.broken import NOTHING
from tests.simulation.clock import EPOCH, Loop, moment, seconds_of
from tests.simulation.database import Database, SignalRow
from tests.simulation.exchanges import CLOCK_SLACK_S, Placed
from tests.simulation.truth import Truth

S = OrderStatus
OPTIONS = CheckOptions(5.0, 3, 60.0)
VALIDITY_S = 5.0


class OrderLife(RuleBasedStateMachine):
    """The exchange's truth, the recorded row, and what is on its way between them."""

    views = Bundle("views")
    reports = Bundle("reports")
    moves = Bundle("moves")

    @initialize(target=views, exchange=st.sampled_from(["binance", "kucoin", "alpaca"]), lots=st.integers(1, 20))
    def order(self, exchange, lots):
        self.loop = Loop()
        self.truth = Truth(self.loop, OPTIONS)
        self.database = Database(lambda: moment(self.loop.now), self.truth, NOTHING)
        wanted = Wanted(Side.BUY, D(lots), None, OrderType.LIMIT, D(100), TimeInForce.GTC, SignalType.ENTRY)
        asked = ClaimedSignal(
            UUID(int=1), 7, "BTC/USDT", "", exchange, None, (), 0, 3, EPOCH, moment(10**6), EPOCH, False, wanted
        )
        self.database.insert_signal(SignalRow(0, asked))
        (claimed,) = self.database.claim_signals(1)
        new = NewOrder(
            exchange, None, Mode.LIVE, OrderType.LIMIT, TimeInForce.GTC, D(lots), D(100), D(100), False, send_now=True
        )
        (order,) = self.database.store_decisions(
            [Decided(claimed, 1, order=new)], now=EPOCH, validity_s=VALIDITY_S, check_after_s=8.0
        )
        self.row = self.database.orders[order.id]
        self.sent = order
        self.late_s = traits(exchange).arrives_late_s
        self.there: Placed | None = None
        self.refused = False
        return order

    # --- the exchange

    @rule(seconds=st.sampled_from([0.1, 1.0, 4.0, 5.0, 30.0, 70.0]))
    def time_passes(self, seconds):
        self.loop.now += seconds

    @precondition(lambda self: self.there is None and not self.refused and self.may_still_arrive())
    @rule()
    def it_arrives(self):
        self.there = Placed(1, self.sent.id, self.sent, self.loop.now, self.loop.now)
        self.truth.placed(self.sent.exchange, self.sent)

    @precondition(lambda self: self.there is not None and self.there.end is None)
    @rule(lots=st.integers(1, 20))
    def it_is_executed(self, lots):
        done = sum((trade.amount for trade in self.there.trades), D(0))
        amount = min(D(lots), self.sent.amount - done)
        number = len(self.there.trades) + 1
        self.there.trades.append(Trade(f"t{number}", amount, D(100), D(0), "USDT", self.loop.now))
        if done + amount == self.sent.amount:
            self.there.end, self.there.end_at = S.FILLED, self.loop.now

    @precondition(lambda self: self.there is not None and self.there.end is None)
    @rule(status=st.sampled_from([S.CANCELLED, S.EXPIRED]))
    def it_ends(self, status):
        self.there.end, self.there.end_at = status, self.loop.now

    @precondition(lambda self: self.there is not None)
    @rule(target=reports, turned=st.booleans(), told=st.sampled_from(["all", "all", "one twice", "one too few"]))
    def it_is_reported(self, turned, told):
        status, trades = self.there.state(self.loop.now)
        filled = sum((trade.amount for trade in trades), D(0))
        if told != "all":
            trades = [*trades, *trades[:1]] if told == "one twice" else trades[1:]
        return OrderReport("1", status, filled, tuple(reversed(trades) if turned else trades))

    # --- processes: they read, ask, and decide on what they have read

    @precondition(lambda self: self.row.check_at is not None)
    @rule(target=views)
    def a_process_reads(self):
        return self.row.order

    @rule(target=moves, view=views, report=reports)
    def a_report_is_understood(self, view, report):
        if view.status == S.SUBMITTING:
            return life.after_report(view, report, self.now(), acknowledged=True)
        return life.after_look_up(view, report, self.now(), OPTIONS, late_s=self.late_s)

    @precondition(lambda self: self.there is None)
    @rule(target=moves, view=views)
    def it_is_not_there(self, view):
        if (early := life.before_look_up(view, self.now(), OPTIONS, late_s=self.late_s)) is not None:
            return early
        self.truth.looked_up(view, found=False)
        move = life.after_look_up(view, None, self.now(), OPTIONS, late_s=self.late_s)
        self.truth.missed(move, self.loop.now)
        return move

    @rule(target=moves, view=views, wait_s=st.sampled_from([None, 1.0, 20.0]))
    def nobody_answers(self, view, wait_s):
        move = life.after_no_answer(view, "", wait_s, self.now(), OPTIONS)
        self.truth.unanswered(move)
        return move

    @rule(target=moves)
    def the_placement_is_unclear(self):
        return self.after_placement(Verdict.UNKNOWN)

    @precondition(lambda self: self.there is not None)
    @rule(target=moves)
    def the_placement_is_a_duplicate(self):
        return self.after_placement(Verdict.ALREADY_PLACED)

    @precondition(lambda self: self.there is None)
    @rule(target=moves, verdict=st.sampled_from([Verdict.REJECTED, Verdict.NOT_SENT]))
    def the_placement_is_refused(self, verdict):
        self.refused = True
        return self.after_placement(verdict)

    @rule()
    def somebody_cancels(self):
        self.database.cancel_signal(self.row.signal)

    @rule(move=moves)
    def a_move_is_recorded(self, move):
        before = self.row.order
        try:
            self.database.record([move])
        except (IllegalTransition, FillsDisagree):
            assert self.row.order is before

    @rule(move=moves, again=moves)
    def two_moves_are_recorded(self, move, again):
        self.a_move_is_recorded(move)
        self.a_move_is_recorded(again)

    # --- always

    @invariant()
    def what_is_recorded_is_true(self):
        order = self.row.order
        true = {trade.trade_id: trade.amount for trade in self.there.trades} if self.there else {}
        assert self.row.fills.items() <= true.items()
        assert order.filled_amount == sum(self.row.fills.values(), D(0)) <= order.amount
        assert not (self.there and order.status in NEVER_PLACED)
        assert self.row.check_at is not None or order.status in FINAL

    def teardown(self):
        """Everything answers again: within a few look-ups the row is as the exchange has it."""
        if not hasattr(self, "row"):
            return
        if self.there is not None and self.there.end is None:
            self.it_ends(S.CANCELLED)
        self.loop.now += VALIDITY_S + self.late_s + 3
        for _ in range(2 + OPTIONS.look_ups_to_conclude):
            if self.row.order.status in FINAL:
                break
            found = self.it_is_reported(False, "all") if self.there else None
            move = self.a_report_is_understood(self.row.order, found) if found else self.it_is_not_there(self.row.order)
            self.a_move_is_recorded(move)
            self.loop.now += OPTIONS.look_up_interval_s
        assert self.row.order.status in FINAL
        signals = SimpleNamespace(orders=[self.there] if self.there else [])
        if self.row.signal.status != "pending":
            self.truth.at_quiet([self.row.signal], {self.sent.exchange: signals})

    # --- words

    def now(self):
        return moment(self.loop.now)

    def may_still_arrive(self):
        return self.loop.now <= seconds_of(self.sent.valid_until) + self.late_s + CLOCK_SLACK_S

    def after_placement(self, verdict):
        code = ReasonCode.RATE_LIMITED if verdict == Verdict.NOT_SENT else ReasonCode.EXCHANGE_REJECTED
        return life.after_placement(self.sent, verdict, code, "", self.now(), OPTIONS, late_s=self.late_s)


TestOrderLife = OrderLife.TestCase
TestOrderLife.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
