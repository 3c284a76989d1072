"""The order of a chain: as listed, fastest first without flapping, own region first."""

import random
from dataclasses import replace

import pytest

from execution.domain.health import Check, Health, HealthStatus, after_check
from policies.domain.chains import put_in_order
from policies.domain.policy import ChainOrder, ChainOrdering
from tests.domain.builders import NOW

LISTED = ("binance", "bybit", "okx", "kucoin", "kraken", "firi")
REGIONS = {**dict.fromkeys(LISTED, "global"), "kraken": "eu", "firi": "eu"}
FASTEST = ChainOrder(ChainOrdering.FASTEST_FIRST)


def fastest(**latency: float) -> tuple[str, ...]:
    return put_in_order(LISTED, FASTEST, latency_ms=latency, regions=REGIONS)


def test_as_listed_nothing_moves():
    assert put_in_order(LISTED, ChainOrder(), latency_ms={"firi": 1.0}, regions=REGIONS) == LISTED


def test_fastest_first_leaves_the_primary_in_front_and_orders_the_rest():
    order = fastest(binance=900, bybit=200, okx=40, kucoin=120, kraken=300, firi=80)

    assert order == ("binance", "okx", "firi", "kucoin", "bybit", "kraken")


@pytest.mark.parametrize("okx", [100, 95, 81, 90.5])
def test_a_small_difference_is_no_reason_to_change_the_order(okx):
    assert fastest(bybit=100, okx=okx)[:3] == ("binance", "bybit", "okx")


def test_a_clear_difference_is():
    assert fastest(bybit=100, okx=79)[:3] == ("binance", "okx", "bybit")


def test_among_very_fast_ones_ten_milliseconds_are_nothing():
    assert fastest(bybit=12, okx=3)[:3] == ("binance", "bybit", "okx")
    assert fastest(bybit=14, okx=3)[:3] == ("binance", "okx", "bybit")


def test_what_was_never_measured_comes_last_as_listed():
    assert fastest(kraken=500) == ("binance", "kraken", "bybit", "okx", "kucoin", "firi")


def test_every_exchange_is_there_once_whatever_the_figures():
    chance = random.Random(7)
    for _ in range(500):
        latency = {slug: chance.uniform(1, 2000) for slug in LISTED if chance.random() < 0.8}
        order = fastest(**latency)
        assert order[0] == "binance"
        assert sorted(order) == sorted(LISTED)


def test_own_region_first_prefers_the_primarys_region_and_keeps_the_listed_order_within():
    chain = ("kraken", "binance", "bybit", "firi", "okx")

    order = put_in_order(chain, ChainOrder(ChainOrdering.OWN_REGION_FIRST), latency_ms={}, regions=REGIONS)

    assert order == ("kraken", "firi", "binance", "bybit", "okx")


def test_a_region_of_the_chain_beats_the_primarys():
    order = put_in_order(LISTED, ChainOrder(ChainOrdering.OWN_REGION_FIRST, "eu"), latency_ms={}, regions=REGIONS)

    assert order == ("binance", "kraken", "firi", "bybit", "okx", "kucoin")


def checked(health: Health, *latencies: float) -> Health:
    for latency in latencies:
        health = after_check(health, Check(NOW, ok=True, latency_ms=latency), degraded_above_ms=1000)
    return health


def test_the_settled_latency_does_not_follow_noise():
    health = checked(Health(HealthStatus.OK, NOW), 100)
    chance = random.Random(3)

    seen = set()
    for _ in range(200):
        health = checked(health, chance.uniform(85, 115))
        seen.add(health.settled_ms)

    assert seen == {100}
    assert health.latency_ewma_ms != 100


def test_the_settled_latency_follows_a_real_change_and_stays_there():
    health = checked(Health(HealthStatus.OK, NOW), 100, *[200] * 10)
    assert health.settled_ms == pytest.approx(200, rel=0.2)

    settled = health.settled_ms
    assert checked(health, *[settled * 0.9] * 20).settled_ms == settled


def test_two_exchanges_whose_averages_cross_all_the_time_change_places_not_once():
    """Around a threshold a rule without memory would change its mind at every check."""
    chance = random.Random(11)
    bybit, okx = checked(Health(HealthStatus.OK, NOW), 100), checked(Health(HealthStatus.OK, NOW), 80)

    orders = []
    for _ in range(300):
        bybit, okx = checked(bybit, chance.uniform(90, 110)), checked(okx, chance.uniform(72, 88))
        orders.append(fastest(bybit=bybit.settled_ms, okx=okx.settled_ms)[1])
    without_memory = {fastest(bybit=100 + drift, okx=80 - drift)[1] for drift in (-3, 3)}

    assert len(without_memory) == 2
    assert len(set(orders)) == 1


def test_a_failure_does_not_change_the_settled_latency():
    health = checked(Health(HealthStatus.OK, NOW), 100)

    failed = after_check(health, Check(NOW, ok=False, error="HTTP 503"), degraded_above_ms=1000)

    assert failed == replace(failed, settled_ms=100)
