import json
from decimal import Decimal as D
from pathlib import Path

import pytest

from execution.domain.arbitrage import find_triangles, size_triangle
from execution.domain.book import OrderBook
from execution.domain.orders import Side
from tests.domain.builders import book

CERTIFIED = json.loads((Path(__file__).resolve().parent.parent / "data/triangular_dev15.json").read_text())


def books_of(case):
    def levels(rows):
        return [(D(str(price)), D(str(amount))) for price, amount in rows]

    return {name: OrderBook(name, levels(b["bids"]), levels(b["asks"]), 0.0) for name, b in case["books"].items()}


BOOKS = {
    "BTC/USDT": book([("99", "1")], [("100", "1"), ("101", "5")]),
    "ETH/BTC": book([("0.09", "9")], [("0.1", "4"), ("0.11", "50")]),
    "ETH/USDT": book([("12", "2"), ("11", "3")], [("13", "9")]),
}


@pytest.mark.parametrize("case", CERTIFIED, ids=lambda case: case["id"])
def test_the_best_triangle_earns_the_certified_maximum(case):
    expected = case["expected"]
    best = find_triangles(books_of(case), "USDT", D(str(case["fee"])))[0]

    assert float(best.profit) == pytest.approx(expected["max_profit_usdt"], abs=1e-6)
    assert float(best.start) == pytest.approx(expected["start_usdt"], abs=1e-3)
    if expected["cycle"]:
        assert list(best.cycle) == expected["cycle"]


@pytest.mark.parametrize("case", CERTIFIED, ids=lambda case: case["id"])
def test_the_highest_edge_is_the_certified_one(case):
    found = find_triangles(books_of(case), "USDT", D(str(case["fee"])))

    assert float(max(each.top_edge_bps for each in found)) == pytest.approx(case["expected"]["top_edge_bps"], abs=1e-3)


def test_a_triangle_grows_until_the_next_unit_earns_nothing():
    triangle = size_triangle(BOOKS, ("USDT", "BTC", "ETH", "USDT"), D(0))

    # 4 ETH at 0.1 cost 0.4 BTC; the fifth, at 0.11, would cost 11 and be sold at 11.
    assert (triangle.start, triangle.profit, triangle.top_edge_bps) == (D(40), D(6), D(2000))
    assert [(leg.symbol, leg.side, leg.amount_in, leg.amount_out) for leg in triangle.legs] == [
        ("BTC/USDT", Side.BUY, D(40), D("0.4")),
        ("ETH/BTC", Side.BUY, D("0.4"), D(4)),
        ("ETH/USDT", Side.SELL, D(4), D(46)),
    ]


def test_three_fees_are_paid():
    triangle = size_triangle(BOOKS, ("USDT", "BTC", "ETH", "USDT"), D("0.01"))

    assert triangle.top_edge_bps == (D("1.2") * D("0.99") ** 3 - 1) * 10_000


def test_a_budget_bounds_the_start():
    triangle = size_triangle(BOOKS, ("USDT", "BTC", "ETH", "USDT"), D(0), budget=D(15))

    assert (triangle.start, triangle.profit) == (D(15), D(3))


def test_what_earns_nothing_has_no_legs():
    triangle = size_triangle(BOOKS, ("USDT", "ETH", "BTC", "USDT"), D(0))

    assert triangle.top_edge_bps < 0
    assert (triangle.start, triangle.profit, triangle.legs) == (0, 0, ())


def test_an_unusable_book_is_left_out():
    crossed = {**BOOKS, "ETH/BTC": book([("0.2", "1")], [("0.1", "1")])}

    assert find_triangles(crossed, "USDT", D(0)) == []
    assert [each.cycle for each in find_triangles(BOOKS, "USDT", D(0))] == [
        ("USDT", "BTC", "ETH", "USDT"),
        ("USDT", "ETH", "BTC", "USDT"),
    ]
