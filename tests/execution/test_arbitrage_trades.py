"""Arbitrage under a real executor: both orders, one of them, none; whatever happens, it is known what is open."""

import threading
import time
from collections.abc import Iterator
from decimal import Decimal as D

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from redis import Redis

from execution.models import (
    AccountBalance,
    AccountFee,
    Alert,
    ArbitrageEvent,
    ArbitrageOpportunity,
    ArbitrageTrade,
    Fill,
    Order,
    Signal,
)
from execution.selectors import facts
from execution.services import arbitrage_trades
from execution.services.alerts.evaluate import evaluate
from execution.services.arbitrage_trades import Refused, rows, runner
from execution.services.arbitrage_trades.runner import advance
from execution.services.cancel import cancel_signal
from execution.services.executor import trades
from policies import defaults, snapshot
from policies.domain.policy import OneLegged, Scope, TradingStatus
from policies.models import AlertRule, Exchange, OrderSizeLimit, RoutingSettings, TradingPermission
from policies.services import set_trading_state
from tests.execution.conftest import Platform
from tests.execution.parts import wait_until
from tests.execution.test_book_cache import forget_books
from tests.execution.trades import CHEAP, DEAR, Desk, kinds, set_rules, signals

AWAY = ([("49900", "5")], [("51000", "5")])
"""A book at which neither order of the trade is filled."""

GOT = D("0.0999")
"""Of the 0.1 that were bought: Binance takes its fee in coins."""

HOLD, COMPLETE, UNWIND = (policy.value for policy in (OneLegged.HOLD, OneLegged.COMPLETE, OneLegged.UNWIND))


@pytest.fixture
def desk(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    # A busy machine may take longer than five seconds to a first order.
    monkeypatch.setattr(rows, "FIRST_WITHIN_S", 60)
    set_rules()
    defaults.install_alert_rules(AlertRule)
    with Redis.from_url(settings.REDIS_URL) as redis:
        forget_books(redis)
        yield Desk(platform, redis)
        forget_books(redis)


@pytest.fixture
def by_hand(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Workers trade, and nobody goes on with trades but the test: as if each worker died right after an order."""
    monkeypatch.setattr(trades, "advance", lambda: 0)
    return desk


def first_over(desk: Desk, trade: ArbitrageTrade) -> None:
    """Wait until its first order has ended."""
    desk.platform.final(signals(trade).first())


def quote_fees(trade: ArbitrageTrade) -> list[D]:
    """What was paid in dollars."""
    return list(
        Fill.objects.filter(order__signal__arbitrage_step__trade=trade, fee_asset="USDT").values_list("fee", flat=True)
    )


def go_on(desk: Desk, trade: ArbitrageTrade, *states: str) -> ArbitrageTrade:
    """Advance by hand until the trade is in one of these states."""
    wait_until(lambda: _advanced(desk, trade, states))
    return trade


def _advanced(desk, trade, states):
    if advance():
        desk.platform.executor.wake()
    trade.refresh_from_db()
    return trade.state in states


def test_both_orders_fill_and_the_money_is_counted_from_the_fills(desk):
    trade = desk.trade("done", "held", "nothing")

    assert (trade.state, trade.reason_code, trade.amount, trade.open_amount) == ("done", "", D("0.1"), D(0))
    assert kinds(trade) == ["first", "second"]
    first, second = signals(trade)
    assert (first.side, first.requested_exchange, first.limit_price) == ("buy", "binance", D(50000))
    assert (second.side, second.requested_exchange, second.limit_price) == ("sell", "kraken", D(50500))
    assert (first.strategy_id, first.leg, first.parent_id, first.time_in_force) == ("arbitrage", True, None, "IOC")
    assert (desk.filled("binance"), desk.filled("kraken")) == (D("0.1"), GOT)
    assert trade.profit == GOT * 50500 - 5000 - sum(quote_fees(trade))
    assert trade.first_why.startswith("binance first")
    assert trade.planned_profit == D("0.1") * (D("50500") * D("0.999") - D("50000") * D("1.001"))
    assert (second.received_at - first.final_at).total_seconds() < 5
    assert [event.state for event in trade.events.all()] == ["first", "second", "done"]
    assert not facts.refresh_facts().trades


def test_the_second_is_for_what_the_first_got(desk):
    desk.really("binance", ([("49990", "5")], [("50000", "0.04"), ("50600", "5")]))

    trade = desk.trade("done")

    assert (desk.filled("binance"), desk.filled("kraken")) == (D("0.04"), D("0.03996"))
    assert [signal.amount for signal in signals(trade)] == [D("0.1"), D("0.03996")]


def test_when_the_first_gets_nothing_there_is_no_second(desk):
    desk.really("binance", AWAY)

    trade = desk.trade("nothing")

    assert (trade.reason_code, trade.profit, trade.open_amount) == ("NO_FILL", D(0), D(0))
    assert (kinds(trade), desk.platform.ledger("kraken")) == (["first"], [])


def test_what_the_second_did_not_get_is_held_and_a_person_trades_it_back(desk):
    desk.really("kraken", AWAY)
    trade = desk.trade("held")

    assert (trade.reason_code, trade.open_amount) == ("ARBITRAGE_ONE_LEGGED", GOT)
    assert kinds(trade) == ["first", "second"]
    with pytest.raises(Refused) as busy:
        desk.start(opportunity=trade.opportunity_id)
    assert busy.value.denial.code == "ARBITRAGE_UNDER_WAY"
    evaluate()
    alert = Alert.objects.get(rule__name="One-legged arbitrage")
    assert (alert.severity, alert.scope_key, alert.link.split("/")[-3]) == ("critical", str(trade.pk), str(trade.pk))

    with pytest.raises(ValidationError):
        arbitrage_trades.trade_rest(trade.pk, OneLegged.UNWIND, D(100), by="boss", reason="why")
    arbitrage_trades.trade_rest(trade.pk, OneLegged.UNWIND, D(100), by="boss", reason="the market has moved away")
    desk.platform.executor.wake()
    trade = desk.wait(trade, "done")

    assert (kinds(trade), trade.open_amount) == (["first", "second", "unwind"], D(0))
    assert trade.profit < 0
    said = ArbitrageEvent.objects.get(trade=trade, by="boss")
    assert said.detail == "trade back what is open, losing at most 100 bps: the market has moved away"
    with pytest.raises(DatabaseError), transaction.atomic():
        ArbitrageEvent.objects.update(by="nobody")


def test_what_is_open_may_be_accepted_as_a_position(desk):
    desk.really("kraken", AWAY)
    trade = desk.trade("held")

    arbitrage_trades.accept(trade.pk, by="boss", reason="we keep it as a position")

    trade.refresh_from_db()
    assert (trade.state, trade.open_amount, kinds(trade)) == ("accepted", GOT, ["first", "second"])
    with pytest.raises(ValidationError):
        arbitrage_trades.accept(trade.pk, by="boss", reason="we keep it as a position")


@pytest.mark.parametrize(
    ("policy", "loss", "end", "steps"),
    [
        (UNWIND, 100, "done", ["first", "second", "unwind"]),
        (UNWIND, 0, "held", ["first", "second", "unwind", "unwind", "unwind"]),
        (COMPLETE, 0, "held", ["first", "second", "complete", "complete", "complete"]),
        (COMPLETE, 300, "done", ["first", "second", "complete"]),
        (HOLD, 300, "held", ["first", "second"]),
    ],
)
def test_a_second_that_is_not_filled_goes_by_the_policy_within_the_largest_loss(desk, policy, loss, end, steps):
    set_rules(arbitrage_one_legged=policy, arbitrage_max_loss_bps=loss)
    desk.really("kraken", ([("49500", "5")], [("51000", "5")]))

    trade = desk.trade("done", "held")

    assert (trade.state, kinds(trade)) == (end, steps)
    assert trade.open_amount == (D(0) if end == "done" else GOT)
    assert trade.profit >= -(loss * D("0.0001") + D("0.0022")) * 5000


def test_a_second_that_the_exchange_rejects_is_traded_back(desk):
    set_rules(arbitrage_one_legged=UNWIND, arbitrage_max_loss_bps=100)
    opportunity = desk.opportunity().pk
    desk.platform.simulator.control.upsert_account(
        "kraken", f"kraken-{desk.user.username}", "c2VjcmV0LW9mLWE=", {"BTC": "0", "USDT": "5"}
    )

    trade = desk.trade("done", "held", opportunity=opportunity)

    second = signals(trade)[1]
    assert (second.status, second.reason_code) == ("rejected", "INSUFFICIENT_FUNDS")
    assert (trade.state, kinds(trade)) == ("done", ["first", "second", "unwind"])


@pytest.mark.parametrize("exchange", ["binance", "kraken"])
def test_an_order_whose_fate_is_unknown_stops_the_trade_until_it_is_known(desk, exchange):
    desk.platform.simulator.control.queue_fault(exchange, "timeout_after")
    trade = desk.start().trade

    wait_until(lambda: Order.objects.filter(signal__arbitrage_step__trade=trade, status="unknown").exists())
    assert signals(trade).filter(final_at=None).count() == 1
    advance()
    assert kinds(trade) == (["first"] if exchange == "binance" else ["first", "second"])

    trade = desk.wait(trade, "done")
    assert (kinds(trade), trade.open_amount) == (["first", "second"], D(0))
    assert (desk.filled("binance"), desk.filled("kraken")) == (D("0.1"), GOT)


def test_a_second_that_never_arrived_is_proved_so_before_anything_else_is_done(desk):
    set_rules(arbitrage_one_legged=UNWIND, arbitrage_max_loss_bps=100)
    desk.platform.simulator.control.queue_fault("kraken", "timeout_before")

    trade = desk.trade("done", "held")

    assert signals(trade)[1].reason_code == "NOT_PLACED"
    assert (trade.state, kinds(trade), desk.platform.ledger("kraken")) == ("done", ["first", "second", "unwind"], [])


def test_a_leg_is_never_sent_to_another_exchange(desk):
    desk.platform.simulator.control.queue_fault("binance", "rate_limit")

    trade = desk.trade("nothing")

    assert (trade.reason_code, desk.platform.ledger("binance"), desk.platform.ledger("kraken")) == (
        "RATE_LIMITED", [], [],
    )  # fmt: skip


# --- workers that die, and several at once


def test_any_worker_goes_on_where_another_one_died(by_hand, started, monkeypatch):
    trade = by_hand.start().trade
    first_over(by_hand, trade)
    by_hand.platform.executor.stop()
    assert kinds(trade) == ["first"]

    monkeypatch.setattr(trades, "advance", runner.advance)
    by_hand.platform.executor = started()  # the sweep finds it: nobody told this worker

    trade = by_hand.wait(trade, "done")
    assert (kinds(trade), by_hand.filled("kraken")) == (["first", "second"], GOT)


def test_a_step_is_stored_whole_or_not_at_all(by_hand, monkeypatch):
    trade = by_hand.start().trade
    first_over(by_hand, trade)
    storing = rows.store_signals

    def dies(*args, **kwargs):
        storing(*args, **kwargs)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(rows, "store_signals", dies)
        assert advance() == 0
    trade.refresh_from_db()
    assert (trade.state, kinds(trade), Signal.objects.count()) == ("first", ["first"], 1)

    assert go_on(by_hand, trade, "done").open_amount == 0
    assert by_hand.filled("kraken") == GOT


def test_workers_that_come_at_once_send_one_second_order(by_hand):
    trade = by_hand.start().trade
    first_over(by_hand, trade)
    by_hand.platform.executor.stop()
    moved, barrier = [], threading.Barrier(6)

    def work():
        barrier.wait()
        moved.append(advance())
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(moved) == 1
    assert (kinds(trade), Signal.objects.count()) == (["first", "second"], 2)


def test_the_same_request_at_once_is_one_trade(by_hand):
    opportunity = by_hand.opportunity().pk
    found, barrier = [], threading.Barrier(6)

    def ask():
        barrier.wait()
        try:
            found.append(by_hand.start(key="same", opportunity=opportunity))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 6
    assert {each.trade.pk for each in found} == {ArbitrageTrade.objects.get().pk}
    assert sorted(each.replayed for each in found) == [False] + [True] * 5
    assert Signal.objects.count() == 1
    with pytest.raises(Refused) as other:
        by_hand.start(key="same", most="0.05", opportunity=opportunity)
    assert other.value.denial.code == "IDEMPOTENCY_KEY_REUSE"


# --- rules that nobody gets around


def halt(desk, scope, target, status=TradingStatus.HALTED):
    set_trading_state(scope=scope, target=target, status=status, reason="a drill of the desk", by=desk.user)
    snapshot.refresh()


def test_a_halt_between_the_orders_holds_the_trade_whatever_its_policy(by_hand):
    set_rules(arbitrage_one_legged=UNWIND, arbitrage_max_loss_bps=100)
    trade = by_hand.start().trade
    first_over(by_hand, trade)
    halt(by_hand, Scope.EXCHANGE, "kraken")
    time.sleep(0.3)  # until the worker knows

    trade = go_on(by_hand, trade, "held")

    assert (trade.reason_code, trade.open_amount) == ("TRADING_HALTED", GOT)
    assert (kinds(trade), by_hand.platform.ledger("kraken")) == (["first", "second"], [])
    evaluate()
    assert Alert.objects.filter(rule__name="One-legged arbitrage").count() == 1

    # A person's wish meets the same rule; where nothing is halted it is carried out.
    arbitrage_trades.trade_rest(trade.pk, OneLegged.COMPLETE, D(100), by="boss", reason="the halt is not for us")
    assert go_on(by_hand, trade, "held").reason_code == "TRADING_HALTED"
    arbitrage_trades.trade_rest(trade.pk, OneLegged.UNWIND, D(100), by="boss", reason="back to where it was")
    assert go_on(by_hand, trade, "done").open_amount == 0
    assert by_hand.platform.ledger("kraken") == []


def test_a_person_who_cancels_an_order_decides_about_the_rest(by_hand):
    set_rules(arbitrage_one_legged=COMPLETE, arbitrage_max_loss_bps=100)
    trade = by_hand.start().trade
    first_over(by_hand, trade)
    by_hand.platform.executor.stop()
    advance()
    cancel_signal(signals(trade)[1].pk, by="the client")

    advance()

    trade.refresh_from_db()
    assert (trade.state, trade.reason_code) == ("held", "CANCELLED_BY_CLIENT")


def test_a_limit_denies_the_first_order_and_nothing_is_traded(desk):
    OrderSizeLimit.objects.update(max_notional=100)

    trade = desk.trade("nothing")

    assert (trade.reason_code, desk.platform.ledger("binance")) == ("ORDER_VALUE", [])


def test_the_second_order_is_as_real_as_the_first(by_hand):
    trade = by_hand.start().trade
    first_over(by_hand, trade)
    Exchange.objects.filter(slug="kraken").update(mode="paper")
    snapshot.refresh()
    time.sleep(0.3)

    trade = go_on(by_hand, trade, "held")

    assert signals(trade)[1].reason_code == "OTHER_MODE"
    assert (trade.open_amount, by_hand.platform.ledger("kraken")) == (GOT, [])


def _no_balance(desk):
    AccountBalance.objects.filter(exchange_id="kraken", asset="BTC").delete()


def _poor(desk):
    AccountBalance.objects.filter(exchange_id="binance", asset="USDT").update(spendable=1)


def _old_books(desk):
    set_rules(arbitrage_book_max_age_s="0.1")
    desk.share = lambda: time.sleep(0.15)


def _moved(desk):
    desk.books = {"binance": CHEAP, "kraken": ([("50010", "5")], [("50700", "5")])}


REFUSALS = {
    "ARBITRAGE_OFF": lambda desk: RoutingSettings.objects.update(arbitrage_enabled=False),
    "ARBITRAGE_NOT_PERMITTED": lambda desk: TradingPermission.objects.update(arbitrage=False),
    "TRADING_DISABLED": lambda desk: TradingPermission.objects.update(enabled=False),
    "TRADING_HALTED": lambda desk: halt(desk, Scope.STRATEGY, "arbitrage"),
    "TRADING_REDUCING": lambda desk: halt(desk, Scope.EXCHANGE, "kraken", TradingStatus.REDUCING),
    "EXCHANGE_DISABLED": lambda desk: Exchange.objects.filter(slug="kraken").update(enabled=False),
    "OTHER_MODE": lambda desk: Exchange.objects.filter(slug="kraken").update(mode="paper"),
    "NO_CREDENTIAL": lambda desk: desk.user.exchange_credentials.filter(exchange_id="kraken").delete(),
    "BALANCE_UNKNOWN": _no_balance,
    "INSUFFICIENT_FUNDS": _poor,
    "PRICE_UNKNOWN": _old_books,
    "ARBITRAGE_GONE": _moved,
    "BELOW_MINIMUM": lambda desk: None,
    "ARBITRAGE_TRIANGLE": lambda desk: ArbitrageOpportunity.objects.update(kind="triangle"),
    "NOT_FOUND": lambda desk: ArbitrageTrade.objects.all().delete(),
}


def test_each_refusal_has_its_code_and_stores_nothing(by_hand):
    """One platform for all: each refusal in a transaction that is undone."""
    opportunity, told = by_hand.opportunity().pk, {}
    for code, change in REFUSALS.items():
        share = by_hand.share
        with transaction.atomic():
            change(by_hand)
            snapshot.refresh()
            pk = 0 if code == "NOT_FOUND" else opportunity
            most = "0.000001" if code == "BELOW_MINIMUM" else None
            with pytest.raises(Refused) as refused:
                by_hand.start(opportunity=pk or -1, most=most)
            assert refused.value.denial.detail
            told[code] = refused.value.denial.code.value
            transaction.set_rollback(True)
        by_hand.share, by_hand.books = share, {"binance": CHEAP, "kraken": DEAR}
        snapshot.refresh()

    assert told == {code: code for code in REFUSALS}
    assert not ArbitrageTrade.objects.exists()
    assert not Signal.objects.exists()


def test_what_this_account_pays_counts_and_not_the_basic_fee(by_hand):
    opportunity = by_hand.opportunity().pk
    keys = by_hand.user.exchange_credentials.get(exchange_id="kraken")
    AccountFee.objects.update_or_create(
        credential=keys,
        defaults={"maker": 0, "taker": D("0.009"), "told_at": timezone.now(), "keys_version": keys.version},
    )
    facts.forget()
    facts.refresh_facts()

    with pytest.raises(Refused) as refused:
        by_hand.start(opportunity=opportunity)
    assert refused.value.denial.code == "ARBITRAGE_GONE"


def test_money_and_settings_and_the_client_bound_the_amount(by_hand):
    opportunity = by_hand.opportunity().pk
    assert by_hand.start(opportunity=opportunity, most="0.0312345").trade.amount == D("0.03123")
    ArbitrageTrade.objects.update(state="done", final_at=timezone.now())

    AccountBalance.objects.filter(exchange_id="kraken", asset="BTC").update(spendable="0.02")
    assert by_hand.start(opportunity=opportunity).trade.amount == D("0.02")
    ArbitrageTrade.objects.update(state="done", final_at=timezone.now())

    set_rules(arbitrage_max_notional=500)
    assert D("0.0099") < by_hand.start(opportunity=opportunity).trade.amount < D("0.01")
