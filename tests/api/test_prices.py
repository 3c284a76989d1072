"""Best prices, from the shared books."""

import time
from decimal import Decimal as D

import pytest
from django.conf import settings
from redis import Redis

from execution.domain.book import BookSource
from execution.domain.orders import Side
from execution.domain.shared_book import encode, key_of
from execution.selectors import books
from execution.services import prices
from execution.services.prices import PriceCache, Statistics, best_prices
from policies import snapshot
from policies.models import Exchange
from tests.execution.test_book_cache import forget_books

SYMBOL = "BTC/USDT"


@pytest.fixture
def redis(monkeypatch):
    monkeypatch.setattr(books, "_without_redis_until", 0.0)
    prices.prices.forget()
    with Redis.from_url(settings.REDIS_URL) as client:
        forget_books(client)
        yield client
        forget_books(client)


def share(redis, exchange, *levels, age_s=0.0, symbol=SYMBOL, source=BookSource.REST):
    """Sells at these (price, amount); one buy far below."""
    received_at = time.time() - age_s
    text = encode([[1.0, 100.0]], levels, received_at=received_at, sequence=1, exchange_time=None, source=source)
    redis.set(key_of(exchange, symbol), text, ex=60)


def best(api, **params):
    query = "&".join(f"{name}={value}" for name, value in {"symbol": SYMBOL, "side": "buy", **params}.items())
    return api.get(f"/api/prices/best?{query}")


def rows(answer):
    return {row["exchange"]: row for row in answer.json()["prices"]}


def test_the_fee_decides_between_close_prices(api, redis):
    Exchange.objects.filter(slug="binance").update(taker_fee_bps=10)
    Exchange.objects.filter(slug="kraken").update(taker_fee_bps=40)
    share(redis, "binance", (50_100.0, 1.0), (50_200.0, 9.0), age_s=0.5, source=BookSource.STREAM)
    share(redis, "kraken", (50_001.0, 10.0))

    answer = best(api, amount="2")
    body, found = answer.json(), rows(answer)

    assert answer.status_code == 200
    assert (body["symbol"], body["side"], body["amount"], body["best"]) == (SYMBOL, "buy", "2", "binance")
    assert [row["exchange"] for row in body["prices"]] == ["binance", "kraken"]
    binance = found["binance"]
    assert (binance["price"], binance["worst_price"], binance["notional"]) == ("50150", "50200", "100300")
    assert (binance["total"], binance["net_price"], binance["fee_bps"]) == ("100400.3", "50200.15", "10")
    assert 0.4 < binance["age_s"] < 5
    assert (binance["source"], found["kraken"]["source"]) == ("stream", "rest")
    assert found["kraken"]["net_price"] == "50201.004"
    assert found["kraken"]["code"] == ""


def test_the_other_way_round_the_dearest_is_best(api, redis):
    for slug, bid in (("binance", 49_000.0), ("kraken", 49_900.0)):
        text = encode([[bid, 5.0]], [[60_000.0, 1.0]], received_at=time.time(), sequence=1, exchange_time=1.0)
        redis.set(key_of(slug, SYMBOL), text)

    assert best(api, side="sell", amount="1").json()["best"] == "kraken"


def test_why_a_price_cannot_be_the_best(api, redis):
    share(redis, "binance", (50_000.0, 1.0))
    share(redis, "kraken", (40_000.0, 10.0), age_s=10.0)

    found = rows(best(api, amount="3"))

    assert found["binance"]["code"] == "INSUFFICIENT_LIQUIDITY"
    assert found["binance"]["available"] == "1"
    assert (found["kraken"]["code"], found["kraken"]["detail"][:14]) == ("PRICE_UNKNOWN", "The book is 10")
    assert best(api, amount="3").json()["best"] == ""


def test_an_exchange_that_is_not_usable_is_shown_and_not_preferred(api, redis):
    share(redis, "binance", (40_000.0, 1.0))
    share(redis, "kraken", (50_000.0, 1.0))
    Exchange.objects.filter(slug="binance").update(enabled=False)
    snapshot.refresh()

    answer = best(api)

    assert answer.json()["best"] == "kraken"
    assert answer.json()["amount"] is None
    assert rows(answer)["kraken"]["available"] == "1"
    assert "binance" not in rows(answer)


def test_without_books_nobody_has_a_price(api, redis):
    answer = best(api, symbol="BTCUSDT", amount="0.1")

    assert answer.status_code == 200
    assert answer.json()["best"] == ""
    assert {row["code"] for row in answer.json()["prices"]} == {"PRICE_UNKNOWN"}
    assert rows(answer)["binance"]["net_price"] is None


@pytest.mark.parametrize(
    ("params", "code", "field"),
    [
        ({"symbol": "XYZ/ABC"}, "UNKNOWN_SYMBOL", "symbol"),
        ({"symbol": ""}, "INVALID_REQUEST", "symbol"),
        ({"side": "hold"}, "INVALID_REQUEST", "side"),
        ({"side": ""}, "INVALID_REQUEST", "side"),
        ({"amount": "-1"}, "INVALID_REQUEST", "amount"),
        ({"amount": "much"}, "INVALID_REQUEST", "amount"),
        ({"amount": "NaN"}, "INVALID_REQUEST", "amount"),
    ],
)
def test_what_is_not_understood_is_refused(api, redis, params, code, field):
    answer = best(api, **params)

    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert field in answer.json()["fields"]


def test_the_cache_counts_by_exchange_and_reads_once(api, redis):
    share(redis, "binance", (50_000.0, 1.0), age_s=2.0, source=BookSource.STREAM)
    share(redis, "kraken", (50_000.0, 1.0), age_s=40.0)
    reads = []

    def read(symbol):
        reads.append(symbol)
        return books.shared_books(symbol)

    cache = PriceCache(read, reuse_s=60)
    for _ in range(3):
        best_prices(SYMBOL, Side.BUY, D("0.1"), cache=cache)
    best_prices("BTC/USD", Side.BUY, D("0.1"), cache=cache)

    assert reads == [SYMBOL, "BTC/USD"]
    assert cache.statistics() == {
        "binance": Statistics(3, 0, 0, streamed=3, source="stream", age_s=pytest.approx(2.0, abs=1.0)),
        "kraken": Statistics(0, 1, 3),
    }
    cache.forget()
    assert cache.statistics() == {}


def test_the_cache_tells_how_the_last_book_came(api, redis):
    cache = PriceCache(books.shared_books, reuse_s=0)
    for source in (BookSource.STREAM, BookSource.STREAM, BookSource.REST):
        share(redis, "binance", (50_000.0, 1.0), source=source)
        best_prices(SYMBOL, Side.BUY, D("0.1"), cache=cache)

    found = cache.statistics()["binance"]

    assert (found.hits, found.streamed, found.source) == (3, 2, "rest")
    assert found.age_s is not None
    assert 0 <= found.age_s < 2
