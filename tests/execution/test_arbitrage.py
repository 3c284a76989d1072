"""Finding arbitrage at shared books, keeping it on record, and showing it."""

import time
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from redis import Redis

from execution.domain.book import OrderBook
from execution.domain.shared_book import encode, key_of
from execution.models import AccountBalance, ArbitrageOpportunity, ExchangeHealth, Market
from execution.selectors import books, facts
from execution.selectors.arbitrage import opportunities
from execution.services import arbitrage
from policies import snapshot
from policies.models import Exchange, RoutingSettings, TradingPermission
from policies.services import create_token, store_credential
from tests.api.conftest import Api
from tests.execution.test_book_cache import forget_books

SYMBOL = "BTC/USDT"


def book(symbol, bid, ask, amount="1", age_s=0.0):
    return OrderBook(symbol, [(D(bid), D(amount))], [(D(ask), D(amount))], time.time() - age_s)


@pytest.fixture
def policy(db):
    """Two exchanges that charge 10 bps and answer."""
    Exchange.objects.update(taker_fee_bps=10)
    for slug in ("binance", "kraken"):
        ExchangeHealth.objects.create(
            exchange_id=slug, status="ok", since=timezone.now(), checked_at=timezone.now(), latency_ms=5,
            latency_ewma_ms=5, settled_ms=5, markets_version=1,
        )  # fmt: skip
        for symbol in (SYMBOL, "ETH/USDT", "ETH/BTC"):
            Market.objects.create(exchange_id=slug, symbol=symbol, tick="0.01", lot="0.00001")
    facts.forget()
    facts.refresh_facts()
    return snapshot.refresh()


@pytest.fixture
def redis(monkeypatch):
    monkeypatch.setattr(books, "_without_redis_until", 0.0)
    with Redis.from_url(settings.REDIS_URL) as client:
        forget_books(client)
        yield client
        forget_books(client)


CHEAP_AND_DEAR = {
    ("binance", SYMBOL): book(SYMBOL, "49900", "50000", "0.01"),
    ("kraken", SYMBOL): book(SYMBOL, "50500", "50600", "1"),
}


def test_two_exchanges_are_compared_after_both_fees(policy):
    (found,) = arbitrage.scan(policy, CHEAP_AND_DEAR)

    assert (found.kind, found.buy_exchange, found.sell_exchange) == ("cross", "binance", "kraken")
    assert found.amount == D("0.01")
    assert found.cost == D("500.5")
    assert found.profit == D("504.495") - D("500.5")
    assert [(leg["exchange"], leg["side"], leg["amount"], leg["price"]) for leg in found.legs] == [
        ("binance", "buy", "0.01", "50000"),
        ("kraken", "sell", "0.01", "50500"),
    ]


def test_the_settings_bound_size_and_profit(policy):
    RoutingSettings.objects.update(arbitrage_max_notional=100)
    (found,) = arbitrage.scan(snapshot.refresh(), CHEAP_AND_DEAR)
    assert found.cost == pytest.approx(D(100))

    RoutingSettings.objects.update(arbitrage_min_profit_bps=90)
    assert arbitrage.scan(snapshot.refresh(), CHEAP_AND_DEAR) == []


def test_a_triangle_is_found_once_wherever_it_begins(policy):
    within = {
        "BTC/USDT": book("BTC/USDT", "50000", "50010"),
        "ETH/BTC": book("ETH/BTC", "0.0590", "0.0591", "100"),
        "ETH/USDT": book("ETH/USDT", "3000", "3001", "100"),
    }

    (found,) = arbitrage.scan(policy, {("binance", symbol): each for symbol, each in within.items()})

    assert (found.kind, found.cycle, found.currency) == ("triangle", "USDT > BTC > ETH > USDT", "USDT")
    assert found.cost == D(1000)
    assert found.profit == pytest.approx(D("12.0"), abs=D("3"))
    assert [(leg["symbol"], leg["side"]) for leg in found.legs] == [
        ("BTC/USDT", "buy"),
        ("ETH/BTC", "buy"),
        ("ETH/USDT", "sell"),
    ]


def test_only_young_two_sided_books_of_exchanges_that_answer_count(policy):
    fresh, old = book(SYMBOL, "1", "2"), book(SYMBOL, "1", "2", age_s=30)
    one_sided = OrderBook(SYMBOL, [], [(D(1), D(1))], time.time())

    usable = arbitrage.usable_books(
        {
            ("binance", SYMBOL): fresh,
            ("kraken", SYMBOL): old,
            ("kraken", "ETH/USDT"): one_sided,
            ("okx", SYMBOL): fresh,
        }
    )

    assert list(usable) == [("binance", SYMBOL)]


def test_what_lasts_is_one_row_and_what_is_gone_has_ended(policy):
    now = timezone.now()
    found = arbitrage.scan(policy, CHEAP_AND_DEAR)
    better = arbitrage.scan(policy, {**CHEAP_AND_DEAR, ("kraken", SYMBOL): book(SYMBOL, "51000", "51100")})

    for seconds, each in enumerate((found, better, found)):
        arbitrage.store(each, now + timedelta(seconds=seconds))
    row = ArbitrageOpportunity.objects.get()
    assert (row.seen, row.profit, row.ended_at) == (3, D("3.995"), None)
    assert row.best_profit > row.profit
    assert row.last_seen_at - row.first_seen_at == timedelta(seconds=2)

    arbitrage.store([], now + timedelta(seconds=3))
    arbitrage.store(found, now + timedelta(seconds=4))
    assert list(ArbitrageOpportunity.objects.order_by("pk").values_list("seen", "ended_at")) == [
        (3, now + timedelta(seconds=3)),
        (1, None),
    ]


def test_the_record_is_bounded(policy, monkeypatch):
    found, now = arbitrage.scan(policy, CHEAP_AND_DEAR), timezone.now()
    for days in (9, 3, 2, 1, 0):
        arbitrage.store(found, now - timedelta(days=days))
        arbitrage.store([], now - timedelta(days=days))
    arbitrage.store(found, now)

    monkeypatch.setattr(arbitrage, "KEPT", 2)

    assert arbitrage.prune(now) == 3
    assert ArbitrageOpportunity.objects.count() == 3


def test_a_scan_reads_what_is_shared(policy, redis):
    for (slug, symbol), each in CHEAP_AND_DEAR.items():
        text = encode(each.bids, each.asks, received_at=time.time(), sequence=1, exchange_time=None)
        redis.set(key_of(slug, symbol), text)

    assert arbitrage.scan_and_store([SYMBOL]) == 1
    forget_books(redis)
    assert arbitrage.scan_and_store([SYMBOL]) == 0
    assert ArbitrageOpportunity.objects.get().ended_at is not None


@pytest.fixture
def trader(policy, django_user_model):
    user = django_user_model.objects.create_user("algo1")
    TradingPermission.objects.create(user=user)
    for slug, asset, total in (("binance", "USDT", "250.25"), ("kraken", "BTC", "1")):
        keys = {"api_key": f"{slug}-key", "secret": "c2VjcmV0"}
        stored = store_credential(user=user, exchange=slug, mode="live", secrets=keys, by=None)
        AccountBalance.objects.create(
            credential_id=getattr(stored, "pk", None), user=user, exchange_id=slug, mode="live", asset=asset,
            spendable=total, booked=0, at=timezone.now(),
        )  # fmt: skip
    arbitrage.store(arbitrage.scan(policy, CHEAP_AND_DEAR), timezone.now())
    return user


def test_money_bounds_what_could_be_done(trader, django_user_model):
    (mine,) = opportunities(trader.pk)
    assert (mine.share, mine.amount, mine.profit) == (D("0.5"), D("0.005"), D("1.9975"))

    assert opportunities(None)[0].share == D("0.5")

    (nobodys,) = opportunities(django_user_model.objects.create_user("poor").pk)
    assert (nobodys.share, nobodys.amount) == (None, None)

    AccountBalance.objects.filter(asset="BTC").delete()
    assert opportunities(trader.pk)[0].share is None


def api_of(user, scopes=("read", "trade")):
    _, token = create_token(user=user, name="bot", scopes=list(scopes), by=None)
    snapshot.refresh()
    return Api(token, user)


def test_the_api_shows_what_is_there_to_those_who_may_trade(trader, django_user_model):
    (row,) = api_of(trader).get("/api/arbitrage/opportunities").json()

    assert (row["kind"], row["symbol"], row["buy_exchange"], row["sell_exchange"]) == (
        "cross", SYMBOL, "binance", "kraken",
    )  # fmt: skip
    assert (row["amount"], row["cost"], row["profit"], row["profit_bps"]) == ("0.01", "500.5", "3.995", "79.8202")
    assert (row["funded_amount"], row["funded_profit"]) == ("0.005", "1.9975")
    assert [leg["side"] for leg in row["legs"]] == ["buy", "sell"]

    stranger = api_of(django_user_model.objects.create_user("reader"))
    refused = stranger.get("/api/arbitrage/opportunities")
    assert (refused.status_code, refused.json()["code"]) == (403, "NO_PERMISSION")
    staff = api_of(django_user_model.objects.create_user("boss", is_staff=True))
    assert len(staff.get("/api/arbitrage/opportunities").json()) == 1
    arbitrage.store([], timezone.now())
    assert staff.get("/api/arbitrage/opportunities").json() == []


def test_nothing_is_sent_until_it_is_switched_on(trader):
    opportunity = ArbitrageOpportunity.objects.get().pk
    api = api_of(trader)
    refused = api.post("/api/arbitrage/execute", {"opportunity_id": opportunity, "idempotency_key": "k"})

    assert (refused.status_code, refused.json()["code"]) == (409, "ARBITRAGE_OFF")
    for body in ({}, {"opportunity_id": 0}, {"opportunity_id": opportunity, "amount": "1"}):
        wrong = api.post("/api/arbitrage/execute", {**body, "idempotency_key": "k"})
        assert (wrong.status_code, wrong.json()["code"]) == (400, "INVALID_REQUEST")
    keyless = api.post("/api/arbitrage/execute", {"opportunity_id": opportunity})
    assert (keyless.status_code, keyless.json()["code"]) == (400, "IDEMPOTENCY_KEY_MISSING")


def test_the_page_shows_it_and_refreshes_itself(trader, client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("root", password="root-root-root"))  # noqa: S106

    whole = client.get(reverse("admin:arbitrage")).content.decode()
    assert SYMBOL in whole
    assert "every 3s" in whole

    arbitrage.store([], timezone.now())
    time.sleep(1.1)
    later = client.get(reverse("admin:arbitrage_part")).content.decode()
    assert "Nothing earns its fees" in later
    assert SYMBOL in later
