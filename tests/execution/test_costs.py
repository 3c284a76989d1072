"""Rows of costs: computed once, whatever happens, and again when asked."""

import time
from datetime import timedelta
from decimal import Decimal as D
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone
from redis import Redis

from execution.domain import shared_book
from execution.models import Fill, Order, OrderCost
from execution.services import costs, housekeeping
from execution.services.costs.mids import mids_now
from tests.admin import world

MID, LATER = D(50_000), D(50_020)


@pytest.fixture
def sender(db):
    return world.trader()


def ended(sender, *fills, ago_s=5.0, amount="0.2", side="buy", **order):
    """An order that ended with these fills: price, amount, fee, asset."""
    at = timezone.now() - timedelta(seconds=ago_s)
    signal = world.make_signal(sender, side=side, received_at=at - timedelta(seconds=1), final_at=at)
    filled = sum(D(fill[1]) for fill in fills)
    row = world.make_order(
        signal, "cancelled", **{
            "mode": "live", "amount": D(amount), "filled_amount": filled, "arrival_mid": MID,
            "filled_notional": sum(D(price) * D(size) for price, size, *_ in fills), "final_at": at,
            "submitted_at": at - timedelta(milliseconds=300), "maker_rate": D("0.001"), "taker_rate": D("0.001"),
            **order,
        },
    )  # fmt: skip
    for number, (price, size, fee, asset) in enumerate(fills):
        Fill.objects.create(
            order=row, trade_id=str(number), at=at - timedelta(milliseconds=100), price=D(price), amount=D(size),
            fee=D(fee), fee_asset=asset, maker=False,
        )  # fmt: skip
    return row


def mids(**prices):
    """What the shared books say: pair -> mid, at binance."""
    return lambda symbols: {
        ("binance", s): prices[s.replace("/", "_")] for s in symbols if s.replace("/", "_") in prices
    }


def test_an_orders_costs_from_its_fills_and_the_mids_at_its_ends(sender):
    order = ended(sender, ("50010", "0.06", "3.0006", "USDT"), ("50030", "0.04", "0.00004", "BTC"))

    assert costs.measure(mids=mids(BTC_USDT=LATER)) == 1

    row = OrderCost.objects.get()
    assert (row.order_id, row.exchange_id, row.strategy_id, row.quote) == (order.pk, "binance", "scalper_btc", "USDT")
    assert (row.average_price, row.fill_rate, row.fill_ms) == (D(50_018), D("0.5"), 200)
    assert (row.arrival_bps, row.spread_bps) == (D("3.6000"), D("7.2000"))
    assert (row.fees, row.expected_fees, row.fee_off) == (D("5.0018"), D("5.0018"), False)
    assert (row.execution_cost, row.opportunity_cost) == (D("1.8"), D(2))
    assert (row.shortfall, row.shortfall_bps) == (D("8.8018"), D("8.8018"))
    assert (row.reversion_bps, row.vwap_bps, row.regret_bps) == (None, None, None)


def test_measuring_again_changes_nothing_and_new_fills_are_seen(sender):
    order = ended(sender, ("50010", "0.1", "5", "USDT"))
    costs.measure(mids=mids(BTC_USDT=LATER))
    before = OrderCost.objects.values().get()

    assert costs.measure(mids=mids(BTC_USDT=D(1))) == 0
    assert OrderCost.objects.values().get() == before

    Fill.objects.create(
        order=order, trade_id="late", at=timezone.now(), price=50_030, amount=D("0.1"), fee=5, maker=False
    )
    Order.objects.filter(pk=order.pk).update(filled_amount=D("0.2"), filled_notional=D(10_004))
    assert costs.measure() == 1
    row = OrderCost.objects.get()
    assert (row.fill_rate, row.end_mid, row.fees) == (1, LATER, None)


def test_orders_without_a_fill_or_an_end_have_no_costs(sender):
    world.make_order(world.make_signal(sender), "cancelled")
    ended(sender, ("50010", "0.1", "5", "USDT"), final_at=None)

    assert costs.measure() == 0


def test_an_order_from_before_mids_were_kept_has_fees_and_no_slippage(sender):
    ended(sender, ("50010", "0.2", "10", "USDT"), arrival_mid=None, maker_rate=None, taker_rate=None)

    costs.measure()

    row = OrderCost.objects.get()
    assert (row.arrival_bps, row.shortfall_bps, row.fee_off, row.expected_fees) == (None, None, None, None)
    assert round(row.fees_bps, 2) == D("9.998") or row.fees_bps == D("9.9980")


def test_the_price_a_minute_later_is_sampled_in_time_or_stays_unknown(sender):
    in_time = ended(sender, ("50010", "0.2", "10", "USDT"), ago_s=65)
    too_late = ended(sender, ("50010", "0.2", "10", "USDT"), ago_s=80)
    too_early = ended(sender, ("50010", "0.2", "10", "USDT"), ago_s=55)
    costs.measure()

    assert costs.sample(mids=mids(BTC_USDT=D(50_000))) == 1
    assert costs.sample(mids=mids(BTC_USDT=D(40_000))) == 0

    rows = {row.order_id: row for row in OrderCost.objects.all()}
    assert (rows[in_time.pk].mid_after, rows[in_time.pk].reversion_bps) == (50_000, D("-1.9996"))
    assert rows[too_late.pk].mid_after is rows[too_early.pk].mid_after is None


def test_without_shared_books_nothing_is_sampled(sender):
    ended(sender, ("50010", "0.2", "10", "USDT"), ago_s=65)
    costs.measure()

    assert costs.sample() == 0
    assert OrderCost.objects.get().mid_after is None


def test_a_fee_in_a_third_asset_counts_at_the_price_of_that_moment_and_keeps_it(sender):
    ended(sender, ("50000", "0.2", "0.0125", "BNB"))
    ended(sender, ("50000", "0.2", "0.0125", "BNB"), ago_s=40)

    costs.measure(mids=mids(BTC_USDT=MID, BNB_USDT=D(600)))

    old, new = OrderCost.objects.order_by("at")
    assert (new.fees, new.fee_off, new.asset_prices) == (D("7.5"), True, {"BNB": "600"})
    assert (old.fees, old.fee_off, old.shortfall) == (None, None, None)
    list(costs.rebuild(timezone.now() - timedelta(hours=1)))
    assert OrderCost.objects.order_by("at").last().fees == D("7.5")


def test_a_fee_that_is_not_the_expected_one_is_flagged(sender):
    ended(sender, ("50000", "0.2", "15", "USDT"))

    costs.measure()

    row = OrderCost.objects.get()
    assert (row.fee_off, row.fees - row.expected_fees) == (True, 5)


def test_costs_are_rebuilt_by_a_command_which_keeps_what_was_sampled(sender):
    order = ended(sender, ("50010", "0.1", "5", "USDT"), ago_s=65)
    costs.measure()
    costs.sample(mids=mids(BTC_USDT=MID))
    OrderCost.objects.update(arrival_bps=1, reversion_bps=7, fees=None)
    out = StringIO()

    call_command("measure_costs", (order.final_at - timedelta(seconds=1)).isoformat(), stdout=out)

    row = OrderCost.objects.get()
    assert (row.arrival_bps, row.reversion_bps, row.fees, row.mid_after) == (D(2), D("-1.9996"), 5, MID)
    assert "Done: 1 orders." in out.getvalue()
    with pytest.raises(CommandError, match="no instant"):
        call_command("measure_costs", "yesterday")


def test_more_orders_than_one_batch_are_all_measured_and_rebuilt(sender, monkeypatch):
    monkeypatch.setattr(costs.measuring, "BATCH", 2)
    for number in range(5):
        ended(sender, ("50010", "0.1", "5", "USDT"), ago_s=5 + number)

    assert costs.measure() == 5
    assert list(costs.rebuild(timezone.now() - timedelta(minutes=1))) == [2, 4, 5]
    assert costs.measure() == 0


def test_an_order_that_was_chosen_by_comparing_has_its_regret(sender):
    order = ended(sender, ("50010", "0.2", "10", "USDT"))
    offers = [
        {"exchange": "binance", "fee": "0.001", "asks": [["50010", "1"]], "bids": []},
        {"exchange": "bybit", "fee": "0", "asks": [["50010", "1"]], "bids": []},
    ]
    world.decide(order.signal, explanation={"asked": {"side": "buy"}, "offers": offers})
    ended(sender, ("50010", "0.2", "10", "USDT"))

    costs.measure()

    assert OrderCost.objects.get(order=order).regret_bps == D("9.9980")
    assert OrderCost.objects.exclude(order=order).get().regret_bps is None


def test_mids_come_from_shared_books_that_are_fresh(db):
    now, levels = time.time(), {"bids": [["49990", "1"]], "asks": [["50010", "1"]]}
    with Redis.from_url(settings.REDIS_URL) as redis:
        for exchange, age in (("binance", 1), ("kraken", 6)):
            text = shared_book.encode(**levels, received_at=now - age, sequence=None, exchange_time=None)
            redis.set(shared_book.key_of(exchange, "BTC/USDT"), text, ex=10)

        found = mids_now({"BTC/USDT", "ETH/USDT"})

        redis.delete(*(shared_book.key_of(exchange, "BTC/USDT") for exchange in ("binance", "kraken")))
    assert found == {("binance", "BTC/USDT"): D(50_000)}


def test_an_executed_signal_has_its_costs_measured_by_the_schedule(platform):
    signal = platform.settle(amount="0.1")

    assert housekeeping.measure_costs() == 1

    row = OrderCost.objects.get(order__signal=signal)
    assert (row.arrival_mid, row.average_price, row.arrival_bps) == (50_000, 50_010, D(2))
    # Binance cuts the fee of a buy from what it brings in.
    assert (row.fees_bps, row.fee_off, row.fill_rate) == (D(10), False, 1)
    assert row.shortfall_bps == D("12.0020")
