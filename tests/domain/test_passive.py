from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest

from execution.domain.orders import Side
from execution.domain.passive import should_cross
from tests.domain.builders import book

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
BOOK = book([("49990", "2"), ("49980", "5")], [("50010", "2"), ("50020", "5")])


def crosses(side=Side.BUY, price="49990", left="0.1", *, at=BOOK, seconds=30.0, maker="0.0008", taker="0.001"):
    return should_cross(
        at, side, D(price), D(left), now=NOW, until=NOW + timedelta(seconds=seconds), maker_fee=D(maker),
        taker_fee=D(taker),
    )  # fmt: skip


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, "49990"), (Side.SELL, "50010")])
def test_at_the_touch_with_time_left_it_rests(side, price):
    assert not crosses(side, price)


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, "49990"), (Side.SELL, "50010")])
def test_when_its_time_is_over_it_crosses(side, price):
    assert crosses(side, price, seconds=0)


@pytest.mark.parametrize(
    ("side", "price", "moved"),
    [
        (Side.BUY, "49990", book([("50390", "2"), ("49990", "1")], [("50410", "2")])),
        (Side.SELL, "50010", book([("49590", "2")], [("49610", "2"), ("50010", "1")])),
    ],
)
def test_when_the_price_went_away_farther_than_resting_saves_it_crosses(side, price, moved):
    assert crosses(side, price, at=moved)


def test_behind_a_long_queue_with_little_time_it_crosses():
    long = book([("49990", "200")], [("50010", "2")])

    assert crosses(at=long, seconds=1)
    assert not crosses(at=long, seconds=600)


def test_where_resting_costs_more_than_taking_there_is_nothing_to_wait_for():
    assert crosses(maker="0.01", taker="0")
