from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain.book import OrderBook
from execution.domain.orders import Side
from execution.domain.quotes import quote

BOOK = OrderBook("BTC/USDT", [(D(99), D(1)), (D(98), D(4))], [(D(101), D(1)), (D(102), D(4))], 0.0)


def test_a_buyer_pays_the_levels_and_the_fee():
    found = quote(BOOK, Side.BUY, D(3), D("0.001"))

    assert (found.notional, found.fee, found.total) == (D(305), D("0.305"), D("305.305"))
    assert (found.price, found.worst) == (D("101.666666666666666667"), D(102))
    assert found.net_price == D("101.768333333333333334")
    assert found.is_complete


def test_a_seller_gets_the_levels_without_the_fee():
    found = quote(BOOK, Side.SELL, D(3), D("0.001"))

    assert (found.notional, found.total, found.worst) == (D(295), D("294.705"), D(98))
    assert found.net_price == D("98.235")


def test_more_than_there_is_says_how_much_there_is():
    found = quote(BOOK, Side.BUY, D(9), D(0))

    assert not found.is_complete
    assert (found.amount, found.available, found.notional) == (D(9), D(5), D(509))


def test_without_an_amount_it_is_the_best_level():
    assert quote(BOOK, Side.SELL, None, D(0)).available == D(1)


def test_an_empty_side_has_no_price():
    assert quote(OrderBook("X/Y", [], [(D(1), D(1))], 0.0), Side.SELL, D(1), D(0)) is None


@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), min_size=1, max_size=20),
    st.integers(1, 10**7),
    st.integers(0, 100),
)
def test_the_same_amount_never_costs_less_than_it_brings(rows, amount, fee_bps):
    levels = sorted({D(price): D(size) for price, size in rows}.items())
    book = OrderBook("X/Y", levels[::-1], levels, 0.0)  # bids and asks alike, walked from both ends

    bought = quote(book, Side.BUY, D(amount), D(fee_bps) / 10_000)
    sold = quote(book, Side.SELL, D(amount), D(fee_bps) / 10_000)

    assert bought.available == sold.available == min(D(amount), sum(size for _, size in levels))
    assert bought.net_price >= bought.price >= levels[0][0]
    assert sold.net_price <= sold.price <= levels[-1][0]
    assert bought.worst == pytest.approx(max(price for price, _ in _taken(levels, bought.available)))


def _taken(levels, amount):
    for price, size in levels:
        if amount > 0:
            yield price, min(size, amount)
        amount -= size
