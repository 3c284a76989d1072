"""Smart signals under a real executor: one exchange or several, what is left out and why, and the record of it."""

from decimal import Decimal as D

import pytest
from django.utils import timezone

from execution.domain.choosing import ROUTER_VERSION
from execution.domain.explained import read
from execution.domain.prepared import Depths
from execution.domain.replay import replay
from execution.models import AccountBalance, Order, Position
from execution.selectors import facts
from execution.selectors.funds import free_funds
from execution.selectors.stored_decisions import stored_decisions
from policies import snapshot
from policies.domain.policy import Scope, TradingStatus
from policies.models import Exchange, OrderSizeLimit, RoutingSettings, StrategyPolicy, TradingPreference
from policies.services import set_trading_state
from tests.execution.conftest import SIX
from tests.execution.parts import wait_until


def test_a_small_order_goes_whole_to_the_cheapest_and_the_record_says_why(six):
    signal = six.settle(amount="0.5", routing_strategy="optimal_split")

    assert (signal.status, signal.exchange_id) == ("filled", "binance")
    made = signal.decisions.get()
    assert (made.source, made.ordering, made.primary, made.router) == (
        "smart",
        "optimal_split",
        "binance",
        ROUTER_VERSION,
    )
    told = made.explanation
    assert {offer["exchange"] for offer in told["offers"]} == set(SIX)
    assert all(offer["age_ms"] <= 1000 for offer in told["offers"])
    verdicts = {verdict["exchange"]: verdict for verdict in told["verdicts"]}
    assert (verdicts["binance"]["code"], verdicts["bybit"]["code"]) == ("", "DEARER")
    assert D(verdicts["kraken"]["upper"]) == 4
    assert verdicts["binance"]["terms"]["fee"] == 10
    assert told["best_single"] == {"exchange": "binance", "extra_bps": 0}
    assert told["expected"]["price"] == "50010"
    codes = {row["exchange"]: row["code"] for row in made.candidates}
    assert (codes["firi"], codes["binance"]) == ("PAIR_NOT_LISTED", "")
    ask, offers = read(told)
    assert (ask.amount, len(offers)) == (D("0.5"), 6)


@pytest.mark.parametrize(
    ("strategy", "exchange"), [("cost_optimization", "binance"), ("best_liquidity", "kraken"), ("best_execution", None)]
)
def test_each_strategy_finds_its_exchange(six, strategy, exchange):
    six.simulator.control.set_book("kraken", "BTC/USDT", bids=[("49990", "50")], asks=[("50030", "50")])

    signal = six.settle(amount="0.5", routing_strategy=strategy)

    assert signal.status == "filled"
    assert signal.decisions.get().ordering == strategy
    assert exchange in (None, signal.exchange_id)


def test_an_order_that_is_proved_not_placed_goes_to_the_next_best(six):
    six.simulator.control.queue_fault("binance", "disconnect_before", count=1)

    signal = six.settle(amount="0.5", routing_strategy="cost_optimization")

    assert (signal.status, signal.exchange_id, signal.attempt) == ("filled", "okx", 2)
    second = signal.decisions.get(attempt=2)
    assert {row["exchange"]: row["code"] for row in second.candidates}["binance"] == "ALREADY_TRIED"


def test_strategy_user_and_signal_may_ask_for_a_smart_route(six):
    StrategyPolicy.objects.create(strategy_id="clever", exchange_id="kraken", mode="live", route_by="smart")
    TradingPreference.objects.create(user=six.user, routing_strategy="cost_optimization")

    by_strategy = six.settle(amount="0.1", strategy_id="clever")
    by_user = six.settle(amount="0.1")
    by_signal = six.settle(amount="0.1", preferred_exchanges=["kucoin", "coinbase"], routing_strategy="smart")
    explicit = six.settle(amount="0.1", exchange="kraken", routing_strategy="optimal_split")

    assert (by_strategy.exchange_id, by_strategy.decisions.get().ordering) == ("binance", "optimal_split")
    assert (by_user.exchange_id, by_user.decisions.get().ordering) == ("binance", "cost_optimization")
    assert by_signal.exchange_id == "coinbase"
    assert (explicit.exchange_id, explicit.decisions.get().source) == ("kraken", "explicit")


def test_other_money_is_another_pair(six):
    """kraken lists BTC/USD too; nobody's dollars stand in for tethers."""
    six.simulator.control.set_book("kraken", "BTC/USD", bids=[("40000", "5")], asks=[("40010", "5")])
    facts.refresh_facts()

    signal = six.settle(amount="0.5", routing_strategy="optimal_split")

    assert (signal.exchange_id, {fill.price for order in signal.orders.all() for fill in order.fills.all()}) == (
        "binance",
        {D(50010)},
    )


def test_what_an_account_cannot_pay_is_left_out(six):
    AccountBalance.objects.filter(user=six.user, exchange_id="binance", asset="USDT").update(spendable=0)
    AccountBalance.objects.filter(user=six.user, exchange_id="okx").delete()

    signal = six.settle(amount="0.5", routing_strategy="optimal_split")

    codes = {row["exchange"]: row["code"] for row in signal.decisions.get().candidates}
    assert (codes["binance"], codes["okx"], signal.exchange_id) == ("INSUFFICIENT_FUNDS", "BALANCE_UNKNOWN", "bybit")


def test_balances_need_not_be_known_where_policy_says_so(six):
    AccountBalance.objects.all().delete()
    assert six.settle(amount="0.5", routing_strategy="smart").reason_code == "BALANCE_UNKNOWN"

    RoutingSettings.objects.update(smart_needs_balance=False)

    assert six.settle(amount="0.5", routing_strategy="smart").exchange_id == "binance"


def test_money_counts_what_fills_moved_since_it_was_told(six):
    key = (six.user.pk, "binance", "live", "USDT")
    before = free_funds([six.user.pk], ["USDT"])[key]
    row = AccountBalance.objects.get(user=six.user, exchange_id="binance", asset="USDT")

    signal = six.settle(amount="1", routing_strategy="optimal_split")

    told_at = AccountBalance.objects.get(pk=row.pk).at
    spent = signal.filled_notional
    after = free_funds([six.user.pk], ["USDT"])[key]
    assert told_at >= row.at
    assert before - spent - D(60) <= after <= before - spent


def test_an_order_that_nothing_can_fill_is_denied_with_every_reason(six):
    signal = six.settle(amount="30", routing_strategy="optimal_split")

    assert (signal.status, signal.reason_code) == ("denied", "INSUFFICIENT_LIQUIDITY")
    assert "24 BTC now, 6 less" in signal.reason_detail
    fine = six.settle(amount="0.123456789", routing_strategy="optimal_split")
    assert (fine.status, fine.reason_code) == ("denied", "AMOUNT_PRECISION")


def test_an_exchange_without_a_book_leaves_the_others(six):
    six.simulator.control.set_book("binance", "BTC/USDT", bids=[("49990", "1")], asks=[])

    signal = six.settle(amount="0.5", routing_strategy="optimal_split")

    codes = {row["exchange"]: row["code"] for row in signal.decisions.get().candidates}
    assert (signal.exchange_id, codes["binance"]) == ("okx", "PRICE_UNKNOWN")


def test_ten_bitcoin_over_six_exchanges_cost_no_more_than_planned(six):
    signal = six.settle(amount="10", routing_strategy="optimal_split")

    assert (signal.status, signal.filled_amount) == ("filled", D(10))
    parts = list(signal.parts.order_by("part"))
    assert len(parts) >= 5
    assert sum(part.filled_amount for part in parts) == 10
    told = signal.decisions.get().explanation
    planned = {part["exchange"]: D(part["amount"]) for part in told["parts"]}
    assert {part.exchange_id: part.filled_amount for part in parts} == planned
    assert signal.filled_notional <= D(told["expected"]["notional"])
    assert told["best_single"]["extra_bps"] is None, "no exchange could take it alone"
    placed = [row for slug in SIX for row in six.ledger(slug)]
    assert sum(D(row["amount"]) for row in placed) == 10
    assert {offer["exchange"] for offer in told["offers"]} == set(SIX)


def test_a_part_that_is_proved_not_placed_is_planned_again_on_the_others(six):
    six.simulator.control.queue_fault("okx", "disconnect_before", count=1)

    signal = six.settle(amount="10", routing_strategy="optimal_split")

    assert (signal.status, signal.filled_amount) == ("filled", D(10))
    assert sum(part.filled_amount for part in signal.parts.all()) == 10
    assert signal.decisions.count() == 2


def test_a_split_by_money_spends_no_more_than_that(six):
    signal = six.settle(notional="300000", routing_strategy="optimal_split")

    assert signal.filled_notional <= 300000
    assert signal.filled_notional >= D("0.99") * 300000
    assert signal.parts.count() >= 2


def test_a_sale_is_split_too(six):
    signal = six.settle(amount="12", side="sell", routing_strategy="optimal_split")

    assert (signal.status, signal.filled_amount) == ("filled", D(12))
    assert signal.filled_notional >= D(signal.decisions.get().explanation["expected"]["notional"])


def test_when_only_reducing_is_allowed_a_sale_takes_what_is_held_where_it_is_held(six):
    six.settle(amount="3", routing_strategy="optimal_split")
    set_trading_state(scope=Scope.USER, target=str(six.user.pk), status=TradingStatus.REDUCING, reason="drill", by=None)

    buy = six.settle(amount="0.1", routing_strategy="optimal_split")
    most = six.settle(amount="3", side="sell", routing_strategy="optimal_split")

    assert (buy.status, buy.reason_code) == ("denied", "TRADING_REDUCING")
    held = Position.objects.filter(user=six.user)
    assert most.status in {"filled", "denied"}
    assert all(position.bought_amount >= position.sold_amount for position in held)


def test_the_largest_order_of_a_user_counts_the_whole_of_a_split(six):
    OrderSizeLimit.objects.filter(currency="USDT").update(max_notional=400_000)

    signal = six.settle(amount="10", routing_strategy="optimal_split")

    assert (signal.status, signal.reason_code) == ("denied", "ORDER_VALUE")


def test_a_limit_that_rests_goes_whole_to_one_exchange(six):
    signal = six.submit(amount="3", order_type="limit", limit_price="50000", routing_strategy="optimal_split")

    order = six.wait_for(signal, "open")

    assert (order.amount, order.time_in_force) == (D(3), "GTC")


def test_a_passive_order_rests_where_the_maker_fee_is_lowest_and_the_record_says_why(six):
    Exchange.objects.update(maker_fee_bps=8)
    Exchange.objects.filter(pk="kucoin").update(maker_fee_bps=-1)
    six.simulator.control.set_book("kucoin", "BTC/USDT", bids=[("49900", "2")], asks=[("50014", "2")])

    signal = six.submit(amount="1", routing_strategy="optimal_split", execution_method="passive", horizon_s=30)
    wait_until(lambda: Order.objects.filter(signal__parent=signal, status="open").exists())

    resting = Order.objects.get(signal__parent=signal)
    assert (resting.exchange_id, resting.price, resting.amount) == ("kucoin", D(49900), D(1))
    made = signal.decisions.get()
    assert (made.exchange, made.method, made.ordering, made.router) == (
        "kucoin", "passive", "optimal_split", ROUTER_VERSION,
    )  # fmt: skip
    codes = {row["exchange"]: row["code"] for row in made.candidates}
    assert (codes["kucoin"], codes["binance"], codes["firi"]) == ("", "DEARER", "PAIR_NOT_LISTED")
    assert made.explanation["asked"]["passive"] is True
    verdicts = {verdict["exchange"]: verdict for verdict in made.explanation["verdicts"]}
    assert verdicts["binance"]["detail"] == "Its maker fee is 8 bps; kucoin asks -1 bps."
    assert not replay(
        next(iter(stored_decisions(signal.received_at, timezone.now()))), snapshot.refresh(), Depths()
    ).changed


def test_the_same_question_a_moment_later_is_answered_from_memory(six):
    Exchange.objects.update(mode="paper")
    snapshot.refresh()

    first, second = (six.settle(amount="0.5", routing_strategy="optimal_split") for _ in range(2))

    told = [signal.decisions.get().explanation for signal in (first, second)]
    same_books = [offer["received_at"] for offer in told[0]["offers"]] == [o["received_at"] for o in told[1]["offers"]]
    assert told[0]["cached"] is False
    assert told[1]["cached"] is same_books


def test_a_signal_traded_over_time_compares_the_exchanges_for_every_slice(six):
    signal = six.settle(amount="1", routing_strategy="optimal_split", execution_method="twap", slices=2, horizon_s=2)

    assert (signal.status, signal.filled_amount) == ("filled", D(1))
    slices = list(signal.parts.order_by("part"))
    assert len(slices) == 2
    assert {part.decisions.get().ordering for part in slices} == {"optimal_split"}
    assert {part.routing_strategy for part in slices} == {"optimal_split"}
