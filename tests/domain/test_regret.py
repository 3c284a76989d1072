"""An execution against the best on the books of its decision, and on those at its fill."""

from decimal import Decimal as D

import pytest

from execution.domain.book import OrderBook
from execution.domain.orders import Side
from execution.domain.regret import OwnFill, Paid, Shown, fill_regret_bps, kept_books, least_cost, regret_bps
from execution.domain.tca import Unknown

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


AT = 1_800_000_000.0
NAMED = {
    "asked": {"side": "buy"},
    "offers": [{"exchange": "cheap", "fee": "0.002", "asks": []}, {"exchange": "feeless", "fee": "0", "asks": []}],
}


def book(asks, ago=0.2):
    return OrderBook("BTC/USDT", [(D(90), D(1))], [(D(price), D(size)) for price, size in asks], AT - ago)


def kept(cheap, feeless, enough="9"):
    return kept_books({"cheap": cheap, "feeless": feeless}, Side.BUY, D(enough), AT)


def test_at_the_fill_the_price_may_have_left_what_the_decision_saw():
    # It was decided when `feeless` sold at 100.1; at the fill that is gone, and 100.2 with fees is the best.
    books = kept(book([("100", "2")]), book([("100.9", "3")]))
    paid = Paid(D(2), D(200), D("0.4"))

    assert fill_regret_bps(NAMED, books, [], paid) == 0
    assert round(fill_regret_bps(NAMED, books, [], Paid(D(2), D("201.8"), D(0))), 4) == D("69.8603")


def test_what_the_order_took_itself_was_there_for_it():
    # The book is from after the fill: without the 2 at 100 that it took, 100.9 would look like the best there was.
    after = kept(book([("100.5", "5")], ago=-0.1), book([("100.9", "3")]))
    fill = OwnFill("cheap", AT, D(100), D(2))

    assert fill_regret_bps(NAMED, after, [fill], Paid(D(2), D(200), D("0.4"))) == 0
    assert fill_regret_bps(NAMED, after, [], Paid(D(2), D(200), D("0.4"))) < 0


def test_what_a_book_from_before_the_fill_shows_is_not_counted_twice():
    before = kept(book([("100", "2"), ("101", "5")]), book([("102", "3")]))
    fill = OwnFill("cheap", AT, D(100), D(2))

    assert fill_regret_bps(NAMED, before, [fill], Paid(D(4), D(402), D("0.804"))) == 0


@pytest.mark.parametrize(
    ("explanation", "books", "paid", "why"),
    [
        (None, None, Paid(D(1), D(100), D(0)), Unknown.NOT_COMPARED),
        ({"offers": []}, None, Paid(D(1), D(100), D(0)), Unknown.NOT_COMPARED),
        (NAMED, None, Paid(D(1), D(100), D(0)), Unknown.NO_BOOKS),
        (NAMED, kept(book([("100", "2")]), book([("100", "2")], ago=1.2)), Paid(D(1), D(100), D(0)), Unknown.NO_BOOKS),
        (NAMED, kept(book([("100", "2")]), book([("100", "2")], ago=-1.2)), Paid(D(1), D(100), D(0)), Unknown.NO_BOOKS),
        (NAMED, kept(book([("100", "2")]), book([("100", "2")])), Paid(D(5), D(500), D(0)), Unknown.NOT_DEEP),
        (NAMED, kept(book([("100", "2")]), book([("100", "2")])), Paid(D(1), D(100), None), Unknown.NO_FEE),
    ],
)
def test_what_is_not_known_at_the_fill_makes_it_unknown_and_says_why(explanation, books, paid, why):
    assert fill_regret_bps(explanation, books, [], paid) == why


def test_books_are_kept_as_far_as_the_order_could_have_gone():
    found = kept(book([("100", "2"), ("101", "2"), ("102", "2")]), book([("100", "9")]), enough="3")

    assert found["books"]["cheap"]["levels"] == [["100", "2"], ["101", "2"]]


def test_once_the_books_of_a_decision_are_dropped_its_regret_is_not_known():
    dropped = {"asked": {"side": "buy"}, "offers": [{"exchange": "cheap", "fee": "0.002"}]}

    assert regret_bps(dropped, D(1), D(100), D(0)) is None
