import time
from decimal import Decimal as D

import pytest

from execution.domain.book import OrderBook
from execution.domain.lag import Lag
from execution.domain.shared_book import DEPTH, age_s, decode, encode, problem_of

BIDS, ASKS = [[99.5, 1.0], [99.0, 2.0]], [[100.5, 1e-05], [101.0, 2.0]]


@pytest.mark.parametrize(
    ("bids", "asks", "problem"),
    [
        (BIDS, ASKS, ""),
        ([], ASKS, ""),
        ([], [], ""),
        ([[100.5, 1.0]], ASKS, "crossed"),
        ([[101.0, 1.0]], ASKS, "crossed"),
        ([[float("nan"), 1.0]], ASKS, "nonsense"),
        ([[99.0, float("nan")]], ASKS, "nonsense"),
        ([[99.0, float("inf")]], ASKS, "nonsense"),
        ([[99.0, -1.0]], ASKS, "nonsense"),
        ([[99.0, 0.0]], ASKS, "nonsense"),
        ([[0.0, 1.0]], ASKS, "nonsense"),
        ([[D("NaN"), D(1)]], ASKS, "nonsense"),
        ([[D("sNaN"), D(1)]], ASKS, "nonsense"),
        ([[None, 1.0]], ASKS, "nonsense"),
        ([["99", "1"]], ASKS, "nonsense"),
        ([[99.0]], ASKS, "nonsense"),
        ([[99.0, 1.0], [99.5, 1.0]], ASKS, "unsorted"),
        ([[99.0, 1.0], [99.0, 1.0]], ASKS, "unsorted"),
        (BIDS, [[100.5, 1.0], [100.0, 1.0]], "unsorted"),
    ],
)
def test_what_is_wrong_with_a_book(bids, asks, problem):
    assert problem_of(bids, asks) == problem


def test_a_book_arrives_as_it_was_sent_to_the_last_digit():
    text = encode(BIDS, ASKS, received_at=12.5, sequence=7, exchange_time=None)

    assert decode(text, "BTC/USDT") == OrderBook(
        "BTC/USDT",
        [(D("99.5"), D("1.0")), (D("99.0"), D("2.0"))],
        [(D("100.5"), D("0.00001")), (D("101.0"), D("2.0"))],
        12.5,
        7,
        None,
    )


def test_exact_numbers_stay_exact_and_further_columns_and_levels_are_left_out():
    asks = [[D(100 + n), D("0.123456789012345678"), 3] for n in range(DEPTH + 5)]

    book = decode(encode([], asks, received_at=1.0, sequence=None, exchange_time=2.5), "X/Y")

    assert len(book.asks) == DEPTH
    assert book.asks[0] == (D(100), D("0.123456789012345678"))
    assert book.exchange_time == 2.5


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"b": 1}', b'{"b":[["x","1"]],"a":[],"r":1,"s":1,"x":1}'])
def test_what_is_no_book_is_none(text):
    assert decode(text, "X/Y") is None


def test_a_crossed_text_is_no_book():
    assert decode(encode([[2.0, 1.0]], [[1.0, 1.0]], received_at=1.0, sequence=1, exchange_time=1.0), "X/Y") is None


def test_a_book_from_the_future_has_no_age():
    now = time.time()

    assert age_s(OrderBook("X/Y", [], [], now - 3), now) == pytest.approx(3)
    assert age_s(OrderBook("X/Y", [], [], now + 0.5), now) == pytest.approx(-0.5)
    assert age_s(OrderBook("X/Y", [], [], now + 5), now) == float("inf")


def test_a_late_message_is_as_old_as_it_is_whatever_the_exchanges_clock_says():
    for ahead in (0.0, 3600.0, -3600.0):  # the exchange's clock against ours
        lag = Lag()
        assert lag.true_at(1000.05, 1000.0 + ahead) == pytest.approx(1000.05)  # 50 ms on the way, as usual
        assert lag.true_at(1003.05, 1001.0 + ahead) == pytest.approx(1001.05)  # 2 s later than usual
        assert lag.true_at(1004.02, 1004.0 + ahead) == pytest.approx(1004.02)


def test_a_clock_that_was_set_is_trusted_again_after_a_minute():
    lag = Lag()
    lag.true_at(1000.0, 1000.0)

    assert lag.true_at(1010.0, 1000.0) == pytest.approx(1000.0)  # set back by 10 s: it looks late
    for second in range(1011, 1070):
        lag.true_at(float(second), float(second - 10))
    assert lag.true_at(1071.0, 1061.0) == pytest.approx(1071.0)


def test_without_a_time_of_its_own_a_message_is_new():
    assert Lag().true_at(5.0, None) == 5.0
