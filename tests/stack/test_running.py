"""Promises about the running platform: policy live within a second, long polls, metrics, logs without secrets."""

import time
import urllib.request

import pytest

from execution.models import Order, Signal
from policies.domain.policy import Scope, TradingStatus
from policies.models import StrategyPolicy
from policies.services import set_trading_state
from routing_platform.local import paths

pytestmark = pytest.mark.stack
ROUTE = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.01"}


def until(condition, within_s):
    """Seconds until it held."""
    began = time.monotonic()
    while time.monotonic() - began < within_s:
        if condition():
            return time.monotonic() - began
        time.sleep(0.02)
    raise AssertionError(f"not within {within_s} s")


def usable(client, exchange):
    """Whether new orders go there."""
    return {row["exchange"]: row["usable"] for row in client.get("/api/exchanges/status").body}[exchange]


def test_the_running_platform_keeps_its_promises(stack, traders):
    trader = traders.all[0]
    client = trader.client(stack)

    executed = client.post("/api/execute", {**ROUTE, "exchange": "kraken"}, key="e1")
    assert (executed.status, executed.body["status"], executed.body["exchange"]) == (200, "filled", "kraken")

    # A long poll answers when the end comes, not when its time is over.
    signal = client.post("/api/signals", ROUTE, key="s1").body["id"]
    began = time.monotonic()
    body = client.get(f"/api/signals/{signal}?wait=20").body
    assert body["status"] == "filled"
    assert time.monotonic() - began < 10

    # A mapping made by whatever means is in force in every web process and the worker within a second.
    StrategyPolicy.objects.create(strategy_id="scalper", exchange_id="kraken", mode="live")
    assert until(lambda: client.post("/api/route", {**ROUTE, "strategy_id": "scalper"}).body["source"] == "policy", 1.0)

    # A halt too: nothing that comes a second later leaves.
    set_trading_state(scope=Scope.GLOBAL, target="", status=TradingStatus.HALTED, reason="drill", by=trader.user)
    until(lambda: client.post("/api/route", ROUTE).body["code"] == "TRADING_HALTED", 1.0)
    time.sleep(0.5)
    orders = Order.objects.count()
    halted = client.post("/api/execute", ROUTE, key="h1").body
    assert (halted["status"], halted["reason_code"]) == ("denied", "TRADING_HALTED")
    assert Order.objects.count() == orders
    set_trading_state(
        scope=Scope.GLOBAL, target="", status=TradingStatus.ACTIVE, reason="the drill is over", by=trader.user
    )
    time.sleep(1.0)

    # An outage is noticed and passed over.
    stack.simulator.control.configure("binance", down=True)
    until(lambda: not usable(client, "binance"), 8)
    time.sleep(1.0)  # known in every process
    assert client.post("/api/route", ROUTE).body["exchange"] == "kraken"
    moved = client.post("/api/execute", ROUTE, key="f1").body
    assert (moved["status"], moved["exchange"]) == ("filled", "kraken"), moved["reason_detail"]
    stack.simulator.control.configure("binance", down=False)

    # Bad input leaves nothing behind, over the real server as well.
    before = Signal.objects.count()
    assert client.post("/api/signals", {**ROUTE, "details": "x" * 2_000_000}, key="big").status == 413
    assert client.post("/api/signals", {**ROUTE, "amount": "1e400"}, key="inf").status == 400
    assert Signal.objects.count() == before

    for path in ("/health", "/ready"):
        with urllib.request.urlopen(stack.url + path) as answer:
            assert answer.status == 200
    with urllib.request.urlopen(f"{stack.url}/metrics") as answer:
        text = answer.read().decode()
    assert "signals_accepted_total 4.0" in text  # counted over all web processes
    assert 'exchange_up{exchange="kraken"} 1.0' in text

    # Nothing secret in any log, and every line is JSON.
    stored = {value for row in trader.user.exchange_credentials.all() for value in _secrets(row)}
    for name in ("web", "worker1", "beat"):
        log = (paths.LOG_DIR / f"{name}.log").read_text()
        assert not [secret for secret in (*stored, trader.token) if secret in log]


def _secrets(row):
    from policies.services import read_secrets

    return [value for value in read_secrets(row).values() if len(value) > 12]
