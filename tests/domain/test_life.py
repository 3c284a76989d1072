"""What an answer proves about an order, and what is only hoped."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal as D
from itertools import product

import pytest

from execution.domain import life
from execution.domain.life import CheckOptions, FillsDisagree, Move, SignalState
from execution.domain.orders import FINAL, IN_DOUBT, OrderStatus, OrderType, SignalStatus, TimeInForce
from execution.domain.reports import OrderReport, Verdict
from policies.domain.reasons import Denial, ReasonCode
from tests.domain.builders import NOW

OPTIONS = CheckOptions(look_up_interval_s=5.0, look_ups_to_conclude=3, attention_after_s=300)
S = OrderStatus


@dataclass(frozen=True, slots=True)
class Order:
    status: OrderStatus = S.UNKNOWN
    exchange: str = "binance"
    order_type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.IOC
    filled_amount: D = D(0)
    exchange_order_id: str = ""
    submitted_at: datetime = NOW
    valid_until: datetime = NOW + timedelta(seconds=5)
    clean_misses: int = 0
    cancel_requested_at: datetime | None = None
    cancel_code: str = ""
    cancel_reason: str = ""


def at(seconds):
    return NOW + timedelta(seconds=seconds)


def placement(verdict, code=ReasonCode.OUTCOME_UNKNOWN, late_s=0.0):
    return life.after_placement(Order(S.SUBMITTING), verdict, code, "words", at(1), OPTIONS, late_s=late_s)


def look_up(order, report, seconds, late_s=0.0):
    return life.after_look_up(order, report, at(seconds), OPTIONS, late_s=late_s)


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.REJECTED, S.REJECTED),
        (Verdict.NOT_SENT, S.NOT_PLACED),
        (Verdict.ALREADY_PLACED, S.UNKNOWN),
        (Verdict.UNKNOWN, S.UNKNOWN),
    ],
)
def test_only_a_proof_ends_a_placement(verdict, status):
    assert placement(verdict).status == status


@pytest.mark.parametrize(("late_s", "wait_s"), [(0.0, 7), (60.0, 67)])
def test_an_unknown_order_is_first_asked_for_when_it_can_no_longer_arrive(late_s, wait_s):
    move = placement(Verdict.UNKNOWN, late_s=late_s)

    assert (move.check_at, move.code) == (at(wait_s), "OUTCOME_UNKNOWN")


@pytest.mark.parametrize("code", list(ReasonCode))
def test_only_our_own_delay_makes_the_same_exchange_worth_another_try(code):
    assert placement(Verdict.NOT_SENT, code).retry_same_exchange == (code == ReasonCode.NOT_SENT)


@pytest.mark.parametrize("status", sorted(IN_DOUBT))
def test_nothing_is_asked_before_its_time(status):
    early = life.before_look_up(Order(status), at(6.9), OPTIONS, late_s=0.0)

    assert early is not None
    assert (early.status in IN_DOUBT, early.check_at, early.clean_misses) == (True, at(7), 0)
    assert life.before_look_up(Order(status), at(7), OPTIONS, late_s=0.0) is None


@pytest.mark.parametrize("status", [S.OPEN, S.PARTIALLY_FILLED])
def test_a_working_order_may_be_asked_for_at_any_time(status):
    assert life.before_look_up(Order(status), at(1), OPTIONS, late_s=0.0) is None


@pytest.mark.parametrize(
    ("misses_before", "seconds", "concluded"),
    [(0, 7, False), (1, 12, False), (2, 16.9, False), (2, 17, True), (1, 400, False), (9, 16, False)],
)
def test_not_there_is_believed_after_enough_answers_over_enough_time(misses_before, seconds, concluded):
    move = look_up(Order(clean_misses=misses_before), None, seconds)

    assert (move.status == S.NOT_PLACED) == concluded
    if not concluded:
        assert (move.clean_misses, move.check_at) == (misses_before + 1, at(seconds + 5))


def test_the_installed_rule_is_three_answers_over_ten_seconds():
    assert (OPTIONS.look_ups_to_conclude, OPTIONS.spread_s) == (3, 10.0)


def test_an_exchange_that_accepts_late_is_given_that_time():
    assert look_up(Order(clean_misses=2), None, 76, late_s=60.0).status == S.UNKNOWN
    assert look_up(Order(clean_misses=2), None, 77, late_s=60.0).status == S.NOT_PLACED


@pytest.mark.parametrize(("count", "interval"), [(1, 5.0), (0, 5.0), (3, 0.0)])
def test_a_rule_by_which_one_look_would_do_is_refused(count, interval):
    with pytest.raises(ValueError, match="proves nothing"):
        CheckOptions(interval, count, 300)


@pytest.mark.parametrize(("asked_for", "wait_s"), [(None, 5), (2.0, 5), (30.0, 30)])
def test_no_answer_starts_the_row_again(asked_for, wait_s):
    move = life.after_no_answer(Order(clean_misses=2), "HTTP 503", asked_for, at(20), OPTIONS)

    assert (move.status, move.clean_misses, move.check_at) == (S.UNKNOWN, 0, at(20 + wait_s))


@pytest.mark.parametrize("report", [None, OrderReport("7", S.OPEN)])
@pytest.mark.parametrize("status", [S.OPEN, S.PARTIALLY_FILLED])
def test_a_known_order_that_is_not_shown_stays_as_it_is(status, report):
    order = Order(status, filled_amount=D(0))

    assert look_up(order, None, 100).status == status
    assert life.after_no_answer(order, "HTTP 503", None, at(9), OPTIONS).status == status


@pytest.mark.parametrize(("seconds", "status"), [(300, S.UNKNOWN), (301, S.NEEDS_ATTENTION)])
def test_a_person_is_asked_after_too_long(seconds, status):
    assert life.after_no_answer(Order(), "HTTP 503", None, at(seconds), OPTIONS).status == status


def test_an_order_a_dead_worker_left_is_first_unknown():
    move = life.after_no_answer(Order(S.SUBMITTING), "HTTP 503", None, at(3000), OPTIONS)

    assert (move.status, move.code) == (S.UNKNOWN, "OUTCOME_UNKNOWN")


def test_what_is_found_late_is_believed_even_when_a_person_was_asked():
    move = look_up(Order(S.NEEDS_ATTENTION), OrderReport("7", S.FILLED, D(2)), 900)

    assert (move.status, move.filled, move.check_at, move.acknowledged) == (S.FILLED, 2, None, True)


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (OrderReport("7", S.CANCELLED), "NO_FILL"),
        (OrderReport("7", S.EXPIRED, D(1)), "PARTLY_FILLED"),
        (OrderReport("7", S.REJECTED), "EXCHANGE_REJECTED"),
        (OrderReport("7", S.FILLED, D(2)), ""),
    ],
)
def test_every_unhappy_end_has_its_code(report, code):
    move = life.after_report(Order(S.OPEN), report, at(1))

    assert (move.code, move.check_at) == (code, None)


def test_a_cancel_that_somebody_asked_for_keeps_his_code():
    order = Order(S.OPEN, cancel_requested_at=NOW, cancel_code="CANCELLED_BY_OPERATOR", cancel_reason="ann: wrong")

    move = look_up(order, OrderReport("7", S.CANCELLED), 3)

    assert (move.code, move.detail) == ("CANCELLED_BY_OPERATOR", "ann: wrong")


def test_a_cancel_is_wanted_when_asked_for_or_when_an_emulated_ioc_has_had_its_time():
    def wanted(order, seconds, emulated):
        return life.wants_cancel(order, at(seconds), OPTIONS, emulated=emulated)

    assert wanted(Order(S.OPEN, cancel_requested_at=NOW), 1, False)
    assert wanted(Order(S.OPEN), 2.1, True)
    assert not wanted(Order(S.OPEN), 2.0, True)
    assert not wanted(Order(S.OPEN), 100, False)


def test_an_order_is_not_sent_when_too_little_of_its_validity_is_left():
    assert not life.too_late_to_send(Order(), at(4.5))
    assert life.too_late_to_send(Order(), at(4.6))


def test_executions_must_add_up():
    move = Move(Order(S.OPEN, filled_amount=D(1)), S.PARTIALLY_FILLED, NOW, filled_amount=D(3))

    life.check_fills(move, D(2))
    with pytest.raises(FillsDisagree):
        life.check_fills(move, D(1))


def test_a_filled_amount_never_shrinks():
    move = Move(Order(S.PARTIALLY_FILLED, filled_amount=D(2)), S.PARTIALLY_FILLED, NOW, filled_amount=D(1))

    assert (move.filled, life.after_move(move).filled_amount) == (2, 2)


WANTED = SignalState(expires_at=at(60), cancelled=False, attempt=1)
RETRY = Move(Order(), S.NOT_PLACED, NOW, code="NOT_PLACED")


def test_after_a_proved_miss_the_next_exchange_is_tried_and_this_one_noted():
    assert life.signal_after(RETRY, WANTED) == (SignalStatus.PENDING, "binance")
    assert life.signal_after(replace(RETRY, retry_same_exchange=True), WANTED) == (SignalStatus.PENDING, "")


@pytest.mark.parametrize(
    "state",
    [
        replace(WANTED, cancelled=True),
        replace(WANTED, expires_at=NOW),
        replace(WANTED, attempt=life.MAX_ATTEMPTS),
    ],
)
def test_a_signal_that_is_not_wanted_any_more_ends(state):
    assert life.signal_after(RETRY, state) == (SignalStatus.FAILED, "")
    assert life.signal_after(replace(RETRY, retry_same_exchange=True), state) == (SignalStatus.FAILED, "")


@pytest.mark.parametrize(("status", "code"), list(product(OrderStatus, ReasonCode)))
def test_an_order_that_may_exist_never_sets_its_signal_free(status, code):
    after, tried = life.signal_after(Move(Order(), status, NOW, code=code.value), WANTED)

    if status not in {S.REJECTED, S.NOT_PLACED}:
        assert (after != SignalStatus.PENDING, tried) == (True, "")


def test_our_own_refusal_ends_the_signal_with_its_code():
    expired = life.after_refusal(Order(S.SUBMITTING), Denial(ReasonCode.SIGNAL_EXPIRED, "Too old."), NOW)
    halted = life.after_refusal(Order(S.SUBMITTING), Denial(ReasonCode.TRADING_HALTED, "Halted."), NOW)

    assert (expired.status, life.signal_after(expired, WANTED)[0]) == (S.EXPIRED, SignalStatus.EXPIRED)
    assert (halted.status, life.signal_after(halted, WANTED)[0]) == (S.NOT_PLACED, SignalStatus.DENIED)
    assert {expired.status, halted.status} <= FINAL
