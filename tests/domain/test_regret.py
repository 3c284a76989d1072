"""An execution against the best on the books of its decision."""

from decimal import Decimal as D

import pytest

from execution.domain.orders import Side
from execution.domain.regret import Shown, least_cost, regret_bps

CHEAP = Shown([(D(100), D(2)), (D("100.5"), D(5))], D("0.002"))
FEELESS = Shown([(D("100.1"), D(3))], D(0))
EXPLAINED = {
    "asked": {"side": "buy"},
    "offers": [
        {"fee": "0.002", "asks": [["100", "2"], ["100.5", "5"]], "bids": [["99", "9"]]},
        {"fee": "0", "asks": [["100.1", "3"]], "bids": [["99.1", "1"]]},
    ],
}


def test_levels_are_taken_in_the_order_of_their_price_after_fees():
    # 100.1 without a fee is cheaper than 100 with 0.2 %: 100.2.
    assert least_cost(Side.BUY, D(4), [CHEAP, FEELESS]) == 3 * D("100.1") + D("100.2")
    assert least_cost(Side.BUY, D(10), [CHEAP, FEELESS]) == 3 * D("100.1") + 2 * D("100.2") + 5 * D("100.701")


def test_a_sale_takes_what_brings_most():
    bids = [Shown([(D(100), D(1))], D("0.002")), Shown([(D("99.9"), D(1))], D(0))]

    assert least_cost(Side.SELL, D(2), bids) == -(D("99.9") + D("99.8"))


def test_books_that_are_not_deep_enough_say_nothing():
    assert least_cost(Side.BUY, D("10.001"), [CHEAP, FEELESS]) is None


def test_what_was_paid_beyond_the_best_in_basis_points():
    assert regret_bps(EXPLAINED, D(3), D("300.3"), D(0)) == 0
    assert round(regret_bps(EXPLAINED, D(3), D("300.3"), D("0.3003")), 4) == D(10)


def test_a_better_price_than_the_best_is_negative_on_both_sides():
    sale = {**EXPLAINED, "asked": {"side": "sell"}}

    assert regret_bps(EXPLAINED, D(1), D(100), D(0)) < 0
    assert regret_bps(sale, D(1), D("99.2"), D(0)) < 0
    assert regret_bps(sale, D(1), D(99), D(0)) > 0


@pytest.mark.parametrize("explanation", [None, {}, {"router": "1", "offers": [{"exchange": "binance"}]}])
def test_where_nothing_was_compared_there_is_no_regret(explanation):
    assert regret_bps(explanation, D(1), D(100), D(0)) is None
    assert regret_bps(EXPLAINED, D(1), D(100), None) is None
