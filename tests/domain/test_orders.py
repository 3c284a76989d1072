import importlib
from itertools import product

import pytest

from execution.domain.orders import (
    FINAL,
    NEVER_PLACED,
    RETRYABLE,
    SIGNAL_FINAL,
    TRANSITIONS,
    IllegalTransition,
    OrderStatus,
    SignalStatus,
    check_move,
    may_try_next,
    signal_outcome,
)
from policies.domain.reasons import ReasonCode


@pytest.mark.parametrize(("old", "new"), list(product(OrderStatus, OrderStatus)))
def test_only_the_moves_of_the_table_are_legal(old, new):
    if new == old or new in TRANSITIONS[old]:
        check_move(old, new)
    else:
        with pytest.raises(IllegalTransition):
            check_move(old, new)


def test_the_database_guard_allows_exactly_the_same_moves():
    guard = importlib.import_module("execution.migrations.0002_guards").LEGAL_MOVES

    assert {old: sorted(new) for old, new in guard.items()} == {
        old.value: sorted(s.value for s in new) for old, new in TRANSITIONS.items() if new
    }


def test_every_status_but_the_final_ones_leads_on():
    assert {status for status in OrderStatus if not TRANSITIONS[status]} <= FINAL


@pytest.mark.parametrize(("status", "code"), list(product(OrderStatus, ReasonCode)))
def test_another_exchange_is_tried_only_from_proved_not_placed(status, code):
    assert may_try_next(status, code) == (status in NEVER_PLACED and code in RETRYABLE)


def test_an_order_of_unknown_outcome_never_allows_another_exchange():
    in_doubt = (OrderStatus.SUBMITTING, OrderStatus.UNKNOWN, OrderStatus.NEEDS_ATTENTION)

    assert not any(may_try_next(status, code) for status, code in product(in_doubt, ReasonCode))


@pytest.mark.parametrize(
    ("status", "has_fills", "expected"),
    [
        (OrderStatus.FILLED, True, SignalStatus.FILLED),
        (OrderStatus.CANCELLED, True, SignalStatus.PARTIAL_FILL),
        (OrderStatus.EXPIRED, True, SignalStatus.PARTIAL_FILL),
        (OrderStatus.CANCELLED, False, SignalStatus.CANCELLED),
        (OrderStatus.EXPIRED, False, SignalStatus.CANCELLED),
        (OrderStatus.REJECTED, False, SignalStatus.REJECTED),
        (OrderStatus.NOT_PLACED, False, SignalStatus.FAILED),
        (OrderStatus.UNKNOWN, False, SignalStatus.EXECUTING),
        (OrderStatus.NEEDS_ATTENTION, True, SignalStatus.EXECUTING),
        (OrderStatus.PARTIALLY_FILLED, True, SignalStatus.EXECUTING),
    ],
)
def test_what_an_orders_end_means_for_its_signal(status, has_fills, expected):
    assert signal_outcome(status, has_fills=has_fills) == expected


def test_an_order_and_its_signal_end_together():
    for status, has_fills in product(OrderStatus, (True, False)):
        assert (signal_outcome(status, has_fills=has_fills) in SIGNAL_FINAL) == (status in FINAL)
