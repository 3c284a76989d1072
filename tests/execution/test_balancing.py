"""Balanced strategies and the end of a chain, under a real executor."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from execution.domain.breaker import BreakerState
from execution.models import Order, Signal
from execution.selectors import facts
from execution.services import breakers
from policies import snapshot
from policies.models import Exchange, RoutingSettings, StrategyPolicy
from policies.services import set_chain
from tests.execution.conftest import BALANCES, Platform, add_keys

METHODS = ["round_robin", "least_loaded", "weighted", "adaptive"]


@pytest.fixture
def three(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """A third exchange with keys and a book, so that two can fail."""
    monkeypatch.setitem(BALANCES, "bybit", {"USDT": "1000000", "BTC": "10"})
    add_keys(platform.simulator, platform.user, "bybit")
    platform.simulator.control.set_book("bybit", "BTC/USDT", bids=[("49985", "5")], asks=[("50015", "5")])
    platform.prepare()
    return platform


def strategy(method: str, **over: int) -> None:
    StrategyPolicy.objects.create(
        strategy_id="spread", exchange_id="binance", mode="live", route_by=method, balanced_over=over
    )
    snapshot.refresh()


def ends(platform: Platform, signals: list[Signal]) -> Counter[str]:
    done = [platform.final(signal, within_s=30) for signal in signals]
    assert {signal.status for signal in done} == {"filled"}, [(s.status, s.reason_detail) for s in done]
    return Counter(signal.exchange_id for signal in done)


def send(platform: Platform, count: int) -> list[Signal]:
    return [platform.submit(amount="0.01", strategy_id="spread") for _ in range(count)]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("round_robin", {"binance": 10, "kraken": 10, "bybit": 10}),
        ("weighted", {"binance": 18, "kraken": 6, "bybit": 6}),
    ],
)
def test_signals_are_spread_exactly_where_only_turns_and_weights_count(three, method, expected):
    strategy(method, binance=3, kraken=1, bybit=1)

    for slug in expected:  # clients, pairs and books are there before it counts
        three.settle(amount="0.01", exchange=slug)

    assert ends(three, send(three, 30)) == expected


@pytest.mark.parametrize("method", ["least_loaded", "adaptive"])
def test_a_slow_exchange_gets_less(three, method):
    three.simulator.control.configure("kraken", latency_ms=350)
    strategy(method, binance=1, kraken=1, bybit=1)

    first = ends(three, send(three, 12))
    later = ends(three, send(three, 40))

    assert sum(first.values()) == 12
    assert later["kraken"] < min(later["binance"], later["bybit"])


def test_the_decision_tells_source_method_and_figures(three):
    strategy("adaptive", binance=1, kraken=2)

    (signal,) = send(three, 1)
    ends(three, [signal])

    made = signal.decisions.get()
    assert (made.source, made.ordering, made.primary) == ("smart", "adaptive", made.exchange)
    figures = {row["exchange"]: row.get("inputs") for row in made.candidates}
    assert figures["kraken"]["weight"] == 2
    assert figures["kraken"].keys() >= {"turn", "in_flight", "latency_ms"}
    assert figures["binance"]["in_flight"] == 0


@pytest.mark.parametrize("method", METHODS)
def test_an_exchange_that_is_out_gets_nothing(three, method):
    breakers.force("binance", BreakerState.OPEN, until=None, reason="A drill of ours.", by=None)
    facts.refresh_facts()
    strategy(method, binance=5, kraken=1, bybit=1)

    assert set(ends(three, send(three, 8))) == {"kraken", "bybit"}
    assert three.ledger("binance") == []


def most_at_once(exchange: str) -> int:
    """The most orders that were sent there and not answered at one time."""
    moves: list[tuple[object, int]] = []
    for order in Order.objects.filter(exchange_id=exchange, submitted_at__isnull=False):
        moves += [(order.submitted_at, 1), (order.acked_at or order.submitted_at, -1)]
    now = most = 0
    for _, change in sorted(moves, key=lambda move: (move[0], move[1])):
        now += change
        most = max(most, now)
    return most


@pytest.mark.parametrize("method", METHODS)
def test_when_two_of_three_fail_together_the_last_gets_no_more_than_its_room_and_all_are_served(three, method):
    Exchange.objects.filter(pk="bybit").update(max_in_flight=3)
    three.simulator.control.configure("bybit", latency_ms=60)
    strategy(method, binance=1, kraken=1, bybit=1)
    for slug in ("binance", "kraken"):
        three.simulator.control.queue_fault(slug, "disconnect_before", count=100)

    assert ends(three, send(three, 40)) == {"bybit": 40}

    assert most_at_once("bybit") <= 3
    assert Signal.objects.filter(attempt__gt=1).exists(), "some were tried at those that failed"


# --- the end of a chain


@pytest.fixture
def short_chain(platform: Platform) -> Platform:
    """binance alone in its chain; kraken lists the pair too."""
    set_chain("binance", ["binance"], reason="a chain of one", by=None)
    return platform


def test_beyond_the_chain_an_order_finds_another_exchange_where_policy_says_so(short_chain):
    RoutingSettings.objects.update(beyond_chain="always")
    short_chain.simulator.control.queue_fault("binance", "disconnect_before", count=1)

    signal = short_chain.settle(amount="0.01")

    assert (signal.status, signal.exchange_id, signal.attempt) == ("filled", "kraken", 2)
    second = signal.decisions.get(attempt=2)
    assert second.warning == "No exchange of the chain can take it; sent to kraken, which is not in it."
    assert (second.primary, len(short_chain.ledger("binance"))) == ("binance", 0)


def test_a_signal_that_nothing_can_take_any_more_fails_with_every_exchange_and_its_reason(platform):
    set_chain("binance", ["binance", "kraken", "firi"], reason="three of them", by=None)
    for slug in ("binance", "kraken"):
        platform.simulator.control.queue_fault(slug, "disconnect_before", count=1)

    signal = platform.settle(amount="0.01")

    assert (signal.status, signal.reason_code, signal.attempt) == ("failed", "NO_ELIGIBLE_EXCHANGE", 2)
    for word in ("binance ALREADY_TRIED (NOT_PLACED: ", "kraken ALREADY_TRIED (", "firi PAIR_NOT_LISTED"):
        assert word in signal.reason_detail
    assert signal.reason_detail.endswith("Nothing more was sent.")
    last = signal.decisions.order_by("-attempt").first()
    assert "NOT_PLACED" in last.candidates[0]["detail"]


def test_a_signal_that_waits_for_room_expires_rather_than_running_over(three):
    """All are full of orders that nobody answers: what waits ends on time."""
    Exchange.objects.filter(pk__in=["binance", "kraken", "bybit"]).update(max_in_flight=1)
    strategy("round_robin", binance=1, kraken=1, bybit=1)
    for slug in ("binance", "kraken", "bybit"):
        three.simulator.control.configure(slug, latency_ms=250)
    soon = (timezone.now() + timedelta(seconds=1.5)).isoformat()

    signals = [three.submit(amount="0.01", strategy_id="spread", expires_at=soon) for _ in range(30)]
    statuses = Counter(three.final(signal, within_s=30).status for signal in signals)

    assert set(statuses) == {"filled", "expired"}
    assert max(most_at_once(slug) for slug in ("binance", "kraken", "bybit")) == 1
