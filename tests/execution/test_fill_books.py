"""What the exchanges showed when a smart order was filled: real Valkey, a real executor, books that move meanwhile."""

import time
from collections.abc import Iterator
from decimal import Decimal as D

import pytest
from django.conf import settings
from redis import Redis

from execution.domain import fill_books, shared_book
from execution.models import Order, OrderCost
from execution.selectors import books
from execution.selectors.costs import parts_cost
from execution.services import costs
from execution.services.costs.mids import no_mids
from tests.execution.conftest import SIX
from tests.execution.test_book_cache import forget_books

SYMBOL = "BTC/USDT"


@pytest.fixture
def redis(monkeypatch) -> Iterator[Redis]:
    monkeypatch.setattr(books, "_without_redis_until", 0.0)
    with Redis.from_url(settings.REDIS_URL) as client:
        _forget(client)
        yield client
        _forget(client)


def _forget(client: Redis) -> None:
    forget_books(client)
    client.delete(fill_books.key_of(SYMBOL))


def share(redis: Redis, asks: dict[str, list[tuple[str, str]]]) -> None:
    """Put these books where the market data process would have them, as of now."""
    for slug, levels in asks.items():
        text = shared_book.encode(
            [["49900", "9"]], levels, received_at=time.time(), sequence=1, exchange_time=time.time()
        )
        redis.set(shared_book.key_of(slug, SYMBOL), text, ex=60)


def moments(redis: Redis) -> int:
    return int(redis.zcard(fill_books.key_of(SYMBOL)))


def while_it_is_on_its_way(platform, redis, then, **body):
    """A smart order that reaches its exchange half a second after it was decided; books move in between."""
    for slug in SIX:
        platform.simulator.control.configure(slug, latency_ms=250)
    signal = platform.submit(**body)
    order = platform.wait_for(signal, "submitting")
    time.sleep(max(0.0, 0.15 - (time.time() - order.submitted_at.timestamp())))
    then()
    return platform.final(signal)


def now_on_record(redis: Redis) -> OrderCost:
    deadline = time.monotonic() + 5
    while not moments(redis) and time.monotonic() < deadline:
        time.sleep(0.02)
    costs.measure(mids=no_mids)
    return OrderCost.objects.get()


ASKS = {slug: [("50010", "2")] if slug == "binance" else [("50020", "2")] for slug in SIX}


def test_at_the_fill_another_exchange_was_cheaper_than_at_the_decision(six, redis):  # noqa: F811
    share(redis, ASKS)
    cheaper = {**ASKS, "kraken": [("49960", "2")]}

    signal = while_it_is_on_its_way(
        six, redis, lambda: share(redis, cheaper), amount="0.5", routing_strategy="cost_optimization"
    )

    row = now_on_record(redis)
    assert (signal.exchange_id, row.average_price) == ("binance", 50_010)
    assert abs(row.regret_bps) < D("0.0002")  # it was the best when it was decided
    # Paid 50010 where 49960 was to be had, with the same fee.
    assert round(row.fill_regret_bps, 2) == round((D(50_010) / 49_960 - 1) * 10_000, 2)
    assert row.fill_regret_why == ""
    assert row.fill_books["books"]["kraken"]["levels"] == [["49960", "2"]]


def test_books_that_were_old_at_the_fill_leave_it_unknown(six, redis):  # noqa: F811
    signal = six.settle(amount="0.5", routing_strategy="cost_optimization")
    assert signal.status == "filled"
    costs.measure(mids=no_mids)

    row = OrderCost.objects.get()
    assert row.regret_bps is not None
    assert (row.fill_regret_bps, row.fill_regret_why, row.fill_books) == (None, "no_books", None)


def test_nothing_is_remembered_of_orders_that_were_not_chosen_by_comparing(six, redis):  # noqa: F811
    share(redis, ASKS)
    six.settle(amount="0.1", exchange="binance")
    costs.measure(mids=no_mids)

    assert moments(redis) == 0
    assert OrderCost.objects.get().fill_regret_why == "not_compared"

    six.settle(amount="0.1", routing_strategy="cost_optimization")
    deadline = time.monotonic() + 5
    while not moments(redis) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert moments(redis) == 1


def test_a_split_is_measured_as_a_whole(six, redis):  # noqa: F811
    split = {**ASKS, "bybit": [("50012", "2")]}
    for slug in SIX:
        six.simulator.control.configure(slug, latency_ms=250)
    share(redis, split)
    signal = six.submit(amount="3", routing_strategy="optimal_split")
    legs = Order.objects.filter(signal__parent=signal)
    deadline = time.monotonic() + 10
    while legs.count() < 2 and time.monotonic() < deadline:
        share(redis, split)  # until both are on their way: from then on a true book would lack what they take
        time.sleep(0.02)
    signal = six.final(signal)
    assert (signal.status, signal.parts_made) == ("filled", 2)
    costs.measure(mids=no_mids)

    rows = OrderCost.objects.all()
    assert {row.fill_regret_why for row in rows} == {"part"}
    assert all(row.regret_bps is None and row.fill_books for row in rows)
    panel = parts_cost(signal, list(signal.decisions.all()))
    assert abs(panel.regret_bps) < D("0.01")
    assert abs(panel.fill_regret_bps) < D("0.01")
