"""Arbitrage asked for over the API, whose workers are killed at any moment of it: it ends, once, and all is known."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal as D

import pytest
from django.conf import settings
from django.utils import timezone
from redis import Redis

from execution.domain.orders import Side
from execution.domain.shared_book import encode, key_of
from execution.models import ArbitrageOpportunity, ArbitrageTrade, Order, Signal
from execution.services.reconcile import balances
from policies.models import Exchange, RoutingSettings, TradingPermission
from routing_platform.local import paths
from routing_platform.local.stack import Stack, commands
from tests.stack.conftest import differences, placed_ids
from tests.stack.test_running import until

pytestmark = pytest.mark.stack
SYMBOL, AMOUNT = "BTC/USDT", "0.01"
BOOKS = {"binance": ([("49990", "50")], [("50000", "50")]), "kraken": ([("50500", "50")], [("50700", "50")])}
KILL_AFTER_S = (0.1, 0.35, 0.6, 0.85)
"""The two orders take about 0.3 s each: before, during, between and after them."""


@pytest.fixture
def spare() -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Workers that were started later; ended with the test."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_trades_whose_workers_are_killed_end_once_and_all_is_known(stack, traders, spare):
    trader = traders.all[0]
    RoutingSettings.objects.update(arbitrage_enabled=True, arbitrage_book_max_age_s=10, arbitrage_max_notional=10_000)
    TradingPermission.objects.update(arbitrage=True)
    Exchange.objects.update(taker_fee_bps=10)
    for slug, (bids, asks) in BOOKS.items():
        stack.simulator.control.set_book(slug, SYMBOL, bids=bids, asks=asks)
        stack.simulator.control.configure(slug, latency_ms=250)
    balances.introduce()
    client = trader.client(stack)
    opportunity = an_opportunity()

    for number, pause_s in enumerate(KILL_AFTER_S):
        asked = {"opportunity_id": opportunity.pk, "idempotency_key": f"k{number}", "max_amount": AMOUNT}
        until(lambda asked=asked: begun(client, asked), 30)
        time.sleep(pause_s)
        for process in [stack.processes["worker1"], *spare]:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
        spare.append(a_worker(stack))
        until(
            lambda number=number: ArbitrageTrade.objects.filter(idempotency_key=f"k{number}", state="done").exists(), 60
        )
        assert client.post("/api/arbitrage/execute", asked).body["state"] == "done"

    assert ArbitrageTrade.objects.count() == len(KILL_AFTER_S)
    assert Signal.objects.count() == 2 * len(KILL_AFTER_S)
    ids = placed_ids(stack.simulator.control)
    assert len(ids) == len(set(ids)) == Order.objects.count() - Order.objects.filter(status="not_placed").count()
    assert differences(stack.simulator.control, 1) == []
    listed = client.get("/api/arbitrage/trades?state=done").body["results"]
    assert [trade["idempotency_key"] for trade in listed] == [f"k{n}" for n in reversed(range(len(KILL_AFTER_S)))]
    assert all(D(trade["profit"]) > 0 for trade in listed)


def an_opportunity() -> ArbitrageOpportunity:
    """As a scan would store it."""
    now = timezone.now()
    return ArbitrageOpportunity.objects.create(
        key=f"cross {SYMBOL} binance > kraken", kind="cross", symbol=SYMBOL, buy_exchange="binance",
        sell_exchange="kraken", currency="USDT", amount=D(1), cost=D(50050), profit=D("399.5"), profit_bps=D("79.8"),
        best_profit=D("399.5"), legs=[{"side": side.value} for side in Side], first_seen_at=now, last_seen_at=now,
    )  # fmt: skip


def begun(client, asked) -> bool:
    """Share fresh books and ask; until the platform is ready again it refuses, and the key stays free."""
    with Redis.from_url(settings.REDIS_URL) as redis:
        for slug, (bids, asks) in BOOKS.items():
            text = encode(bids, asks, received_at=time.time(), sequence=1, exchange_time=None)
            redis.set(key_of(slug, SYMBOL), text)
    answer = client.post("/api/arbitrage/execute", asked)
    assert answer.status in {202, 409}, answer.body
    return bool(answer.status == 202)


def a_worker(stack: Stack) -> "subprocess.Popen[bytes]":
    """One more."""
    command = commands(workers=1, beat=False)["worker1"]
    command = [sys.executable, *command[1:]]
    with (paths.LOG_DIR / "worker-spare.log").open("ab") as log:
        return subprocess.Popen(command, cwd=paths.BASE_DIR, env=dict(stack.environment), stdout=log, stderr=log)
