"""What the market traded while an order lived: real trades of a simulated exchange, real PostgreSQL."""

import asyncio
import signal
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.conf import settings
from django.utils import timezone
from redis import Redis

from execution.domain.orders import OrderType, Side, TimeInForce
from execution.domain.trade_tape import Bar, Mark, RecentTrades, named
from execution.exchanges.base import OrderRequest
from execution.exchanges.registry import AdapterPool
from execution.models import MarketBar, OrderCost
from execution.services import costs, housekeeping
from execution.services.costs.mids import no_mids
from execution.services.costs.vwap import GIVE_UP_AFTER
from execution.services.market_data.bars import stopped_tapes, store_bars
from execution.services.market_data.trades import TradeFeed, _next_in
from tests.admin import world
from tests.execution.test_market_data import Follower, listed, redis, until  # noqa: F401 - fixtures

SYMBOL = "BTC/USDT"
KEYS = {"api_key": "somebody", "secret": "c29tZWJvZHk="}
MINUTE = timedelta(minutes=1)


class Market:
    """Somebody else who trades, and a process that counts all trades. Its clock is ahead: minutes end at once."""

    def __init__(self, simulator, *exchanges):
        self.simulator = simulator
        self.exchanges = exchanges
        self.feeds = {}
        for slug in exchanges:
            simulator.control.upsert_account(slug, KEYS["api_key"], KEYS["secret"], {"USDT": "9000000", "BTC": "50"})

    def trade(self, slug, amount, price):
        """A purchase that takes from the book."""
        now = time.time()
        request = OrderRequest(
            uuid.uuid4().hex, SYMBOL, Side.BUY, OrderType.LIMIT, D(amount), D(price), TimeInForce.IOC, now, now + 5
        )
        self._run(lambda pool: pool.private(slug, KEYS).place(request))

    def follow(self, ahead_s=0.0):
        """Ask every exchange once about its trades, and write the minutes."""
        clock = lambda: time.time() + ahead_s  # noqa: E731

        async def ask(pool):
            for slug in self.exchanges:
                feed = TradeFeed(slug, pool.public(slug), clock)
                stopped = await asyncio.to_thread(_closing, stopped_tapes, {(slug, SYMBOL)}, timezone.now())
                feed.want([SYMBOL], stopped)
                assert await feed.ask_next()
                await asyncio.to_thread(_closing, store_bars, feed.take_changed())

        self._run(ask)

    def _run(self, work):
        async def run():
            pool = AdapterPool(base_urls=self.simulator.base_urls, timeout_s=5)
            try:
                return await work(pool)
            finally:
                await pool.close()

        return asyncio.run(run())


def _closing(function, *args):
    """In a thread of its own, whose connection ends with it."""
    from django.db import connection

    try:
        return function(*args)
    finally:
        connection.close()


def counted():
    """Trades, volume, notional by exchange."""
    found = {}
    for bar in MarketBar.objects.all():
        trades, volume, notional = found.get(bar.exchange_id, (0, 0, 0))
        found[bar.exchange_id] = (trades + bar.trades, volume + bar.volume, notional + bar.notional)
    return found


def ended(sender, at, **values):
    """An order whose minutes begin at `at`; it ended three seconds later."""
    over = at + timedelta(seconds=3)
    signal = world.make_signal(sender, received_at=at, final_at=over)
    return world.cost(
        world.make_order(signal, "filled", mode="live", submitted_at=at, final_at=over),
        **{"side": "buy", "average_price": D("100.07"), "filled_at": over, "vwap_why": "", **values},
    )


def bars(at, *rows):
    """Minutes of trades from `at` on: exchange, minutes later, notional, volume, and whether there is a gap."""
    for exchange, later, notional, volume, gap in rows:
        begins = at + later * MINUTE
        store_bars({
            (exchange, SYMBOL, int(begins.timestamp())): (
                Mark("1", begins.timestamp(), begins.timestamp() + 60),
                Bar(int(begins.timestamp()), D(volume), D(notional), 1, gap, begins.timestamp() + 60),
            )
        })  # fmt: skip


@pytest.fixture
def minute():
    """The beginning of a minute that has been over for a while."""
    return timezone.now().replace(second=0, microsecond=0) - 4 * MINUTE


@pytest.fixture
def sender(db):
    return world.trader()


def test_an_orders_price_is_compared_with_everybodys_trades_of_its_minutes(platform):
    market = Market(platform.simulator, "binance", "kraken")
    control = platform.simulator.control
    if time.time() % 60 > 50:
        time.sleep(60 - time.time() % 60)  # all of it in one minute
    control.set_book("kraken", SYMBOL, bids=[("49000", "1")], asks=[("50100", "9")])
    control.set_book("binance", SYMBOL, bids=[("49000", "1")], asks=[("50010", "1"), ("50030", "9")])
    market.trade("kraken", "2", "50100")
    market.trade("binance", "0.9", "50010")

    mine = platform.settle(amount="0.5")
    market.trade("binance", "0.6", "50030")

    # Ours was 0.1 @ 50010 and 0.4 @ 50030; it belongs to the market as well.
    notional = 2 * D(50100) + 1 * D(50010) + 1 * D(50030)
    market.follow(ahead_s=120)
    market.follow(ahead_s=121)
    assert counted()["binance"] == (4, 2, D(50010) + D(50030))
    costs.measure(mids=no_mids)
    assert costs.measure_vwap(timezone.now() + 2 * MINUTE) == 1
    row = OrderCost.objects.get(order__signal=mine)
    assert (row.average_price, row.vwap_exchanges, row.vwap_why) == (50_026, 2, "")
    assert row.interval_vwap == notional / 4
    assert row.vwap_bps == round((D(50_026) - notional / 4) / (notional / 4) * 10_000, 4)


def test_trades_that_are_told_again_to_a_process_that_starts_again_count_once(trading, simulator):
    market = Market(simulator, "binance")
    for _ in range(3):
        market.trade("binance", "0.25", "50010")
        market.follow()

    market.follow()
    market.trade("binance", "0.25", "50010")
    market.follow()

    assert counted() == {"binance": (4, 1, 50_010)}
    assert not MarketBar.objects.filter(gap=True).exists()


def test_an_answer_that_does_not_reach_back_leaves_a_gap_for_everybody_to_see(trading, simulator):
    market = Market(simulator, "bybit")
    simulator.control.set_book("bybit", SYMBOL, bids=[("49990", "5")], asks=[("50010", "50")])
    market.trade("bybit", "0.001", "50010")
    market.follow()
    for _ in range(61):
        market.trade("bybit", "0.001", "50010")
    market.follow()

    assert MarketBar.objects.filter(gap=True).exists()


@pytest.mark.parametrize(
    ("ages", "soonest", "latest"),
    [
        ([100 - n for n in range(60)], 0.4, 20.0),  # it slows down: the newest is 41 s old
        ([6 - n / 10 for n in range(60)], 2.0, 3.0),  # ten a second: two in five of them within 2.4 s
        ([0.06 - n / 1000 for n in range(60)], 0.5, 0.5),
        ([], 20.0, 20.0),
    ],
)
def test_a_busy_pair_is_asked_about_before_its_answer_would_be_all_new(ages, soonest, latest):
    now = 1_800_000_000.0
    told = named([(str(n), D(100), D(1), now - age) for n, age in enumerate(ages)])

    assert soonest <= _next_in(RecentTrades(told, 0.0), now) <= latest


def test_the_markets_price_is_the_mean_over_all_exchanges_and_minutes(sender, minute):
    bars(minute, ("binance", 0, "500.30", "5", False), ("binance", 1, "0", "0", False))
    bars(minute, ("kraken", 0, "300.18", "3", False), ("kraken", 1, "200.12", "2", False))
    row = ended(sender, minute + timedelta(seconds=58))
    sold = ended(sender, minute + timedelta(seconds=58), side="sell")

    assert costs.measure_vwap(timezone.now()) == 2

    row.refresh_from_db()
    sold.refresh_from_db()
    assert (row.interval_vwap, row.vwap_bps, row.vwap_exchanges) == (D("100.06"), D("0.9994"), 2)
    assert sold.vwap_bps == D("-0.9994")
    assert costs.measure_vwap(timezone.now()) == 0


@pytest.mark.parametrize(
    ("kraken", "why"),
    [
        ([("kraken", 0, "300", "3", True), ("kraken", 1, "200", "2", False)], "gap"),
        ([("kraken", 1, "200", "2", False)], "gap"),
        ([("kraken", 0, "300", "3", False)], "gap"),
    ],
)
def test_one_minute_of_one_exchange_that_is_missing_makes_it_unknown_in_the_end(sender, minute, kraken, why):
    bars(minute, ("binance", 0, "500", "5", False), ("binance", 1, "100", "1", False), *kraken)
    row = ended(sender, minute + timedelta(seconds=58))

    assert costs.measure_vwap(timezone.now()) == 0
    assert costs.measure_vwap(timezone.now() + GIVE_UP_AFTER) == 1

    row.refresh_from_db()
    assert (row.interval_vwap, row.vwap_bps, row.vwap_why) == (None, None, why)


def test_what_is_not_followed_or_not_traded_is_said_so(sender, minute):
    bars(minute, ("kraken", 0, "500", "5", False))
    elsewhere = ended(sender, minute)
    quiet = ended(sender, minute - MINUTE)
    bars(minute, ("binance", -1, "0", "0", False))

    costs.measure_vwap(timezone.now() + GIVE_UP_AFTER)

    elsewhere.refresh_from_db()
    quiet.refresh_from_db()
    assert (elsewhere.vwap_why, quiet.vwap_why) == ("not_followed", "no_trades")


def test_a_minute_that_is_not_over_is_waited_for(sender, minute):
    now = timezone.now().replace(second=30)
    ended(sender, now - timedelta(seconds=5))

    assert costs.measure_vwap(now) == 0
    assert OrderCost.objects.get().vwap_why == ""


def test_it_is_kept_when_costs_are_worked_out_again_and_made_anew_for_another_last_fill(platform):
    market = Market(platform.simulator, "binance")
    platform.settle(amount="0.5")
    market.follow(ahead_s=120)
    costs.measure(mids=no_mids)
    costs.measure_vwap(timezone.now() + 2 * MINUTE)

    list(costs.rebuild(timezone.now() - timedelta(hours=1)))
    kept = OrderCost.objects.get()
    assert (kept.interval_vwap, kept.vwap_bps) == (50_010, 0)

    OrderCost.objects.update(filled_at=timezone.now() - MINUTE)  # as if the last fill had come only now
    list(costs.rebuild(timezone.now() - timedelta(hours=1)))
    assert OrderCost.objects.get().interval_vwap is None


def test_minutes_of_trades_are_dropped_after_a_day(sender, minute):
    bars(minute, ("binance", 0, "1", "1", False), ("binance", -25 * 60, "1", "1", False))

    housekeeping.prune()

    assert [bar.minute for bar in MarketBar.objects.all()] == [minute]


@pytest.fixture
def process(listed, redis: Redis, simulator) -> Iterator:  # noqa: F811
    """Starts market data processes; they end with the test."""
    running = []

    def start():
        running.append(Follower(simulator, settings.REDIS_URL))
        return running[-1]

    yield start
    for follower in running:
        follower.process.kill()
        follower.process.wait(10)


def test_the_process_counts_every_trade_once_though_it_is_killed(process, simulator):
    market = Market(simulator, "binance")
    market.trade("binance", "0.5", "50010")
    first = process()
    until(lambda: counted().get("binance", (0,))[0] == 1, 40, "the first trade")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(10)

    market.trade("binance", "0.25", "50010")
    process()

    until(lambda: counted()["binance"][0] == 2, 40, "the second trade")
    assert counted()["binance"] == (2, D("0.75"), D("0.75") * 50_010)
    assert MarketBar.objects.filter(exchange_id="binance", gap=False, seen_to__gt=datetime(2020, 1, 1, tzinfo=UTC))
