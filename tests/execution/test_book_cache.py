"""Whoever prices an order reads the shared books first: real Valkey, and a simulator that counts who asks it."""

import asyncio
import time
from collections.abc import Iterator
from decimal import Decimal as D

import pytest
from django.conf import settings
from django.utils import timezone
from redis import Redis

from execution.domain.shared_book import encode, key_of
from execution.exchanges.registry import AdapterPool
from execution.models import Market, Position
from execution.selectors import books
from execution.services.market_data import BookCache, SharedBooks
from policies import snapshot
from policies.models import Exchange
from routing_platform.local.stack import free_port

SYMBOL = "BTC/USDT"
DEAD = f"redis://127.0.0.1:{free_port()}/0"


@pytest.fixture(autouse=True)
def _redis_is_trusted(monkeypatch) -> None:
    monkeypatch.setattr(books, "_without_redis_until", 0.0)


@pytest.fixture
def redis() -> Iterator[Redis]:
    with Redis.from_url(settings.REDIS_URL) as client:
        forget_books(client)
        yield client
        forget_books(client)


def forget_books(client: Redis) -> None:
    """Drop all shared books: other tests must not trade on them."""
    names = list(client.scan_iter("book:*"))
    if names:
        client.delete(*names)


def share(redis: Redis, exchange: str, age_s: float, ask: float = 60_000.0, symbol: str = SYMBOL) -> None:
    text = encode(
        [[ask - 10, 1.0]], [[ask, 1.0]], received_at=time.time() - age_s, sequence=5, exchange_time=time.time()
    )
    redis.set(key_of(exchange, symbol), text, ex=60)


def asked(simulator, exchange: str = "binance") -> int:
    return simulator.control.stats()[exchange]["requests"].get("fetch_order_book", 0)


def get(simulator, *wanted, redis_url=settings.REDIS_URL, max_age_s=2.0, pause_s=0.0, exchange="binance"):
    """What one cache answers, asked several times."""

    async def run():
        pool = AdapterPool(base_urls=simulator.base_urls, timeout_s=2)
        shared = SharedBooks(redis_url)
        cache = BookCache(pool.public, shared)
        try:
            found = []
            for symbol in wanted or (SYMBOL,):
                found.append(await cache.get(exchange, symbol, max_age_s=max_age_s, wait_s=3.0))
                await asyncio.sleep(pause_s)
            return found
        finally:
            await shared.close()
            await pool.close()

    return asyncio.run(run())


def test_a_young_shared_book_is_used_and_nobody_is_asked(simulator, redis):
    share(redis, "binance", age_s=0.2)

    first, second = get(simulator, SYMBOL, SYMBOL)

    assert first.asks == [(D("60000.0"), D("1.0"))]
    assert first.sequence == 5
    assert second is first
    assert asked(simulator) == 0


def test_an_old_one_is_used_while_the_exchange_is_asked_for_the_next(simulator, redis):
    share(redis, "binance", age_s=1.5)

    first, second = get(simulator, SYMBOL, SYMBOL, pause_s=0.6)

    assert first.asks[0][0] == D("60000.0")
    assert second.asks[0][0] == D("50010.0")
    assert asked(simulator) >= 1


@pytest.mark.parametrize("age_s", [5.0, -30.0])
def test_one_that_is_too_old_or_from_the_future_is_not_used(simulator, redis, age_s):
    share(redis, "binance", age_s=age_s)

    (found,) = get(simulator)

    assert found.asks[0][0] == D("50010.0")


def test_without_any_the_exchange_is_asked(simulator, redis):
    redis.set(key_of("binance", SYMBOL), b"nonsense")

    (found,) = get(simulator)

    assert found.asks[0][0] == D("50010.0")
    assert asked(simulator) == 1


def test_without_redis_the_exchange_is_asked(simulator, redis):
    (found,) = get(simulator, redis_url=DEAD)

    assert found.asks[0][0] == D("50010.0")


def test_a_redis_that_hangs_costs_a_moment_and_only_once(simulator, redis):
    share(redis, "binance", age_s=0.0)
    redis.execute_command("CLIENT", "PAUSE", "1200", "ALL")

    found = get(simulator, SYMBOL, "ETH/USDT")

    assert found[0].asks[0][0] == D("50010.0")
    assert found[1] is not None
    time.sleep(1.2)


def test_what_is_wanted_together_is_one_question(simulator, redis):
    symbols = [f"A{n}/USDT" for n in range(40)]
    for symbol in symbols:
        share(redis, "binance", 0.0, symbol=symbol)

    async def run():
        shared = SharedBooks(settings.REDIS_URL)
        try:
            return await asyncio.gather(*(shared.get(("binance", symbol)) for symbol in symbols for _ in range(3)))
        finally:
            await shared.close()

    before = redis.info("commandstats").get("cmdstat_mget", {"calls": 0})["calls"]
    found = asyncio.run(run())

    assert len(found) == 120
    assert all(found)
    assert redis.info("commandstats")["cmdstat_mget"]["calls"] == before + 1


def test_shared_books_of_a_pair_by_exchange(db, redis):
    for slug, age_s in (("binance", 0.5), ("kraken", 20.0)):
        share(redis, slug, age_s)
    Exchange.objects.filter(slug="kraken").update(enabled=False)
    snapshot.refresh()

    found = books.shared_books(SYMBOL)

    assert list(found) == ["binance"]
    assert time.time() - found["binance"].received_at == pytest.approx(0.5, abs=0.4)
    assert books.shared_books("XYZ/USDT") == {}


def test_without_redis_there_are_no_shared_books(db, settings, redis):
    share(redis, "binance", 0.0)
    settings.REDIS_URL = DEAD

    assert books.shared_books(SYMBOL) == {}


def test_which_books_are_followed(db, django_user_model):
    for slug, symbol in (("binance", SYMBOL), ("kraken", SYMBOL), ("kraken", "ETH/USD"), ("firi", "BTC/NOK")):
        Market.objects.create(exchange_id=slug, symbol=symbol, tick="0.1", lot="0.001")
    Market.objects.create(exchange_id="okx", symbol=SYMBOL, tick="0.1", lot="0.001", active=False)
    Exchange.objects.filter(slug="firi").update(enabled=False)
    user = django_user_model.objects.create_user("holder")
    for symbol, sold in (("ETH/USD", 1), ("SOL/USD", 2)):
        Position.objects.create(
            user=user, exchange_id="kraken", mode="live", symbol=symbol, bought_amount=2, sold_amount=sold,
            updated_at=timezone.now(),
        )  # fmt: skip

    assert books.books_in_use([SYMBOL, "BTC/NOK"]) == {"binance": [SYMBOL], "kraken": [SYMBOL, "ETH/USD"]}
    assert books.books_in_use([]) == {"kraken": ["ETH/USD"]}
