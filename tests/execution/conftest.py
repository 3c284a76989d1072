"""A platform in miniature: real PostgreSQL, the real executor in a thread, the simulator in a process."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal as D
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from redis import Redis

from execution.api.signal_input import parse_signal
from execution.domain.orders import SIGNAL_FINAL
from execution.models import AccountBalance, BalanceCheck, ExchangeHealth, Order, Signal
from execution.selectors import facts
from execution.services import housekeeping
from execution.services.budgets.budgets import PREFIX
from execution.services.executor import Executor, ExecutorOptions, loop
from execution.services.executor.checker import CheckOptions
from execution.services.intake import Receipt, store_signals
from execution.services.reconcile import balances
from execution.simulator.process import RunningSimulator, running_simulator
from policies import snapshot
from policies.domain.policy import Mode
from policies.models import Exchange, OrderSizeLimit, RoutingStrategy, TradingPermission
from policies.services import store_credential
from tests import coinbase_keys

BALANCES = {
    "binance": {"USDT": "1000000", "BTC": "10"},
    "kraken": {"USDT": "1000000", "USD": "1000000", "BTC": "10"},
    "firi": {"NOK": "10000000", "BTC": "10"},
}
BOOKS = {
    ("binance", "BTC/USDT"): (["49990", "5"], ["50010", "5"]),
    ("kraken", "BTC/USDT"): (["49980", "5"], ["50020", "5"]),
    ("firi", "BTC/NOK"): (["500000", "5"], ["510000", "5"]),
}


@pytest.fixture(scope="session")
def simulator_process() -> Iterator[RunningSimulator]:
    with running_simulator(seed=5, tick_ms=0, hold_ms=3000, late_ms=100) as running:
        yield running


@pytest.fixture
def simulator(simulator_process: RunningSimulator) -> RunningSimulator:
    """A simulator as if just started, with exact books that stand still, and nothing counted against its limits."""
    forget_budgets()
    simulator_process.control.reset(5)
    for (exchange, symbol), (bid, ask) in BOOKS.items():
        simulator_process.control.set_book(exchange, symbol, bids=[tuple(bid)], asks=[tuple(ask)])
    return simulator_process


def forget_budgets() -> None:
    """Drop counted requests and bans of earlier tests."""
    with Redis.from_url(settings.REDIS_URL) as redis:
        names = list(redis.scan_iter(f"{PREFIX}:*"))
        if names:
            redis.delete(*names)


def options(simulator: RunningSimulator, **changes: Any) -> ExecutorOptions:
    """Quick look-ups: a test must not wait ten seconds for a conclusion.

    An answer and a claimed order have time enough for a busy machine, and no more: tests wait for these to pass.
    """
    checks = CheckOptions(0.15, 3, attention_after_s=60, window_margin_s=0.2, emulated_ioc_s=0.3)
    basic = {
        "base_urls": simulator.base_urls,
        "redis_url": settings.REDIS_URL,
        "rate_limit_share": 1000.0,
        "timeout_s": 1.5,
        "validity_s": 2.0,
        "checks": checks,
        "batch": 100,
        "max_in_flight": 200,
    }
    return ExecutorOptions(**{**basic, **changes})


def add_trader(simulator: RunningSimulator, name: str = "algo1", exchanges: tuple[str, ...] = tuple(BALANCES)) -> User:
    """A user who may trade everything, with live keys and money at the given exchanges."""
    user = User.objects.create_user(name)
    permission = TradingPermission.objects.create(user=user)
    for currency in ("USDT", "USD", "NOK"):
        OrderSizeLimit.objects.create(permission=permission, currency=currency, max_notional=2_000_000)
    for exchange in exchanges:
        add_keys(simulator, user, exchange)
    return user


def add_keys(simulator: RunningSimulator, user: User, exchange: str, *, known: bool = True) -> None:
    """Live keys of a user; with `known` False the exchange does not know them."""
    secrets = {"api_key": f"{exchange}-{user.username}", "secret": "c2VjcmV0LW9mLWE="}
    if exchange == "firi":
        secrets["client_id"] = user.username
    if exchange in {"okx", "kucoin"}:
        secrets["passphrase"] = "a passphrase"
    if exchange == "coinbase":
        secrets = {"api_key": coinbase_keys.API_KEY, "secret": coinbase_keys.SECRET}
    if known:  # before the platform knows the keys: it asks about new ones at once
        simulator.control.upsert_account(
            exchange,
            secrets["api_key"],
            secrets["secret"],
            BALANCES[exchange],
            client_id=user.username,
            passphrase=secrets.get("passphrase", ""),
        )
    store_credential(user=user, exchange=exchange, mode=Mode.LIVE, secrets=secrets, by=None)


def read_markets(executor: Executor, within_s: float = 60) -> None:
    """Read the pairs of the exchanges in BALANCES; on a busy machine one may answer only when asked again."""
    deadline = time.monotonic() + within_s
    while missing := BALANCES.keys() - _listed():
        assert time.monotonic() < deadline, f"no pairs of {missing} within {within_s} s"
        housekeeping.refresh_markets(executor, snapshot.refresh())


def _listed() -> set[str]:
    return set(ExchangeHealth.objects.exclude(markets_refreshed_at=None).values_list("exchange_id", flat=True))


@dataclass
class Platform:
    """What a test drives."""

    simulator: RunningSimulator
    user: User
    executor: Executor
    sent: int = field(default=0)

    def submit(self, user: User | None = None, **body: Any) -> Signal:
        """Store a signal as the API does, and wake the executor."""
        self.sent += 1
        snapshot.refresh()  # what the test just changed is in force at once, not within the second
        receipt = self.store({"id": f"s{self.sent}", "symbol": "BTC/USDT", "side": "buy", **body}, user=user)
        self.executor.wake()
        return Signal.objects.get(pk=receipt.signal_id)

    def store(self, body: dict[str, Any], *, user: User | None = None) -> Receipt:
        """Store only."""
        (receipt,) = store_signals(
            [parse_signal(body)], user_id=(user or self.user).pk, token_id=None, now=timezone.now(), max_age_s=300
        )
        return receipt

    def final(self, signal: Signal, within_s: float = 30) -> Signal:
        """The signal once it has ended."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            signal.refresh_from_db()
            if signal.status in SIGNAL_FINAL:
                return signal
            time.sleep(0.02)
        orders = list(signal.orders.values_list("exchange_id", "status", "reason_detail"))
        raise AssertionError(f"still {signal.status} after {within_s} s: {orders}")

    def settle(self, user: User | None = None, **body: Any) -> Signal:
        """Submit and wait for the end."""
        return self.final(self.submit(user, **body))

    def wait_for(self, signal: Signal, status: str, within_s: float = 30) -> Order:
        """The signal's newest order once it has this status."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            order = signal.orders.order_by("-attempt").first()
            if order is not None and order.status == status:
                return order
            time.sleep(0.02)
        raise AssertionError(f"no order {status} within {within_s} s: {list(signal.orders.values())}")

    def poll_health(self) -> None:
        """Check all exchanges now."""
        housekeeping.poll_health(self.executor, snapshot.refresh())
        facts.refresh_facts()

    def prepare(self, within_s: float = 60) -> None:
        """Read the pairs of the exchanges in BALANCES, and check these until all are well.

        On a busy machine one may answer only when asked again.
        """
        read_markets(self.executor)
        self.poll_health()
        deadline = time.monotonic() + within_s
        while ill := BALANCES.keys() - set(ExchangeHealth.objects.filter(status="ok").values_list("pk", flat=True)):
            assert time.monotonic() < deadline, f"{ill} not healthy within {within_s} s"
            self.executor.submit(self.executor.duties.poll(ill)).result(within_s)
        facts.refresh_facts()

    def ledger(self, exchange: str = "binance") -> list[dict[str, Any]]:
        """What was really placed."""
        return self.simulator.control.ledger(exchange)


@pytest.fixture
def trading(transactional_db: None, simulator: RunningSimulator) -> User:
    """Live exchanges (three with adapters) and one trader."""
    # A busy machine is no slow exchange.
    Exchange.objects.update(mode="live", health_interval_s=2, stale_after_s=600, degraded_above_ms=30_000)
    return add_trader(simulator)


@pytest.fixture
def started(trading: User, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Starts executors; stops them all at the end."""
    monkeypatch.setattr(loop, "SWEEP_INTERVAL_S", 0.1)
    running: list[Executor] = []

    def start(**changes: Any) -> Executor:
        executor = Executor(options(simulator, **changes))
        executor.start()
        running.append(executor)
        return executor

    yield start
    for executor in running:
        executor.stop()


@pytest.fixture
def platform(trading: User, simulator: RunningSimulator, started: Any) -> Platform:
    """Everything up: markets known, exchanges healthy, one executor."""
    executor = started()
    platform = Platform(simulator, trading, executor)
    platform.prepare()
    return platform


SIX = ("binance", "bybit", "okx", "kucoin", "kraken", "coinbase")
ASKS = {"binance": "50010", "bybit": "50012", "okx": "50011", "kucoin": "50014", "kraken": "50020", "coinbase": "50013"}


def wait_for_balances(platform: Platform, exchanges: tuple[str, ...]) -> None:
    """Until every account's money was told once."""
    balances.introduce()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        known = set(AccountBalance.objects.filter(user=platform.user).values_list("exchange_id", flat=True))
        if known >= set(exchanges):
            return
        # The executor may meet new keys before it knows of them; the next try would be half a minute later.
        BalanceCheck.objects.exclude(last_error="").update(next_at=timezone.now())
        time.sleep(0.1)
    raise AssertionError(f"balances of {set(exchanges) - known} are not known")


@pytest.fixture
def six(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """Six exchanges with keys, money and books that differ by a little; the same fee everywhere."""
    for slug in SIX:
        if slug not in BALANCES:
            monkeypatch.setitem(BALANCES, slug, {"USDT": "1000000", "BTC": "10"})
            add_keys(platform.simulator, platform.user, slug)
        ask = D(ASKS[slug])
        platform.simulator.control.set_book(
            slug, "BTC/USDT", bids=[(str(ask - 20), "5")], asks=[(str(ask), "2"), (str(ask + 5), "2")]
        )
    Exchange.objects.update(taker_fee_bps=10)
    RoutingStrategy.objects.update(max_latency_ms=None)  # a busy machine is no slow exchange
    housekeeping.refresh_markets(platform.executor, snapshot.refresh(), force=True)
    platform.poll_health()
    facts.refresh_facts()
    wait_for_balances(platform, SIX)
    return platform
