"""A verdict is given a broken world, and must say what is broken in it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest

from chaos.evidence import Event, Evidence, OrderFacts, Placement, SignalFacts
from chaos.verdict import Invariant, judge

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
TRADE = {"t1": (D("0.5"), D(100), D("0.05"))}


def after(seconds):
    return NOW + timedelta(seconds=seconds)


def events(*states):
    return tuple(Event(after(n), old, new) for n, (old, new) in enumerate(zip(("", *states), states, strict=False)))


def world():
    """One signal, one order, filled: both sides agree."""
    order = OrderFacts(
        "aa", "s1", "binance", "BTC/USDT", "buy", "filled", D("0.5"), D("0.5"), "77", valid_until=after(5),
        created_at=NOW, final_at=after(1), events=events("submitting", "filled"), trades=TRADE,
    )  # fmt: skip
    placement = Placement(
        "binance", "77", "aa", "BTC/USDT", "buy", "filled", D("0.5"), D("0.5"), after(0.5), {"USDT": D("0.05")}, TRADE
    )
    return Evidence(
        signals={"s1": SignalFacts("s1", 1, "k1", "filled", "", D("0.5"), after(1))},
        orders={"aa": order},
        placements=[placement],
        positions={(1, "binance", "BTC/USDT"): (D("0.5"), D(0))},
        fees={"USDT": D("0.05")},
        fill_fees={"USDT": D("0.05")},
        moved={("binance", "BTC"): D("0.5"), ("binance", "USDT"): D("-50.05")},
        held={("binance", "BTC"): D("0.5"), ("binance", "USDT"): D("-50.05")},
        accepted={"k1": "s1"},
        mended_at=NOW,
    )


def broken(change):
    """The invariants that fail after a change."""
    evidence = world()
    change(evidence)
    return {finding.invariant for finding in judge(evidence).findings}


def order(evidence, **changes):
    evidence.orders["aa"] = replace(evidence.orders["aa"], **changes)


def signal(evidence, **changes):
    evidence.signals["s1"] = replace(evidence.signals["s1"], **changes)


def placement(evidence, **changes):
    evidence.placements[0] = replace(evidence.placements[0], **changes)


def second_order(evidence, **changes):
    evidence.orders["bb"] = replace(evidence.orders["aa"], id="bb", exchange_order_id="88", attempt=2, **changes)


def test_a_world_in_order_has_no_findings_and_says_what_was_looked_at():
    verdict = judge(world())

    assert verdict.findings == []
    assert verdict.checked.keys() == set(Invariant)


def twice(evidence):
    evidence.placements.append(replace(evidence.placements[0], exchange_order_id="78"))


def test_an_order_placed_twice():
    assert Invariant.ONCE in broken(twice)


def test_two_orders_of_a_signal_placed_at_two_exchanges():
    def change(evidence):
        second_order(evidence, exchange="kraken")
        evidence.placements.append(
            replace(evidence.placements[0], exchange="kraken", client_order_id="bb", exchange_order_id="88")
        )

    assert {Invariant.ONCE, Invariant.FAILOVER, Invariant.WITHIN_PARENT} <= broken(change)


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.accepted.update(k2="s2"),
        lambda e: signal(e, status="executing"),
        lambda e: signal(e, status="failed", code=""),
        lambda e: order(e, status="unknown", events=events("submitting", "unknown")),
    ],
    ids=["row gone", "never ends", "no reason", "order never ends"],
)
def test_an_accepted_signal_that_is_lost(change):
    assert Invariant.NOT_LOST in broken(change)


def test_a_signal_that_takes_too_long():
    assert broken(lambda e: signal(e, final_at=after(61))) == {Invariant.IN_TIME}


def test_a_client_that_is_never_heard():
    assert broken(lambda e: setattr(e, "never_accepted", ["k9"])) == {Invariant.IN_TIME}


def test_an_order_that_is_unknown_for_too_long():
    slow = (Event(NOW, "", "submitting"), Event(NOW, "submitting", "unknown"), Event(after(121), "unknown", "filled"))

    assert broken(lambda e: order(e, events=slow)) == {Invariant.IN_TIME}


@pytest.mark.parametrize("status", ["not_placed", "rejected"])
def test_an_order_that_we_call_not_placed_and_the_exchange_has(status):
    def change(evidence):
        order(evidence, status=status, filled=D(0), trades={}, events=events("submitting", status))

    assert Invariant.NOT_GUESSED in broken(change)


def test_a_conclusion_drawn_too_early_even_if_it_came_out_right():
    def change(evidence):
        evidence.placements.clear()
        history = events("submitting", "unknown", "not_placed")
        order(evidence, status="not_placed", valid_until=after(3), events=history)

    assert Invariant.NOT_GUESSED in broken(change)


def test_a_further_attempt_before_the_first_was_proved_not_placed():
    def change(evidence):
        second_order(evidence, created_at=after(0.5))

    assert Invariant.FAILOVER in broken(change)


def test_one_key_with_two_signals():
    def change(evidence):
        evidence.signals["s2"] = replace(evidence.signals["s1"], id="s2")

    assert broken(change) == {Invariant.IDEMPOTENT}
    assert broken(lambda e: setattr(e, "broken", ["k1 was accepted as s1 and again as s2"])) == {Invariant.IDEMPOTENT}


def in_parts(evidence, **whole):
    """The order's signal becomes the part of another."""
    part = replace(evidence.signals["s1"], parent="s0", key="part", filled=evidence.orders["aa"].filled)
    evidence.signals["s0"] = replace(part, id="s0", key="k0", parent="", **whole)
    evidence.signals["s1"] = part


def test_parts_that_add_up_are_in_order():
    assert broken(in_parts) == set()


@pytest.mark.parametrize("whole", [{"amount": D("0.4")}, {"filled": D("0.4")}])
def test_parts_of_more_than_the_whole_and_a_whole_that_says_otherwise(whole):
    assert broken(lambda e: in_parts(e, **whole)) == {Invariant.WITHIN_PARENT}


@pytest.mark.parametrize("change", [lambda e: placement(e, amount=D(1)), lambda e: signal(e, amount=D("0.4"))])
def test_more_than_was_wanted(change):
    assert Invariant.WITHIN_PARENT in broken(change)


@pytest.mark.parametrize(
    "history",
    [
        events("submitting", "filled", "open"),
        events("filled"),
        events("submitting", "unknown"),
        (Event(NOW, "", "submitting"), Event(NOW, "open", "filled")),
        (),
    ],
    ids=["illegal", "no beginning", "other end", "gap", "none"],
)
def test_a_history_that_is_illegal_or_incomplete(history):
    assert Invariant.LEGAL in broken(lambda e: order(e, events=history))


@pytest.mark.parametrize(
    "change",
    [
        lambda e: order(e, filled=D("0.4")),
        lambda e: order(e, trades={"t1": (D("0.5"), D(100), D("0.06"))}),
        lambda e: order(e, trades={"t2": TRADE["t1"]}),
        lambda e: e.positions.update({(1, "binance", "BTC/USDT"): (D("0.6"), D(0))}),
        lambda e: e.positions.clear(),
        lambda e: e.fees.update(USDT=D("0.06")),
        lambda e: e.moved.update({("binance", "USDT"): D("-50.05000001")}),
        lambda e: e.placements.clear(),
    ],
    ids=["filled", "fee", "trade id", "position", "no position", "fee total", "cash", "not there"],
)
def test_books_that_differ_by_the_last_unit(change):
    assert Invariant.BOOKS in broken(change)


def test_an_exchange_that_tells_no_fees_is_compared_without_them():
    def change(evidence):
        order(evidence, exchange="alpaca", trades={"x": (D("0.5"), D(100), D(0))})
        placement(evidence, exchange="alpaca")
        evidence.positions = {(1, "alpaca", "BTC/USDT"): (D("0.5"), D(0))}
        evidence.moved = {("alpaca", "BTC"): D("0.5"), ("alpaca", "USDT"): D("-50.05")}
        evidence.held = {("alpaca", "BTC"): D("0.5"), ("alpaca", "USDT"): D(-50)}

    assert broken(change) == set()


def test_an_order_at_the_exchange_that_nobody_here_knows():
    def change(evidence):
        evidence.placements.append(replace(evidence.placements[0], client_order_id="zz", exchange_order_id="99"))

    assert broken(change) == {Invariant.INTENT_FIRST}


def test_an_exchange_without_client_ids_is_matched_by_its_own():
    assert broken(lambda e: placement(e, client_order_id="")) == set()


def test_an_alarm_that_nobody_has_caused():
    assert broken(lambda e: setattr(e, "alarms", ["orphan binance 5"])) == {Invariant.NO_FALSE_ALARM}
