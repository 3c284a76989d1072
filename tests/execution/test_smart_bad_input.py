"""What a smart route meets besides good offers, under a real executor: each ends with a code, and nothing is lost."""

from decimal import Decimal as D

import pytest
from django.db.models import F

from execution.models import AccountBalance, ExchangeHealth, Market, Order
from execution.selectors import facts
from tests.execution.conftest import SIX, wait_for_balances

STRATEGIES = ("best_execution", "optimal_split", "balanced")


def codes_of(signal):
    return {row["exchange"]: row["code"] for row in signal.decisions.order_by("attempt").first().candidates}


def market(exchanges, **rules):
    Market.objects.filter(exchange_id__in=exchanges, symbol="BTC/USDT").update(**rules)
    ExchangeHealth.objects.filter(exchange_id__in=exchanges).update(markets_version=F("markets_version") + 1)
    facts.refresh_facts()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_pair_that_one_exchange_lists_goes_there_and_nobody_elses_money_stands_in(six, strategy):
    """Kroner are no dollars: the dollar books of the others are never compared with the book in kroner."""
    wait_for_balances(six, (*SIX, "firi"))
    body = {"symbol": "BTC/NOK", "notional": "50000", "preferred_exchanges": ["binance", "kraken"]}

    signal = six.settle(**body, routing_strategy=strategy)

    assert (signal.status, signal.exchange_id) == ("filled", "firi")
    assert {codes_of(signal)[slug] for slug in SIX} == {"PAIR_NOT_LISTED"}
    told = signal.decisions.get().explanation
    assert [offer["exchange"] for offer in told["offers"]] == ["firi"]
    assert told["best_single"]["exchange"] == "firi"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_exchange_whose_lot_is_larger_than_the_order_is_left_out(six, strategy):
    market(["binance"], lot=1, min_amount=1)

    signal = six.settle(amount="0.5", routing_strategy=strategy)

    assert signal.status == "filled"
    assert signal.exchange_id != "binance"
    assert codes_of(signal)["binance"] in {"BELOW_MINIMUM", "LOT_REMAINDER"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_order_below_every_lot_is_denied_and_says_what_would_be_taken(six, strategy):
    market(SIX, lot=1, min_amount=1)

    signal = six.settle(amount="0.5", routing_strategy=strategy)

    assert (signal.status, signal.reason_code) == ("denied", "BELOW_MINIMUM")
    assert not Order.objects.filter(signal=signal).exists()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("side", "asset"), [("buy", "USDT"), ("sell", "BTC")])
def test_without_any_money_nothing_is_sent(six, strategy, side, asset):
    AccountBalance.objects.filter(user=six.user, asset=asset).update(spendable=0)

    signal = six.settle(amount="0.5", side=side, routing_strategy=strategy)

    assert (signal.status, signal.reason_code) == ("denied", "INSUFFICIENT_FUNDS")
    assert {codes_of(signal)[slug] for slug in SIX} == {"INSUFFICIENT_FUNDS"}
    assert all(six.ledger(slug) == [] for slug in SIX)


def really(platform, exchange, **balances):
    """Set what the account at the exchange holds; what we last heard of it stays."""
    name = platform.user.username
    platform.simulator.control.upsert_account(
        exchange, f"{exchange}-{name}", "c2VjcmV0LW9mLWE=", balances, client_id=name
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_money_that_is_gone_meanwhile_is_refused_by_the_exchange_and_the_client_is_told(six, strategy):
    """We last heard of a million; the account holds a hundred. What an exchange rejects is not tried elsewhere."""
    really(six, "binance", USDT="100")

    signal = six.settle(amount="0.5", routing_strategy=strategy, preferred_exchanges=["binance"])

    assert (signal.status, signal.reason_code, signal.exchange_id) == ("rejected", "INSUFFICIENT_FUNDS", "binance")
    assert signal.reason_detail
    assert signal.orders.get().status == "rejected"
    assert (signal.filled_amount, six.ledger("binance")) == (0, [])


def test_a_part_whose_money_is_gone_is_given_back_and_planned_again(six):
    really(six, "binance", USDT="100")

    signal = six.settle(amount="10", routing_strategy="optimal_split")

    parts = {part.exchange_id: part for part in signal.parts.filter(parent=signal)}
    assert parts["binance"].reason_code == "INSUFFICIENT_FUNDS"
    assert signal.filled_amount == sum(part.filled_amount for part in signal.parts.all())
    assert signal.status == "filled"
    assert sum(D(row["amount"]) for slug in SIX for row in six.ledger(slug)) == 10


def test_two_workers_that_plan_on_the_same_money_spend_it_once(six, started):
    """Each remembers what it promised itself and reads the rest: at the latest the exchange says no, with a code."""
    started(batch=1)
    AccountBalance.objects.filter(user=six.user, asset="USDT").update(spendable=0)
    enough = D("0.5") * D(50010) * D("3.3")
    AccountBalance.objects.filter(user=six.user, exchange_id="binance", asset="USDT").update(spendable=enough)
    really(six, "binance", USDT=str(enough), BTC="10")

    signals = [six.submit(amount="0.5", routing_strategy="optimal_split") for _ in range(8)]
    ended = [six.final(signal) for signal in signals]

    filled = [signal for signal in ended if signal.status == "filled"]
    refused = [signal for signal in ended if signal.status != "filled"]
    assert 1 <= len(filled) <= 3
    assert {signal.reason_code for signal in refused} == {"INSUFFICIENT_FUNDS"}
    assert all(signal.filled_amount == 0 and signal.reason_detail for signal in refused)
    (account,) = (row for row in six.simulator.control.accounts("binance") if row["api_key"] == "binance-algo1")
    bought = D(account["balances"]["BTC"]["total"]) - 10
    assert bought == sum(fill.amount - fill.fee for signal in filled for fill in fills_of(signal))
    assert D(account["balances"]["USDT"]["available"]) >= 0


def fills_of(signal):
    return [fill for order in signal.orders.all() for fill in order.fills.all()]
