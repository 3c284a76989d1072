"""What follows in a trade over two exchanges: nothing is guessed, and nothing more is traded than the first one got."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.domain.arbitrage_trade import (
    MOST_TRIES,
    OVER,
    PAUSE,
    PEOPLES,
    Account,
    Doing,
    Step,
    StepKind,
    TradePlan,
    TradeState,
    first_step,
    next_move,
    open_amount,
    result_of,
    worst_price,
)
from execution.domain.first_leg import Leg, harder
from execution.domain.market import Market
from execution.domain.orders import SIGNAL_FINAL, Side, SignalStatus
from execution.domain.scoring import Record
from policies.domain.policy import OneLegged
from policies.domain.reasons import ReasonCode

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LOT = D("0.001")
MARKET = Market("BTC/USDT", D("0.01"), LOT, D("0.001"), None, D(5))
BUY = Account("binance", D(50000), D("0.001"), MARKET)
SELL = Account("kraken", D(50500), D("0.001"), MARKET)
PLAN = TradePlan(D("0.1"), BUY, SELL, Side.BUY)
SELL_FIRST = replace(PLAN, first=Side.SELL)
HOLD, COMPLETE, UNWIND = (Doing(policy, D(20)) for policy in (OneLegged.HOLD, OneLegged.COMPLETE, OneLegged.UNWIND))


def ended(kind, amount, filled, *, plan=PLAN, status="filled", code="", at=NOW, base_fee="0", quote_fee="0"):
    side = plan.first if kind == StepKind.FIRST else plan.second
    account = plan.at(side)
    exchange = plan.at(plan.first).exchange if kind == StepKind.UNWIND else account.exchange
    return Step(
        kind, side, exchange, D(amount), SignalStatus(status), code, "", D(filled), D(filled) * account.limit,
        D(base_fee), D(quote_fee), ended_at=at,
    )  # fmt: skip


def first(filled="0.1", **more):
    return ended(StepKind.FIRST, "0.1", filled, **more)


def second(filled, amount="0.1", **more):
    return ended(StepKind.SECOND, amount, filled, **more)


def test_the_second_order_is_for_what_the_first_got():
    found = next_move(PLAN, [first("0.04", status="partial_fill")], HOLD, NOW)

    assert found is not None
    assert (found.state, found.step.kind, found.step.side) == (TradeState.SECOND, StepKind.SECOND, Side.SELL)
    assert (found.step.exchange, found.step.amount, found.step.limit) == ("kraken", D("0.04"), D(50500))


def test_a_fee_that_was_taken_in_coins_is_not_sold_and_lots_are_whole():
    found = next_move(PLAN, [first("0.1", base_fee="0.0001")], HOLD, NOW)
    assert found.step.amount == D("0.099")

    done = next_move(PLAN, [first("0.1", base_fee="0.0001"), second("0.099", "0.099")], HOLD, NOW)
    assert (done.state, done.why) == (TradeState.DONE, "0.0009 is left over: less than either exchange trades.")


def test_nothing_filled_is_over_and_nothing_is_lost():
    found = next_move(PLAN, [first("0", status="cancelled", code="NO_FILL")], HOLD, NOW)

    assert (found.state, found.code, found.step) == (TradeState.NOTHING, "NO_FILL", None)


def test_what_is_not_known_is_waited_for():
    unknown = replace(first("0"), status=None)
    assert next_move(PLAN, [unknown], UNWIND, NOW) is None
    assert next_move(PLAN, [first(), replace(second("0.05"), status=None)], UNWIND, NOW) is None


def test_both_filled_is_done_and_the_money_is_counted_from_the_fills():
    steps = [first("0.1", quote_fee="5"), second("0.1", quote_fee="5.05")]

    assert next_move(PLAN, steps, UNWIND, NOW).state == TradeState.DONE
    assert result_of(steps).profit == D(50) - D("10.05")


@pytest.mark.parametrize(
    ("doing", "state", "exchange"),
    [(HOLD, TradeState.HELD, None), (COMPLETE, TradeState.REPAIR, "kraken"), (UNWIND, TradeState.REPAIR, "binance")],
)
def test_what_the_second_leaves_open_goes_by_the_policy(doing, state, exchange):
    found = next_move(PLAN, [first(), second("0.03", status="partial_fill", code="PARTLY_FILLED")], doing, NOW)

    assert found.state == state
    assert (found.step.exchange if found.step else None) == exchange
    if found.step:
        assert (found.step.side, found.step.amount) == (Side.SELL, D("0.07"))
    else:
        assert found.code == ReasonCode.ARBITRAGE_ONE_LEGGED


@pytest.mark.parametrize("plan", [PLAN, SELL_FIRST])
def test_a_repair_loses_no_more_than_it_may(plan):
    steps = [first(plan=plan, quote_fee="5"), second("0", plan=plan, status="rejected", code="EXCHANGE_REJECTED")]
    found = next_move(plan, steps, UNWIND, NOW)
    account = plan.at(plan.first)
    at_worst = replace(
        ended(StepKind.UNWIND, "0.1", "0.1", plan=plan),
        notional=found.step.limit * D("0.1"),
        quote_fee=found.step.limit * D("0.1") * account.fee,
    )

    lost = -result_of([*steps, at_worst]).profit
    value = steps[0].notional
    assert D("0.0015") * value < lost <= D("0.0020") * (value + 5)
    assert found.step.limit % MARKET.tick == 0


@pytest.mark.parametrize("code", sorted(PEOPLES))
@pytest.mark.parametrize("doing", [COMPLETE, UNWIND])
def test_a_halt_or_another_rule_of_people_is_never_traded_around(code, doing):
    found = next_move(PLAN, [first(), second("0", status="denied", code=code)], doing, NOW)

    assert (found.state, found.code, found.step) == (TradeState.HELD, code, None)


def test_an_exchange_that_is_out_is_not_a_rule_of_people():
    out = second("0", status="denied", code="NO_HEALTHY_EXCHANGE")
    assert next_move(PLAN, [first(), out], UNWIND, NOW).step.exchange == "binance"

    again = ended(StepKind.COMPLETE, "0.1", "0", status="denied", code="NO_HEALTHY_EXCHANGE")
    assert next_move(PLAN, [first(), out, again], COMPLETE, NOW).state == TradeState.HELD


def test_tries_are_paused_and_bounded_until_a_person_decides():
    steps = [first(), second("0", status="cancelled", code="NO_FILL")]
    later = NOW + PAUSE
    for _ in range(MOST_TRIES):
        assert next_move(PLAN, steps, COMPLETE, later).state == TradeState.REPAIR
        steps.append(ended(StepKind.COMPLETE, "0.1", "0", status="cancelled", code="NO_FILL", at=NOW))
        assert len(steps) == 2 + MOST_TRIES or next_move(PLAN, steps, COMPLETE, NOW) is None
    held = next_move(PLAN, steps, COMPLETE, later)
    assert (held.state, held.code) == (TradeState.HELD, ReasonCode.ARBITRAGE_ONE_LEGGED)

    wish = Doing(OneLegged.UNWIND, D(100), since=len(steps))
    assert next_move(PLAN, steps, wish, NOW).step.exchange == "binance"


def test_too_little_for_one_exchange_only_is_no_dust():
    coarse = replace(PLAN, sell=replace(SELL, market=replace(MARKET, min_amount=D("0.05"))))
    steps = [first("0.04", status="partial_fill")]

    assert next_move(coarse, steps, UNWIND, NOW).step.exchange == "binance"
    assert next_move(coarse, steps, COMPLETE, NOW).code == ReasonCode.BELOW_MINIMUM
    assert next_move(coarse, steps, HOLD, NOW).state == TradeState.HELD


def test_a_fee_nobody_told_makes_the_profit_unknown_and_the_bound_careful():
    steps = [replace(first(), fees_known=False), second("0.1")]
    assert result_of(steps).profit is None
    told = [first(quote_fee="5"), second("0")]
    assert worst_price(PLAN, steps, SELL, D(20)) == worst_price(PLAN, told, SELL, D(20))


def test_what_is_open_is_valued_at_what_it_cost():
    assert result_of([first(quote_fee="5")]).profit == D(-5)
    assert result_of([first("0.1", base_fee="0.001")]).profit == D(-50)
    bought_back_less = [first(plan=SELL_FIRST), second("0.1", plan=SELL_FIRST, base_fee="0.0001")]
    assert result_of(bought_back_less).profit == D("50") - D("0.0001") * 50000


# --- any order of events

fills = st.integers(0, 1000).map(lambda n: D(n) / 1000)
statuses = st.sampled_from(sorted(SIGNAL_FINAL))
codes = st.sampled_from(["", "NO_FILL", "EXCHANGE_REJECTED", "TRADING_HALTED", "NO_HEALTHY_EXCHANGE", "NOT_PLACED"])
answers = st.lists(
    st.tuples(fills, statuses, codes, st.integers(0, 30), st.booleans(), st.integers(0, 5)), min_size=1, max_size=14
)
plans = st.builds(
    TradePlan,
    amount=st.integers(1, 400).map(lambda n: n * LOT),
    buy=st.just(BUY),
    sell=st.builds(
        lambda lot, least: replace(SELL, market=replace(MARKET, lot=lot, min_amount=least)),
        st.sampled_from([LOT, D("0.01")]),
        st.sampled_from([None, D("0.02")]),
    ),
    first=st.sampled_from(list(Side)),
)


@given(plans, st.sampled_from(list(OneLegged)), answers, st.sampled_from(list(OneLegged)))
@settings(max_examples=400, deadline=None)
def test_whatever_happens_no_more_is_traded_back_than_the_first_got(plan, policy, answers, wish):
    doing, now, steps = Doing(policy, D(20)), NOW, []
    todo, repairs, state = first_step(plan), 0, TradeState.FIRST
    for filled_share, status, code, fee_bps, waits, seconds in answers:
        now += timedelta(seconds=seconds)
        if todo is None:
            break
        pending = Step(todo.kind, todo.side, todo.exchange, todo.amount, None)
        if waits:
            assert next_move(plan, [*steps, pending], doing, now) is None
        filled = (todo.amount * filled_share).quantize(D("1e-6"))
        steps.append(
            replace(
                pending, status=status, code=code, filled=filled, notional=filled * todo.limit,
                base_fee=filled * fee_bps / 10_000 if todo.side == Side.BUY else D(0), ended_at=now,
            )
        )  # fmt: skip
        later = sum((step.filled for step in steps[1:]), D(0))
        assert later <= steps[0].filled <= plan.amount
        assert open_amount(steps) >= 0

        after = next_move(plan, steps, doing, now) or next_move(plan, steps, doing, now + PAUSE)
        assert after is not None
        if after.state == TradeState.HELD:
            assert after.step is None
            assert after.code
            doing = Doing(wish, D(50), since=len(steps))
            after = next_move(plan, steps, doing, now)
            repairs = 0
        todo, state = after.step, after.state
        assert (todo is None) == (state in OVER or state == TradeState.HELD)
        if todo is not None:
            assert todo.side == plan.second
            assert 0 < todo.amount <= open_amount(steps)
            assert todo.amount % plan.buy.market.lot == 0
            repairs += todo.kind in {StepKind.COMPLETE, StepKind.UNWIND}
            assert repairs <= MOST_TRIES
    if state == TradeState.DONE:
        assert open_amount(steps) < max(D("0.02"), plan.buy.market.lot)
    if state == TradeState.NOTHING:
        assert not steps[0].filled


# --- which order goes first

EASY = Leg("binance", D(10), D(50), Record(1000, 1000), 20.0)


@pytest.mark.parametrize(
    "worse",
    [
        {"cover": D(1)},
        {"depth": D(11)},
        {"record": Record(1000, 700)},
        {"latency_ms": 400.0},
        {"latency_ms": None},
    ],
)
def test_the_harder_order_goes_first(worse):
    hard = replace(EASY, exchange="kraken", **worse)

    side, why = harder(EASY, hard)
    assert side == Side.SELL
    assert why.startswith("kraken first, as the harder one: kraken holds")
    assert "binance holds 10.0 times" in why
    assert harder(hard, EASY)[0] == Side.BUY


def test_of_two_that_are_as_hard_the_purchase_goes_first():
    assert harder(EASY, replace(EASY, exchange="kraken"))[0] == Side.BUY
