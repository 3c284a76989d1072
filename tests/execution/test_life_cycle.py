"""From a stored signal to a recorded fill, through the real executor and the exchanges' own protocols."""

from decimal import Decimal as D

import pytest

from execution.models import ExchangeHealth, FeeTotal, Fill, Order, OrderEvent, Position
from execution.selectors import facts
from execution.services.cancel import cancel_open_orders, cancel_order, cancel_signal
from policies.domain.policy import Scope, TradingStatus
from policies.models import Exchange, StrategyPolicy
from policies.services import set_trading_state
from tests.execution.conftest import BALANCES, add_keys, read_markets

FEE = D("0.001")


def decision(signal):
    return signal.decisions.order_by("-attempt").first()


def test_an_explicit_route_is_filled_and_everything_is_on_record(platform):
    signal = platform.settle(exchange="binance", amount="0.1")

    assert (signal.status, signal.exchange_id, signal.filled_amount) == ("filled", "binance", D("0.1"))
    assert signal.filled_notional == D("5001")
    made = decision(signal)
    assert (made.source, made.primary, made.exchange, made.method) == ("explicit", "binance", "binance", "limit")
    assert [c["exchange"] for c in made.candidates] == ["binance", "bybit", "okx", "kucoin", "kraken", "firi"]
    codes = {c["exchange"]: c["code"] for c in made.candidates}
    assert (codes["binance"], codes["kraken"], codes["firi"]) == ("", "LATER_IN_CHAIN", "PAIR_NOT_LISTED")
    assert all(codes[slug] for slug in ("bybit", "okx", "kucoin"))  # no keys there, or not even their markets
    order = signal.orders.get()
    assert (order.status, order.price, order.time_in_force) == ("filled", D("50510.10"), "IOC")
    assert order.created_at <= order.submitted_at <= order.acked_at <= order.final_at
    assert list(order.events.values_list("old_status", "new_status")) == [("", "submitting"), ("submitting", "filled")]
    fill = order.fills.get()
    assert (fill.amount, fill.price, fill.fee, fill.fee_asset) == (D("0.1"), D(50010), D("0.1") * FEE, "BTC")
    (booked,) = platform.ledger()
    assert booked["client_order_id"] == order.client_order_id


def test_positions_and_fees_are_the_sum_of_the_fills(platform):
    platform.settle(exchange="binance", amount="0.2")
    platform.settle(exchange="binance", side="sell", amount="0.1", signal_type="exit")

    position = Position.objects.get()
    assert (position.bought_amount, position.bought_notional) == (D("0.2"), D(10002))
    assert (position.sold_amount, position.sold_notional) == (D("0.1"), D(4999))
    assert (position.base_fees, position.quote_fees) == (D("0.0002"), D("4.999"))
    assert position.amount == D("0.0998")
    assert position.realised_pnl == D(4999) - D("0.1") * D(50010) - D("4.999")
    assert dict(FeeTotal.objects.values_list("asset", "amount")) == {"BTC": D("0.0002"), "USDT": D("4.999")}


@pytest.mark.parametrize(
    ("body", "source", "exchange"),
    [({"strategy_id": "scalper"}, "policy", "kraken"), ({}, "default", "binance")],
)
def test_strategy_and_default_routes(platform, body, source, exchange):
    StrategyPolicy.objects.create(strategy_id="scalper", exchange_id="kraken", mode="live")

    signal = platform.settle(amount="0.1", **body)

    assert (signal.status, decision(signal).source, signal.exchange_id) == ("filled", source, exchange)


def test_an_acknowledging_exchange_is_asked_until_the_fills_are_known(platform):
    signal = platform.settle(exchange="kraken", amount="0.1")

    fill = Fill.objects.get(order__signal=signal)
    (booked,) = platform.ledger("kraken")
    assert (fill.price, fill.fee, fill.fee_asset) == (D(50020), D("0.1") * 50020 * D("0.004"), "USDT")
    assert booked["exchange_order_id"] == signal.orders.get().exchange_order_id


def test_a_known_outage_fails_over_along_the_chain(platform):
    platform.simulator.control.configure("binance", down=True)
    Exchange.objects.update(health_interval_s=2)
    for _ in range(2):
        ExchangeHealth.objects.update(checked_at="2026-01-01T00:00:00Z")
        platform.poll_health()

    signal = platform.settle(amount="0.1")

    made = decision(signal)
    assert (signal.status, made.primary, made.exchange) == ("filled", "binance", "kraken")
    assert made.candidates[0]["code"] == "EXCHANGE_DOWN"


def test_an_outage_nobody_noticed_yet_fails_over_for_want_of_a_book(platform):
    platform.simulator.control.configure("binance", down=True)

    signal = platform.settle(amount="0.1")

    assert (signal.status, signal.exchange_id) == ("filled", "kraken")
    assert decision(signal).candidates[0]["code"] == "PRICE_UNKNOWN"
    assert platform.ledger("binance") == []


def test_an_order_above_the_largest_size_is_denied_and_nothing_is_sent(platform):
    before = platform.simulator.control.stats()["binance"]["requests"].get("create_order", 0)

    signal = platform.settle(amount="45", order_type="limit", limit_price="50000")

    assert (signal.status, signal.reason_code) == ("denied", "ORDER_VALUE")
    assert signal.reason_detail == (
        "This order is worth up to 2,250,000.00 USDT; the limit is 2,000,000.00 USDT (largest order of algo1). "
        "Send a smaller order, or ask to raise the limit."
    )
    assert not Order.objects.exists()
    assert platform.simulator.control.stats()["binance"]["requests"].get("create_order", 0) == before


@pytest.mark.parametrize(
    ("scope", "target"),
    [(Scope.GLOBAL, ""), (Scope.STRATEGY, "s"), (Scope.SYMBOL, "BTC/USDT"), (Scope.USER, None)],
)
def test_a_halt_denies_and_a_resume_lets_through(platform, scope, target):
    target = str(platform.user.pk) if target is None else target
    state = {"scope": scope, "target": target, "by": platform.user}
    set_trading_state(**state, status=TradingStatus.HALTED, reason="drill")

    denied = platform.settle(amount="0.1", strategy_id="s")
    set_trading_state(**state, status=TradingStatus.ACTIVE, reason="drill is over, all reconciled")
    passed = platform.settle(amount="0.1", strategy_id="s")

    assert (denied.status, denied.reason_code) == ("denied", "TRADING_HALTED")
    assert "by algo1: “drill”" in denied.reason_detail
    assert passed.status == "filled"
    assert len(platform.ledger()) == 1


def test_a_halted_exchange_is_passed_over(platform):
    set_trading_state(
        scope=Scope.EXCHANGE, target="binance", status=TradingStatus.HALTED, reason="drill", by=platform.user
    )

    signal = platform.settle(amount="0.1")

    assert (signal.status, signal.exchange_id) == ("filled", "kraken")
    assert decision(signal).candidates[0]["code"] == "TRADING_HALTED"


def test_reduce_only_lets_a_sell_of_what_is_held_through_and_nothing_else(platform):
    platform.settle(exchange="binance", amount="0.2")
    set_trading_state(scope=Scope.GLOBAL, target="", status=TradingStatus.REDUCING, reason="drawdown", by=platform.user)

    buy = platform.settle(exchange="binance", amount="0.1")
    too_much = platform.settle(exchange="binance", side="sell", amount="0.3")
    sell = platform.settle(exchange="binance", side="sell", amount="0.1")

    assert (buy.reason_code, too_much.reason_code) == ("TRADING_REDUCING", "TRADING_REDUCING")
    assert "held is 0.1998" in too_much.reason_detail
    assert sell.status == "filled"


def test_a_disabled_user_and_a_disabled_permission_are_denied(platform):
    platform.user.trading_permission.enabled = False
    platform.user.trading_permission.save()
    assert platform.settle(amount="0.1").reason_code == "TRADING_DISABLED"

    platform.user.is_active = False
    platform.user.save()
    assert platform.settle(amount="0.1").reason_code == "USER_DISABLED"


def test_paper_needs_no_keys_and_sends_nothing(platform):
    platform.user.exchange_credentials.all().delete()
    Exchange.objects.filter(slug="binance").update(mode="paper")

    signal = platform.settle(exchange="binance", amount="0.1")

    order = signal.orders.get()
    assert (signal.status, order.mode, order.filled_notional) == ("filled", "paper", D("5001"))
    assert Fill.objects.get().fee == D("5.001")
    assert platform.ledger() == []


def test_an_expired_signal_is_not_sent(platform):
    signal = platform.settle(amount="0.1", expires_at="2026-01-01T00:00:00Z")

    assert (signal.status, signal.reason_code) == ("expired", "SIGNAL_EXPIRED")
    assert platform.ledger() == []


def test_a_notional_buys_whole_lots_for_at_most_that_much(platform):
    signal = platform.settle(exchange="binance", notional="1000")

    assert signal.filled_amount == D("0.01999")
    assert signal.filled_notional == D("0.01999") * 50010


def test_a_pair_in_kroner_goes_to_firi_as_a_limit_order(platform):
    signal = platform.settle(symbol="BTCNOK", amount="0.1", signal_type="exit")

    order = signal.orders.get()
    assert (signal.status, order.exchange_id, order.order_type, order.exclusive) == ("filled", "firi", "limit", True)
    assert D("0.09999") <= order.amount <= D("0.1")
    assert order.baseline is not None
    (booked,) = platform.ledger("firi")
    assert D(booked["filled"]) == order.filled_amount


def test_firi_orders_of_one_user_in_one_market_never_overlap(platform):
    signals = [platform.submit(symbol="BTC/NOK", amount="0.1") for _ in range(4)]

    for signal in signals:
        assert platform.final(signal, within_s=15).status == "filled"

    assert len(platform.ledger("firi")) == 4
    orders = sorted(Order.objects.all(), key=lambda order: order.submitted_at)
    assert all(a.acked_at <= b.submitted_at for a, b in zip(orders, orders[1:], strict=False))


def test_an_unfilled_immediate_order_ends_with_a_reason(platform):
    signal = platform.settle(
        exchange="binance", amount="0.1", order_type="limit", limit_price="49995", time_in_force="IOC"
    )

    assert (signal.status, signal.reason_code) == ("cancelled", "NO_FILL")


def test_a_part_of_an_immediate_order_is_a_partial_fill(platform):
    platform.simulator.control.set_book(
        "binance", "BTC/USDT", bids=[("49990", "5")], asks=[("50010", "0.04"), ("50300", "9")]
    )
    signal = platform.settle(
        exchange="binance", amount="0.1", order_type="limit", limit_price="50010", time_in_force="IOC"
    )

    assert (signal.status, signal.reason_code, signal.filled_amount) == ("partial_fill", "PARTLY_FILLED", D("0.04"))


def test_a_resting_order_is_watched_until_the_market_comes(platform):
    signal = platform.submit(exchange="binance", amount="0.1", order_type="limit", limit_price="49000")
    platform.wait_for(signal, "open")
    platform.simulator.control.set_book("binance", "BTC/USDT", bids=[("48000", "5")], asks=[("48990", "5")])
    Order.objects.update(next_check_at="2026-01-01T00:00:00Z")

    assert platform.final(signal).status == "filled"
    assert Fill.objects.get().price == D(49000)
    assert list(OrderEvent.objects.values_list("new_status", flat=True)) == ["submitting", "open", "filled"]


def test_a_client_cancels_a_resting_order(platform):
    signal = platform.submit(exchange="binance", amount="0.1", order_type="limit", limit_price="49000")
    platform.wait_for(signal, "open")

    assert cancel_signal(signal.pk, by="algo1") == "executing"
    platform.executor.wake()

    assert platform.final(signal).reason_code == "CANCELLED_BY_CLIENT"
    (booked,) = platform.ledger()
    assert booked["status"] == "cancelled"


@pytest.mark.parametrize("slug", ["kraken", "coinbase"])
def test_a_cancel_whose_answer_was_lost_ends_although_a_second_one_is_refused(platform, monkeypatch, slug):
    monkeypatch.setitem(BALANCES, slug, {"USDT": "1000000", "BTC": "10"})
    add_keys(platform.simulator, platform.user, slug)
    platform.simulator.control.set_book(slug, "BTC/USDT", bids=[("49990", "5")], asks=[("50010", "5")])
    read_markets(platform.executor)
    facts.refresh_facts()
    signal = platform.submit(exchange=slug, amount="0.1", order_type="limit", limit_price="49000")
    platform.wait_for(signal, "open")

    platform.simulator.control.queue_fault(slug, "disconnect_after", operation="cancel_order")
    cancel_signal(signal.pk, by="algo1")
    platform.executor.wake()

    assert platform.final(signal).reason_code == "CANCELLED_BY_CLIENT"


def test_an_operator_cancels_with_a_reason_even_while_halted(platform):
    signal = platform.submit(exchange="kraken", amount="0.1", order_type="limit", limit_price="49000")
    platform.wait_for(signal, "open")
    set_trading_state(scope=Scope.GLOBAL, target="", status=TradingStatus.HALTED, reason="drill", by=platform.user)

    assert cancel_open_orders(scope=Scope.EXCHANGE, target="kraken", by=platform.user, reason="stuck since noon") == 1
    platform.executor.wake()

    ended = platform.final(signal)
    assert (ended.reason_code, ended.reason_detail) == ("CANCELLED_BY_OPERATOR", "algo1: stuck since noon")
    assert cancel_order(signal.orders.get().pk, by=platform.user, reason="again") is False


def test_a_signal_cancelled_before_it_was_claimed_never_leaves(platform):
    platform.executor.stop()
    signal = platform.submit(amount="0.1")

    assert cancel_signal(signal.pk, by="algo1") == "cancelled"

    signal.refresh_from_db()
    assert (signal.status, signal.reason_code) == ("cancelled", "CANCELLED_BY_CLIENT")
