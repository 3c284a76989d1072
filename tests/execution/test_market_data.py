"""The market data process: real, in a process of its own, against simulated exchanges, PostgreSQL and Valkey."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from redis import Redis

from execution.domain.book import BookSource, OrderBook
from execution.domain.orders import Side
from execution.domain.shared_book import EXPIRES_S, key_of
from execution.exchanges.registry import AdapterPool
from execution.models import ExchangeHealth, Market
from execution.selectors.books import feeds_now, shared_books
from execution.selectors.facts import refresh_facts
from execution.services.market_data import BookCache, SharedBooks
from execution.services.prices import PriceCache, best_prices
from execution.simulator.process import RunningSimulator
from policies import snapshot
from policies.domain.reasons import ReasonCode
from policies.models import Exchange, RoutingSettings
from routing_platform.local.paths import BASE_DIR
from routing_platform.local.stack import free_port
from tests.execution.conftest import forget_budgets
from tests.execution.test_book_cache import forget_books
from tests.stack.conftest import database_url

STREAMED = ("binance", "bybit", "coinbase", "kraken", "kucoin", "okx")
SYMBOL = "BTC/USDT"


class Follower:
    """The process under test. `pid` ends with it."""

    def __init__(self, simulator: RunningSimulator, redis_url: str) -> None:
        self.simulator = simulator
        self.metrics_port = free_port()
        self.environment = {
            **os.environ,
            "SECRET_KEY": settings.SECRET_KEY,
            "CREDENTIAL_KEYS": ",".join(settings.ENV["CREDENTIAL_KEYS"]),
            "DATABASE_URL": database_url(),
            "REDIS_URL": redis_url,
            "EXCHANGE_BASE_URLS": json.dumps(simulator.base_urls),
            "RATE_LIMIT_SHARE": "1000",
            "MARKET_DATA_PAIRS": "BTC/USDT,BTC/NOK",
            "WORKER_METRICS_PORT": str(self.metrics_port),
            "LOG_LEVEL": "INFO",
            "EXCHANGE_TIMEOUT_S": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run_market_data"], cwd=BASE_DIR, env=self.environment
        )

    def metric(self, name: str, **labels: str) -> float:
        """A figure of the process's own metrics; 0 before it was ever counted."""
        wanted = name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(wanted):
                    return float(line.rpartition(" ")[2])
        return 0.0


def until(condition: Callable[[], Any], within_s: float = 15, what: str = "it") -> Any:
    """The first true answer."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {within_s} s")


def book(exchange: str, symbol: str = SYMBOL) -> OrderBook | None:
    return shared_books(symbol).get(exchange)


def best(exchange: str, symbol: str = SYMBOL) -> tuple[Decimal, Decimal] | None:
    found = book(exchange, symbol)
    return (found.bids[0][0], found.asks[0][0]) if found and found.bids and found.asks else None


def prices(bid: str, ask: str) -> tuple[Decimal, Decimal]:
    return Decimal(bid), Decimal(ask)


def set_book(simulator: RunningSimulator, exchange: str, bid: str, ask: str, symbol: str = SYMBOL) -> None:
    simulator.control.set_book(exchange, symbol, bids=[(bid, "5")], asks=[(ask, "5")])


def moved(simulator: RunningSimulator, slug: str) -> OrderBook:
    """The book after one more change."""
    number = int(time.monotonic() * 100) % 100
    set_book(simulator, slug, f"480{number:02}", f"481{number:02}")
    time.sleep(0.15)
    found = book(slug)
    assert found is not None
    return found


def streams_again(follower: Follower, simulator: RunningSimulator, slug: str) -> None:
    """The book moves until that is seen over the stream."""
    before = follower.metric("market_data_messages_total", exchange=slug, source="stream")
    moved = iter(range(10_000))

    def seen() -> bool:
        number = next(moved)
        set_book(simulator, slug, f"2{number % 10}000", f"2{number % 10}001")
        time.sleep(0.3)
        return follower.metric("market_data_messages_total", exchange=slug, source="stream") > before

    until(seen, 20, f"the return of the stream of {slug}")


@pytest.fixture
def listed(transactional_db: None) -> None:
    """The streamed exchanges, and one that has no stream."""
    Exchange.objects.exclude(slug__in=(*STREAMED, "firi")).update(enabled=False)
    for slug in STREAMED:
        Market.objects.create(exchange_id=slug, symbol=SYMBOL, tick="0.1", lot="0.00001")
    for slug in (*STREAMED, "firi"):
        ExchangeHealth.objects.get_or_create(exchange_id=slug, defaults={"since": timezone.now()})
    Market.objects.create(exchange_id="firi", symbol="BTC/NOK", tick="0.01", lot="0.00000001")
    snapshot.refresh()


@pytest.fixture
def redis() -> Iterator[Redis]:
    with Redis.from_url(settings.REDIS_URL) as client:
        forget_books(client)
        forget_budgets()
        yield client
        forget_books(client)
        forget_budgets()


@pytest.fixture
def follower(listed: None, redis: Redis, simulator: RunningSimulator) -> Iterator[Follower]:
    """Running, with a first book of every exchange."""
    set_book(simulator, "bybit", "49970", "50030")
    running = Follower(simulator, settings.REDIS_URL)
    try:
        until(lambda: all(best(slug) for slug in STREAMED) and best("firi", "BTC/NOK"), 30, "the first book of each")
        until(lambda: all(running.metric("market_data_messages_total", exchange=slug, source="stream")
                          for slug in STREAMED), 15, "the first streamed book of each")  # fmt: skip
        yield running
    finally:
        running.process.terminate()
        running.process.wait(15)


def test_books_of_all_streams_and_of_rest_follow_within_a_second(follower, simulator, redis):
    """The one thing all the others build on."""
    assert best("binance") == prices("49990", "50010")
    assert best("firi", "BTC/NOK") == prices("500000", "510000")

    for number, slug in enumerate(STREAMED):
        set_book(simulator, slug, f"4{number}000", f"4{number}001")
        changed = time.time()
        until(lambda: best(slug) == prices(f"4{number}000", f"4{number}001"), 1.0, f"the update of {slug}")  # noqa: B023
        found = book(slug)
        assert changed - 0.1 <= found.received_at <= time.time()
        assert abs(found.exchange_time - changed) < 1
        assert found.sequence
    set_book(simulator, "firi", "400000", "410000", "BTC/NOK")
    until(lambda: best("firi", "BTC/NOK") == prices("400000", "410000"), 5, "the update of firi")
    assert 0 < redis.ttl(key_of("binance", SYMBOL)) <= EXPIRES_S
    for slug in STREAMED:
        until(lambda: moved(simulator, slug).source == BookSource.STREAM, 5, f"a streamed book of {slug}")  # noqa: B023
    assert book("firi", "BTC/NOK").source == BookSource.REST
    until(lambda: {*STREAMED, "firi"} == set(feeds_now()), 5, "the word of how they are followed")
    told = feeds_now()
    assert {slug: told[slug].streamed for slug in STREAMED} == dict.fromkeys(STREAMED, 1)
    assert (told["firi"].streams, told["firi"].followed) == (False, 1)
    assert follower.metric("market_data_books_streamed", exchange="okx") == 1
    until(lambda: ExchangeHealth.objects.filter(exchange_id="kraken", book_at__isnull=False).exists(), 10, "book_at")


def test_after_a_lost_update_the_book_is_right_again(follower, simulator):
    for slug in STREAMED:
        simulator.control.break_streams(slug, "gap")
        set_book(simulator, slug, "30000", "30001")
        time.sleep(0.2)
        set_book(simulator, slug, "31000", "31001")

    for slug in STREAMED:
        until(lambda: best(slug) == prices("31000", "31001"), 10, f"the resync of {slug}")  # noqa: B023
        until(lambda: follower.metric("market_data_resyncs_total", exchange=slug, reason="gap"), 5, "the count")  # noqa: B023
        streams_again(follower, simulator, slug)


def test_a_book_that_cannot_be_is_never_shared(follower, simulator):
    for kind in ("crossed", "nonsense"):
        set_book(simulator, "bybit", "49970", "50030")
        streams_again(follower, simulator, "bybit")
        set_book(simulator, "bybit", "49970", "50030")
        until(lambda: best("bybit") == prices("49970", "50030"), 10, "the book before it")
        simulator.control.break_streams("bybit", kind)
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            assert best("bybit") == prices("49970", "50030")
            time.sleep(0.02)

        assert follower.metric("market_data_resyncs_total", exchange="bybit", reason=kind) == 1
        streams_again(follower, simulator, "bybit")


def test_a_silent_stream_is_replaced_by_questions_and_then_opened_anew(follower, simulator):
    simulator.control.configure("binance", stream_silent=True)
    set_book(simulator, "binance", "45000", "45001")

    until(lambda: best("binance") == prices("45000", "45001"), 8, "the answer to a question")
    until(lambda: follower.metric("market_data_resyncs_total", exchange="binance", reason="silent") >= 1, 15, "silence")
    simulator.control.configure("binance", stream_silent=False)
    streams_again(follower, simulator, "binance")


def test_without_streams_books_are_asked_for_and_others_are_not_held_up(follower, simulator):
    simulator.control.configure("kraken", stream_refused=True)
    simulator.control.break_streams("kraken", "disconnect")
    simulator.control.configure("bybit", down=True)
    time.sleep(0.3)

    set_book(simulator, "binance", "46000", "46001")
    until(lambda: best("binance") == prices("46000", "46001"), 1.0, "binance meanwhile")
    set_book(simulator, "kraken", "44000.0", "44001.0")
    until(lambda: best("kraken") == prices("44000", "44001"), 10, "kraken by questions")

    old = book("bybit").received_at
    time.sleep(1.0)
    assert book("bybit").received_at == old, "a book that nobody could confirm keeps its age"


def test_a_late_stream_does_not_look_fresh(follower, simulator):
    simulator.control.configure("bybit", stream_lag_ms=1200)
    set_book(simulator, "bybit", "47000", "47001")

    found = until(lambda: best("bybit") == prices("47000", "47001") and book("bybit"), 10, "the late book")

    assert found.received_at - found.exchange_time < 0.6 or found.sequence is None


def test_redis_may_go_and_come_back(follower, simulator, redis):
    redis.execute_command("CLIENT", "PAUSE", "1500", "ALL")
    time.sleep(1.6)
    names = list(redis.scan_iter("book:*"))
    redis.delete(*names)
    set_book(simulator, "binance", "43000", "43001")

    until(lambda: best("binance") == prices("43000", "43001"), 6, "the next write")
    assert follower.process.poll() is None


def test_it_ends_when_told_to(follower):
    follower.process.send_signal(signal.SIGTERM)

    assert follower.process.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_is_left_of_it_grows_old_and_prices_nothing(follower, simulator, redis, number):
    """Ended while books are moving: nobody takes what it wrote last for the market of now."""
    limit_s = 1.5
    RoutingSettings.objects.update(book_max_age_s=limit_s)
    ExchangeHealth.objects.update(status="ok", checked_at=timezone.now())
    snapshot.refresh()
    refresh_facts()
    for slug in STREAMED:
        set_book(simulator, slug, "49000", "49001")
    follower.process.send_signal(number)
    follower.process.wait(10)
    ended_at = time.time()
    for slug in STREAMED:
        set_book(simulator, slug, "20000", "20001")
        simulator.control.configure(slug, down=True)
    left = shared_books(SYMBOL)

    assert set(left) == set(STREAMED), "they are still there"
    assert all(found.received_at <= ended_at for found in left.values())
    assert all(0 < redis.ttl(key_of(slug, SYMBOL)) <= EXPIRES_S for slug in STREAMED)
    time.sleep(max(0.0, ended_at + limit_s + 0.1 - time.time()))
    found = best_prices(SYMBOL, Side.BUY, Decimal("0.1"), cache=PriceCache())
    assert (found.best, {price.code for price in found.prices}) == ("", {ReasonCode.PRICE_UNKNOWN})
    assert asyncio.run(_priced(simulator, limit_s)) == dict.fromkeys(STREAMED)


async def _priced(simulator: RunningSimulator, limit_s: float) -> dict[str, OrderBook | None]:
    """The books that orders would be priced on."""
    pool = AdapterPool(base_urls=simulator.base_urls, timeout_s=0.5)
    shared = SharedBooks(settings.REDIS_URL)
    cache = BookCache(pool.public, shared)
    try:
        return {slug: await cache.get(slug, SYMBOL, max_age_s=limit_s, wait_s=1.0) for slug in STREAMED}
    finally:
        await shared.close()
        await pool.close()
