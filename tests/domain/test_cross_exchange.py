from decimal import Decimal as D
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from execution.domain.book import OrderBook
from execution.domain.cross_exchange import cross
from tests.domain.builders import book

CHEAP = book([("99", "1")], [("100", "2"), ("101", "5")])
DEAR = book([("103", "1"), ("102", "4"), ("101", "9")], [("104", "1")])


def test_it_is_sized_to_the_last_unit_that_earns_something():
    found = cross(CHEAP, DEAR, D(0), D(0))

    # 1 at 100 for 103, 1 at 100 for 102, 3 at 101 for 102; then 101 for 101 earns nothing.
    assert (found.amount, found.cost, found.proceeds) == (D(5), D(503), D(511))
    assert (found.profit, found.worst_buy, found.worst_sell) == (D(8), D(101), D(102))
    assert found.top_edge_bps == D(300)


def test_both_fees_are_taken_off():
    found = cross(CHEAP, DEAR, D("0.01"), D("0.01"))

    # 100 costs 101 and 103 brings 101.97; 102 brings 100.98, which is less.
    assert (found.amount, found.cost, found.proceeds) == (D(1), D("101"), D("101.97"))
    assert cross(CHEAP, DEAR, D("0.02"), D("0.02")) is None


def test_a_budget_bounds_the_cost_with_the_fee():
    found = cross(CHEAP, DEAR, D("0.01"), D(0), budget=D("50.5"))

    assert (found.amount, found.cost) == (D("0.5"), D("50.5"))


def test_books_that_cannot_be_used_earn_nothing():
    empty, crossed = book([], [("1", "1")]), book([("110", "1")], [("100", "1")])

    assert cross(empty, DEAR, D(0), D(0)) is None
    assert cross(crossed, DEAR, D(0), D(0)) is None
    assert cross(CHEAP, crossed, D(0), D(0)) is None


levels = st.lists(st.tuples(st.integers(90, 110), st.integers(1, 20)), min_size=1, max_size=8)


@given(levels, levels, st.integers(0, 50), st.integers(0, 50), st.one_of(st.none(), st.integers(1, 5000)))
def test_no_size_earns_more(asks, bids, buy_bps, sell_bps, budget):
    """Against every whole size, priced one unit at a time."""
    asks, bids = sorted(dict(asks).items()), sorted(dict(bids).items(), reverse=True)
    buy = OrderBook("X/Y", [(D(1), D(1))], [(D(p), D(a)) for p, a in asks], 0.0)
    sell = OrderBook("X/Y", [(D(p), D(a)) for p, a in bids], [(D(1000), D(1))], 0.0)

    found = cross(buy, sell, D(buy_bps) / 10_000, D(sell_bps) / 10_000, budget=None if budget is None else D(budget))

    paid, kept = 1 + Fraction(buy_bps, 10_000), 1 - Fraction(sell_bps, 10_000)
    costs = [price * paid for price, amount in asks for _ in range(amount)]
    values = [price * kept for price, amount in bids for _ in range(amount)]
    best = profit = cost = Fraction(0)
    for unit_cost, unit_value in zip(costs, values, strict=False):
        cost += unit_cost
        profit += unit_value - unit_cost
        if budget is None or cost <= budget:
            best = max(best, profit)
    if found is None:
        assert best <= 0
        return
    assert Fraction(found.profit) >= best - Fraction(1, 10**30)
    assert budget is None or found.cost <= budget
    assert found.profit > 0
    if budget is None:
        assert abs(Fraction(found.profit) - best) < Fraction(1, 10**30)
