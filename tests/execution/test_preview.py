"""A preview tells what a worker then does: the same exchange, parts, price or refusal, on the same books."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.conf import settings
from django.utils import timezone

from execution.api.signal_input import parse_signal
from execution.models import AccountBalance, ExchangeHealth
from execution.selectors import facts
from execution.services import asking
from execution.services.preview import preview_signal
from policies import snapshot
from policies.models import Exchange, OrderSizeLimit, RoutingSettings, StrategyPolicy, TradingPreference


@pytest.fixture
def told(six, monkeypatch):
    """Asks for a preview in this process, which then asks the simulated exchanges for their books itself."""
    monkeypatch.setitem(settings.ENV, "EXCHANGE_BASE_URLS", six.simulator.base_urls)
    monkeypatch.setitem(settings.ENV, "RATE_LIMIT_SHARE", 1000.0)  # as the worker here: neither waits for the other
    monkeypatch.setattr(asking, "_asker", None)

    def ask(**body):
        snapshot.refresh()
        facts.refresh_facts()
        return preview_signal(parse_signal({"symbol": "BTC/USDT", "side": "buy", **body}), six.user.pk)

    return ask


SMART = {"routing_strategy": "optimal_split"}


@pytest.mark.parametrize(
    "body",
    [
        {"amount": "0.5"},
        {"amount": "0.5", "exchange": "kraken"},
        {"amount": "0.5", **SMART},
        {"amount": "10", **SMART},
        {"notional": "300000", **SMART},
        {"amount": "0.5", "routing_strategy": "best_liquidity"},
        {"amount": "0.5", "strategy_id": "clever"},
        {"amount": "0.5", "preferred_exchanges": ["kucoin", "coinbase"]},
    ],
    ids=["chain", "asked", "smart", "split", "money", "liquidity", "strategy", "preferred"],
)
def test_what_is_told_is_what_happens(six, told, body):
    StrategyPolicy.objects.create(strategy_id="clever", exchange_id="kraken", mode="live", route_by="smart")

    before = told(**body)
    signal = six.settle(**body)

    made = signal.decisions.get(attempt=1)
    assert (before.exchange, before.source, before.mode) == (made.exchange, made.source, "live")
    assert before.decided.ordering == made.ordering
    codes = {row["exchange"]: row["code"] for row in made.candidates}
    assert {each.exchange: each.code.value if each.code else "" for each in before.candidates} == codes
    if made.explanation and "asked" in made.explanation:
        now, then = (_figures(told) for told in (before.chosen.explanation(signal.symbol), made.explanation))
        assert now == pytest.approx(then, rel=1e-3)  # latency and age count a little, and are of another moment
    else:
        assert before.expected.price == D(signal.filled_notional / signal.filled_amount)


def _figures(explanation):
    parts = {part["exchange"]: float(part["amount"]) for part in explanation["parts"]}
    return {**parts, "price": float(explanation["expected"]["price"]), "bps": explanation["expected"]["cost_bps"]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"amount": "0.123456789"}, "AMOUNT_PRECISION"),
        ({"amount": "30"}, "INSUFFICIENT_LIQUIDITY"),
        ({"amount": "30", **SMART}, "INSUFFICIENT_LIQUIDITY"),
        ({"amount": "0.5", "order_type": "limit", "limit_price": "90000"}, "PRICE_COLLAR"),
        ({"amount": "3"}, "ORDER_VALUE"),
        ({"amount": "0.5", "strategy_id": "resting"}, "STRATEGY_DISABLED"),
    ],
)
def test_what_would_be_denied_is_denied_with_the_same_words(six, told, body, code):
    OrderSizeLimit.objects.filter(currency="USDT").update(max_notional=140_000)
    StrategyPolicy.objects.create(strategy_id="resting", exchange_id="kraken", enabled=False)

    before = told(**body)
    signal = six.settle(**body)

    assert (before.exchange, before.denial.code) == ("", code)
    assert (signal.status, signal.reason_code, signal.reason_detail) == ("denied", code, before.denial.detail)


def test_an_exchange_without_a_book_is_told_and_the_next_one_in_the_chain_named(six, told):
    six.simulator.control.set_book("binance", "BTC/USDT", bids=[("49990", "1")], asks=[])

    before = told(amount="0.5")
    signal = six.settle(amount="0.5")

    assert before.without_book == ("binance",)
    assert before.notes[0].startswith("No fresh order book from binance.")
    assert before.exchange == signal.exchange_id == "bybit"
    smart = told(amount="0.5", **SMART)
    codes = {each.exchange: each.code for each in smart.candidates}
    assert codes["binance"] == "PRICE_UNKNOWN"


def test_without_any_book_it_says_that_nothing_would_be_sent(six, told):
    six.executor.stop()
    six.simulator.control.set_book("binance", "BTC/USDT", bids=[], asks=[])
    body = {"amount": "0.5", "exchange": "binance", "strategy_id": ""}
    RoutingSettings.objects.update(beyond_chain="never")
    for slug in ("bybit", "okx", "kucoin", "kraken", "coinbase"):
        six.simulator.control.set_book(slug, "BTC/USDT", bids=[], asks=[])

    fixed, smart = told(**body), told(amount="0.5", **SMART)

    assert (fixed.denial.code, smart.denial.code) == ("NO_HEALTHY_EXCHANGE", "NO_HEALTHY_EXCHANGE")
    assert "binance PRICE_UNKNOWN" in fixed.denial.detail
    assert "then denies the signal" in fixed.notes[0]


def test_money_that_is_not_there_leaves_an_exchange_out_of_the_preview(six, told):
    AccountBalance.objects.filter(user=six.user, exchange_id="binance", asset="USDT").update(spendable=0)
    TradingPreference.objects.create(user=six.user, routing_strategy="optimal_split")

    before = told(amount="0.5")

    codes = {each.exchange: each.code for each in before.candidates}
    assert (before.exchange, codes["binance"]) == ("okx", "INSUFFICIENT_FUNDS")


def test_slices_are_told_with_where_the_first_would_go(six, told):
    body = {"amount": "1", "execution_method": "twap", "slices": 4, "horizon_s": 240}

    fixed, smart = told(**body), told(**body, **SMART)

    for found in (fixed, smart):
        assert found.decided.method == "twap"
        assert len(found.decided.parts) == 4
        assert "4 slices in 4.0 min" in found.notes[0]
        assert found.exchange == "binance"
    assert fixed.expected.amount < D(1)
    assert smart.chosen.choice.amount < D(1)


def test_a_passive_order_is_told_where_it_would_rest(six, told):
    Exchange.objects.update(maker_fee_bps=8)
    Exchange.objects.filter(pk="okx").update(maker_fee_bps=2)

    fixed, smart = (told(amount="1", execution_method="passive", **more) for more in ({}, SMART))

    assert (fixed.exchange, smart.exchange) == ("binance", "okx")
    assert fixed.notes == ("It would rest at binance first; what is not filled in time is routed again and taken.",)
    assert smart.chosen.explanation("BTC/USDT")["asked"]["passive"] is True


def test_a_health_check_that_is_too_old_is_told(six, told):
    ExchangeHealth.objects.filter(exchange_id="binance").update(checked_at=timezone.now() - timedelta(hours=1))

    found = told(amount="0.5")

    assert found.stale == ("binance",)
    assert "binance is too old" in found.notes[0]


def test_a_book_that_cannot_be_had_is_not_asked_for_with_every_preview(six, told):
    six.executor.stop()  # only previews ask
    six.simulator.control.configure("binance", down=True)
    told(amount="0.5")
    asked = requests(six, "binance")

    for _ in range(5):
        told(amount="0.5")

    assert requests(six, "binance") == asked > 0


def requests(platform, exchange):
    """How often it was asked for anything."""
    return sum(platform.simulator.control.stats()[exchange]["requests"].values())
