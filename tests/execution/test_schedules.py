"""Signals traded over time: exact to the lot, whatever stops in between, and no slice twice."""

import time
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone

from execution.models import Order, OrderEvent, Signal
from execution.services import claims, scheduling
from execution.services.cancel import cancel_signal
from execution.services.executor import loop
from policies import snapshot
from policies.domain.policy import Scope, TradingStatus
from policies.models import RoutingSettings, StrategyPolicy
from policies.services import set_trading_state
from tests.execution.parts import booked, check_sums, wait_until

DEEP = {"binance": "50010", "kraken": "50020"}


@pytest.fixture
def quick(platform, monkeypatch):
    """Depth for everything, and slices that wait are asked about again soon."""
    monkeypatch.setattr(scheduling, "RETRY_S", 0.3)
    for slug, price in DEEP.items():
        platform.simulator.control.set_book(slug, "BTC/USDT", bids=[("49990", "40")], asks=[(price, "40")])
    return platform


def slices_of(signal):
    return list(signal.parts.order_by("part"))


def switch(platform, status):
    set_trading_state(scope=Scope.GLOBAL, target="", status=status, reason="the drill goes on", by=platform.user)


def settle(platform, **body):
    return platform.final(platform.submit(**body), within_s=40)


def check_once_each(signal):
    """Every slice was sent once, and the exchanges have what the slices say, exactly."""
    check_sums(signal)
    for part in slices_of(signal):
        assert Order.objects.filter(signal=part).exclude(status__in=["not_placed", "rejected"]).count() <= 1


def sent_at(signal):
    events = OrderEvent.objects.filter(order__signal__parent=signal, new_status="submitting")
    return sorted(events.values_list("at", flat=True))


def test_a_signal_in_twenty_slices_is_traded_to_the_lot_on_its_schedule(quick):
    signal = quick.submit(amount="1.23457", execution_method="twap", slices=20, horizon_s=6)
    wait_until(lambda: signal.parts.count() == 20)
    signal.refresh_from_db()
    planned = slices_of(signal)
    assert sum((part.amount for part in planned), D(0)) == D("1.23457")
    assert [part.due_at for part in planned] == sorted(part.due_at for part in planned)
    assert planned[-1].due_at < planned[0].due_at + timedelta(seconds=6)
    assert len({part.amount for part in planned}) > 5  # no pattern to be seen
    assert signal.expires_at > planned[-1].due_at

    ended = quick.final(signal, within_s=30)

    check_once_each(ended)
    assert (ended.status, ended.filled_amount) == ("filled", D("1.23457"))
    assert booked(quick, "binance") == D("1.23457")
    assert ended.decisions.get().method == "twap"
    early = [part for part in slices_of(ended) if part.orders.earliest("created_at").created_at < part.due_at]
    assert early == []


@pytest.mark.parametrize("drained", [True, False])
def test_a_schedule_survives_the_restart_of_its_worker(quick, started, drained, monkeypatch):
    if not drained:
        monkeypatch.setattr(loop.Executor, "_drain", lambda self: _nothing())
    signal = quick.submit(amount="2", execution_method="twap", slices=20, horizon_s=5)
    wait_until(lambda: signal.parts.filter(status="filled").count() >= 3)

    quick.executor.stop()
    left = signal.parts.exclude(status="filled").count()
    assert left > 5
    time.sleep(1.5)
    quick.executor = started()

    ended = quick.final(signal, within_s=40)
    check_once_each(ended)
    assert (ended.status, ended.filled_amount, booked(quick, "binance", "kraken")) == ("filled", D(2), D(2))


async def _nothing():
    """A worker that is killed waits for nothing."""


def test_a_halt_holds_slices_back_and_a_resume_makes_good_without_a_burst(quick):
    signal = quick.submit(amount="2", execution_method="twap", slices=20, horizon_s=8)
    wait_until(lambda: signal.parts.filter(status="filled").count() >= 3)
    switch(quick, TradingStatus.HALTED)
    time.sleep(1.0)
    halted = signal.parts.exclude(final_at=None).count()
    time.sleep(2.0)
    assert signal.parts.exclude(final_at=None).count() == halted
    waiting = signal.parts.filter(reason_code="TRADING_HALTED", status__in=["pending", "routing"])
    wait_until(waiting.exists)
    resumed = timezone.now()
    switch(quick, TradingStatus.ACTIVE)

    ended = quick.final(signal, within_s=40)

    check_once_each(ended)
    assert (ended.status, ended.filled_amount, booked(quick, "binance", "kraken")) == ("filled", D(2), D(2))
    after = [at for at in sent_at(ended) if at > resumed]
    gaps = [(later - earlier).total_seconds() for earlier, later in zip(after, after[1:], strict=False)]
    assert min(gaps) > 0.4 / 2 * 0.5  # an interval is 0.4 s: at most one extra slice in each


def test_overdue_slices_are_taken_one_at_a_time_and_no_faster_than_twice_the_pace(quick):
    quick.executor.stop()
    signal = quick.submit(amount="2", execution_method="twap", slices=10, horizon_s=100)
    quick.executor = None
    _plan(signal)
    Signal.objects.filter(parent=signal).update(due_at=timezone.now() - timedelta(seconds=50))

    first, again = claims.claim_slices(100), claims.claim_slices(100)

    assert (len(first), again) == (1, [])
    signal.refresh_from_db()
    assert 4 < (signal.paced_until - timezone.now()).total_seconds() <= 5
    Signal.objects.filter(pk=signal.pk).update(paced_until=timezone.now())
    (second,) = claims.claim_slices(100)
    assert [first[0].id, second.id] == [part.pk for part in slices_of(signal)][:2]


def _plan(signal):
    """Plan without an executor: ten slices of 0.2, ten seconds apart."""
    from execution.services.decisions import Decided, NewPart, store_decisions

    (claimed,) = claims.claim_signals(10)
    now = timezone.now()
    parts = tuple(NewPart("", D("0.2"), None, now + timedelta(seconds=10 * n)) for n in range(10))
    schedule = {"method": "twap", "interval_s": 10, "size": "0.2"}
    store_decisions([Decided(claimed, 1, parts=parts, schedule=schedule)], now=now, validity_s=1.0, check_after_s=4.0)


def test_slices_that_are_not_due_are_not_claimed(quick):
    quick.executor.stop()
    signal = quick.submit(amount="2", execution_method="twap", slices=10, horizon_s=100)
    _plan(signal)

    assert claims.claim_signals(100) == []
    assert [claimed.id for claimed in claims.claim_slices(100)] == [slices_of(signal)[0].pk]


def test_cancelling_a_schedule_stops_it_at_once_and_keeps_what_was_traded(quick):
    signal = quick.submit(amount="2", execution_method="twap", slices=20, horizon_s=30)
    wait_until(lambda: signal.parts.filter(status="filled").count() >= 2)

    cancel_signal(signal.pk, by=quick.user)

    ended = quick.final(signal)
    check_once_each(ended)
    assert (ended.status, ended.reason_code) == ("partial_fill", "CANCELLED_BY_CLIENT")
    assert ended.filled_amount == booked(quick, "binance") < D(2)
    assert not ended.parts.filter(final_at=None).exists()


def test_a_slice_that_fails_is_traded_at_the_end(quick):
    key, secret = f"binance-{quick.user.username}", "c2VjcmV0LW9mLWE="
    quick.simulator.control.upsert_account("binance", key, secret, {"USDT": "0"})
    signal = quick.submit(amount="1", execution_method="twap", slices=5, horizon_s=3)
    wait_until(lambda: signal.parts.filter(status="rejected").exists())
    quick.simulator.control.upsert_account("binance", key, secret, {"USDT": "1000000"})

    quick.final(signal, within_s=40)
    check_once_each(signal)
    assert (signal.status, signal.filled_amount, signal.attempt) == ("filled", D(1), 2)
    assert signal.parts.order_by("part").first().reason_code == "INSUFFICIENT_FUNDS"
    assert signal.parts.filter(part__gte=5).count() >= 1


def test_a_notional_over_time_is_never_overspent(quick):
    signal = settle(quick, notional="50000", execution_method="twap", slices=5, horizon_s=3)

    check_once_each(signal)
    assert signal.status == "filled"
    assert D(49500) <= signal.filled_notional <= D(50000)


def test_an_iceberg_shows_a_little_at_a_time_and_never_two(quick):
    signal = settle(quick, amount="1", execution_method="iceberg", display_amount="0.3")

    check_once_each(signal)
    parts = slices_of(signal)
    assert (signal.status, signal.filled_amount, booked(quick, "binance")) == ("filled", D(1), D(1))
    assert all(part.amount <= D("0.36") for part in parts)
    assert 3 <= len(parts) <= 5
    for earlier, later in zip(parts, parts[1:], strict=False):
        assert earlier.final_at <= later.orders.earliest("created_at").created_at


def test_an_iceberg_waits_for_a_slice_whose_fate_is_unknown(quick):
    quick.simulator.control.queue_fault("binance", "timeout_after")
    signal = quick.submit(amount="1", execution_method="iceberg", display_amount="0.3")
    wait_until(lambda: Order.objects.filter(signal__parent=signal, status="unknown").exists())
    assert signal.parts.count() == 1

    ended = quick.final(signal, within_s=40)

    check_once_each(ended)
    assert (ended.status, booked(quick, "binance")) == ("filled", D(1))


def test_large_signals_are_traded_over_time_where_policy_says_so(quick):
    RoutingSettings.objects.update(twap_above=D(10_000), twap_slices=4, twap_horizon_s=3)
    StrategyPolicy.objects.create(strategy_id="calm", exchange_id="binance", mode="live", execution_method="twap")

    assert settle(quick, amount="1").decisions.get().method == "twap"
    assert settle(quick, amount="0.1").decisions.get().method == "limit"
    assert settle(quick, amount="0.1", strategy_id="calm").decisions.get().method == "twap"
    for urgent in ("exit", "stop_loss"):
        assert settle(quick, amount="1", side="sell", signal_type=urgent).decisions.get().method == "market"
    asked = settle(quick, amount="1", order_type="limit", limit_price="50100", time_in_force="IOC")
    assert asked.decisions.get().method == "limit"


def test_the_size_limit_is_on_the_whole_not_on_its_slices(quick):
    quick.user.trading_permission.order_sizes.filter(currency="USDT").update(max_notional=20_000)
    snapshot.refresh()

    signal = settle(quick, amount="1", execution_method="twap", slices=20, horizon_s=20)

    assert (signal.status, signal.reason_code, signal.parts.count()) == ("denied", "ORDER_VALUE", 0)


def test_a_passive_order_rests_at_the_best_price_and_takes_the_rest_when_its_time_is_over(quick):
    signal = quick.submit(amount="1", execution_method="passive", horizon_s=3)
    wait_until(lambda: Order.objects.filter(signal__parent=signal, status="open").exists())
    resting = Order.objects.get(signal__parent=signal)
    assert (resting.price, resting.order_type, resting.amount) == (D(49990), "limit", D(1))
    assert resting.time_in_force in {"PO", "GTC"}

    ended = quick.final(signal, within_s=30)

    check_once_each(ended)
    assert (ended.status, ended.filled_amount, booked(quick, "binance")) == ("filled", D(1), D(1))
    rested, crossed = slices_of(ended)
    assert (rested.status, rested.reason_code, crossed.status) == ("cancelled", "NO_FILL", "filled")
    assert crossed.orders.get().created_at >= rested.final_at


def test_a_passive_order_that_meets_somebody_saves_the_spread(quick):
    signal = quick.submit(amount="1", execution_method="passive", horizon_s=60)
    wait_until(lambda: Order.objects.filter(signal__parent=signal, status="open").exists())

    quick.simulator.control.set_book("binance", "BTC/USDT", bids=[("49970", "40")], asks=[("49980", "40")])

    ended = quick.final(signal, within_s=30)
    check_once_each(ended)
    assert (ended.status, ended.filled_notional, ended.parts.count()) == ("filled", D(49990), 1)


def test_a_passive_order_does_not_wait_while_the_price_goes_away(quick):
    signal = quick.submit(amount="1", execution_method="passive", horizon_s=600)
    wait_until(lambda: Order.objects.filter(signal__parent=signal, status="open").exists())

    quick.simulator.control.set_book("binance", "BTC/USDT", bids=[("50400", "40")], asks=[("50420", "40")])

    ended = quick.final(signal, within_s=30)
    check_once_each(ended)
    assert (ended.status, ended.filled_amount) == ("filled", D(1))
    assert ended.parts.get(part=0).reason_code == "NO_FILL"
