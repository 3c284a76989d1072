"""The simulation must notice: each rule is taken away once, and some seed must break for the right reason."""

from dataclasses import replace
from datetime import timedelta

import pytest

from execution.domain import life
from execution.domain.orders import OrderStatus, SignalStatus
from execution.domain.reports import Verdict
from tests.simulation.broken import NOTHING, Broken
from tests.simulation.runs import run_seed, story
from tests.simulation.truth import Violation

SEEDS = range(120)
ORDERS = 20
TWICE = {"never twice", "never guessed", "final is final"}


def first_violation(broken=NOTHING):
    for seed in SEEDS:
        try:
            run_seed(seed, ORDERS, broken=broken)
        except Violation as e:
            return seed, e
    return None, None


@pytest.mark.parametrize(
    ("flag", "rules"),
    [
        ("claim_without_compare", {"one live order per signal", "attempt once", "final is final"}),
        ("record_without_compare", {"final is final", "legal moves only", "fills never shrink", "fills counted once"}),
        ("no_lease_return", {"never lost"}),
        ("no_sweep", {"never lost"}),
        ("forget_in_flight", {"never lost"}),
        ("fills_counted_twice", {"fills counted once"}),
        ("send_before_commit", {"intent is committed before anything leaves"}),
        ("baseline_after_sending", {"never guessed", *TWICE}),
        ("no_exclusive", {"one in doubt where there are no ids"}),
        ("no_gate", {"nothing leaves a second after a halt", "stale signals never fire"}),
        ("resend_orphans", TWICE),
        ("unknown_is_rejected", {"never guessed"}),
        ("late_exchanges_forgotten", {"no conclusion before its time", *TWICE}),
        ("clock_trusted", {"no conclusion before its time", *TWICE}),
    ],
)
def test_a_service_that_breaks_a_rule_is_caught(flag, rules):
    seed, violation = first_violation(Broken(**{flag: True}))

    assert violation is not None
    assert violation.rule in rules
    assert story(seed, ORDERS, broken=Broken(**{flag: True})).startswith(f"seed {seed}: {violation}")


def early_conclusion(original):
    return "first_look_up_at", lambda order, options, *, late_s: order.submitted_at + timedelta(seconds=0.5)


def one_miss_concludes(original):
    return "may_conclude", lambda order, misses, now, options, *, late_s: misses >= 1


def misses_need_no_time(original):
    def after_look_up(order, report, now, options, **kwargs):
        move = original["after_look_up"](order, report, now, options, **kwargs)
        return replace(move, check_at=now) if move.clean_misses else move

    return "after_look_up", after_look_up


def errors_count_as_misses(original):
    def after_no_answer(order, detail, retry_after_s, now, options):
        if order.status not in life.IN_DOUBT:
            return original["after_no_answer"](order, detail, retry_after_s, now, options)
        return life.after_look_up(order, None, now, options, late_s=0.0)

    return "after_no_answer", after_no_answer


def errors_do_not_end_the_row(original):
    def after_no_answer(order, detail, retry_after_s, now, options):
        move = original["after_no_answer"](order, detail, retry_after_s, now, options)
        return replace(move, clean_misses=order.clean_misses)

    return "after_no_answer", after_no_answer


def another_exchange_when_unknown(original):
    def may_try_next(status, code):
        return status == OrderStatus.UNKNOWN or original["may_try_next"](status, code)

    return "may_try_next", may_try_next


def same_exchange_when_unknown(original):
    def after_placement(order, verdict, *args, **kwargs):
        move = original["after_placement"](order, verdict, *args, **kwargs)
        if verdict != Verdict.UNKNOWN:
            return move
        return replace(move, status=OrderStatus.NOT_PLACED, retry_same_exchange=True)

    return "after_placement", after_placement


def already_placed_is_a_rejection(original):
    def after_placement(order, verdict, *args, **kwargs):
        verdict = Verdict.REJECTED if verdict == Verdict.ALREADY_PLACED else verdict
        return original["after_placement"](order, verdict, *args, **kwargs)

    return "after_placement", after_placement


def nobody_is_ever_asked(original):
    return "needs_person", lambda order, now, options: False


def cancelled_signals_are_tried_elsewhere(original):
    def signal_after(move, state):
        return original["signal_after"](move, replace(state, cancelled=False))

    return "signal_after", signal_after


def a_failed_attempt_is_not_the_end(original):
    def signal_after(move, state):
        status, tried = original["signal_after"](move, state)
        return (SignalStatus.EXECUTING if status == SignalStatus.FAILED else status), tried

    return "signal_after", signal_after


def executions_need_not_add_up(original):
    return "check_fills", lambda move, new: None


@pytest.mark.parametrize(
    ("mutant", "rules"),
    [
        (early_conclusion, {"no conclusion before its time", *TWICE}),
        (one_miss_concludes, {"enough clean look-ups in a row"}),
        (misses_need_no_time, {"look-ups spread over time"}),
        (errors_count_as_misses, {"enough clean look-ups in a row", *TWICE}),
        (errors_do_not_end_the_row, {"enough clean look-ups in a row", "look-ups spread over time"}),
        (another_exchange_when_unknown, {"fail-over only from proof"}),
        (same_exchange_when_unknown, TWICE),
        (already_placed_is_a_rejection, {"never guessed"}),
        (nobody_is_ever_asked, {"a person is asked"}),
        (cancelled_signals_are_tried_elsewhere, {"cancelled is cancelled"}),
        (a_failed_attempt_is_not_the_end, {"never lost"}),
        (executions_need_not_add_up, {"fills counted once"}),
    ],
)
def test_a_decision_that_breaks_a_rule_is_caught(monkeypatch, mutant, rules):
    original = {name: getattr(life, name) for name in dir(life)}
    monkeypatch.setattr(life, *mutant(original))

    _, violation = first_violation()

    assert violation is not None
    assert violation.rule in rules
