"""Requirement 2 under its own names: its thirteen cases, and its examples as they are written there."""

from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.exceptions import ValidationError
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from execution.domain.breaker import BreakerState
from execution.models import ExchangeHealth, HealthSample
from execution.public import exchange_failover_policy as failover
from execution.public.exchange_failover_policy import (
    DEFAULT_FAILOVER_CHAIN,
    choose_exchange_with_failover,
    get_exchange_health,
    get_failover_chain,
    is_healthy,
    set_failover_chain,
)
from execution.public.exchange_policy import set_strategy_exchange_mapping
from execution.public.execution import (
    ExecutionConfig,
    build_execution_adapter,
    resolve_exchange_for_signal,
    resolve_exchange_with_failover,
)
from execution.selectors import facts
from execution.services import breakers, on_demand
from policies.domain.reasons import Denied
from policies.models import Exchange, FailoverStep, RoutingSettings
from policies.snapshot import refresh
from tests.admin import world
from tests.execution.conftest import Platform

SIX = ("binance", "bybit", "okx", "kucoin", "kraken", "firi")
NOBODY_LISTENS = "http://127.0.0.1:9"

choose = async_to_sync(choose_exchange_with_failover)
health_of = async_to_sync(get_exchange_health)


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
def exchanges(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """All healthy; calling it changes the stored health of one. No exchange can be reached from here."""
    monkeypatch.setitem(settings.ENV, "EXCHANGE_BASE_URLS", dict.fromkeys(SIX, NOBODY_LISTENS))
    facts.forget()
    for number, slug in enumerate(SIX):
        world.healthy(slug, 45.0 + 10 * number)

    def change(slug: str, latency: float = 55.0, **values: Any) -> None:
        world.healthy(slug, latency, **values)
        facts.refresh_facts()

    facts.refresh_facts()
    yield change
    facts.forget()


def test_get_failover_chain_configured(exchanges):
    for slug in SIX:
        assert get_failover_chain(slug) == DEFAULT_FAILOVER_CHAIN[slug]
    assert get_failover_chain("binance") == ("binance", "bybit", "okx", "kucoin", "kraken", "firi")
    assert get_failover_chain("firi") == ("firi", "binance", "kraken", "bybit", "okx", "kucoin")


def test_get_failover_chain_unconfigured(exchanges):
    assert get_failover_chain("mtgox") == ("mtgox",)


def test_set_failover_chain(exchanges):
    set_failover_chain(
        "binance",
        [
            "binance",  # Primary
            "bybit",  # Low latency
            "okx",  # Derivatives
            "kraken",  # Fiat access
        ],
    )

    assert get_failover_chain("binance") == ("binance", "bybit", "okx", "kraken")
    assert get_failover_chain("bybit") == DEFAULT_FAILOVER_CHAIN["bybit"]
    reasons = FailoverStep.history.filter(history_type="+").values_list("history_change_reason", flat=True)
    assert set(reasons) == {"Set with set_failover_chain."}


def test_is_healthy_ok():
    assert is_healthy({"status": "ok", "latency_ms": 45, "last_error": None})


def test_is_healthy_degraded():
    assert not is_healthy({"status": "degraded", "latency_ms": 1900, "last_error": "High latency"})


def test_is_healthy_down():
    assert not is_healthy({"status": "down", "latency_ms": None, "last_error": "HTTP 503"})
    assert not is_healthy({"status": "maintenance", "latency_ms": None, "last_error": None})
    assert not is_healthy({})


def test_choose_exchange_primary_healthy(exchanges):
    with capture_logs() as logs:
        assert choose("binance", "binance") == "binance"
    assert logs == []


def test_choose_exchange_primary_down_secondary_ok(exchanges):
    exchanges("binance", status="down", last_error="HTTP 503")
    before = count("exchange_failover_events_total", primary="binance", selected="bybit")

    with capture_logs() as logs:
        assert choose("binance", "binance") == "bybit"

    skipped, activated = logs
    assert skipped["event"] == "Exchange unhealthy, trying next in chain"
    assert (skipped["log_level"], skipped["exchange"], skipped["status"]) == ("debug", "binance", "EXCHANGE_DOWN")
    assert "HTTP 503" in skipped["error"]
    assert activated == {
        "event": "Failover activated - primary exchange unhealthy",
        "log_level": "warning",
        "primary": "binance",
        "selected": "bybit",
        "latency_ms": 55.0,
    }
    assert count("exchange_failover_events_total", primary="binance", selected="bybit") == before + 1


def test_choose_exchange_all_down(exchanges):
    for slug in SIX:
        exchanges(slug, status="down", last_error="HTTP 503")
    before = count("exchange_failover_failures_total", primary="firi", reason="all_down")

    with capture_logs() as logs:
        assert choose("firi", "binance") == "binance"

    assert logs[-1] == {
        "event": "All exchanges in failover chain are unhealthy",
        "log_level": "error",
        "primary": "firi",
        "chain": ["firi", "binance", "kraken", "bybit", "okx", "kucoin"],
        "fallback": "binance",
    }
    assert count("exchange_failover_failures_total", primary="firi", reason="all_down") == before + 1


def test_choose_exchange_health_check_exception(exchanges):
    """binance was never checked, and the check that is made now fails: the next one is taken."""
    ExchangeHealth.objects.filter(pk="binance").delete()
    facts.refresh_facts()

    assert choose("binance", "binance") == "bybit"

    assert HealthSample.objects.filter(exchange_id="binance", ok=False).count() == 1
    health = health_of("binance")
    assert health["status"] == "down"
    assert health["last_error"]


def test_choose_exchange_degraded_skipped(exchanges):
    exchanges("binance", status="down", last_error="HTTP 503")
    exchanges("bybit", 1900, status="degraded")

    assert choose("binance", "binance") == "okx"


def test_resolve_exchange_with_failover(exchanges):
    exchanges("binance", status="down", last_error="HTTP 503")

    resolve = async_to_sync(resolve_exchange_with_failover)

    assert resolve(primary_exchange="binance", default_exchange="binance") == "bybit"
    assert resolve("kraken") == "kraken"


def test_failover_with_strategy_routing(exchanges):
    set_strategy_exchange_mapping({"swing_eth": "kraken"})
    exchanges("kraken", status="down", last_error="HTTP 503")

    primary = resolve_exchange_for_signal(signal_exchange=None, strategy_id="swing_eth")
    final = async_to_sync(resolve_exchange_with_failover)(primary_exchange=primary, default_exchange="binance")

    assert (primary, final) == ("kraken", "binance")


# --- beyond the thirteen


def test_the_shape_of_a_health_check(exchanges):
    exchanges("binance", 45)
    assert health_of("binance") == {"status": "ok", "latency_ms": 45, "last_error": None}
    exchanges("okx", 1900, status="degraded")
    assert health_of("okx")["status"] == "degraded"
    assert "1900 ms on average" in health_of("okx")["last_error"]
    exchanges("kraken", status="maintenance")
    assert health_of("kraken")["status"] == "maintenance"


def test_what_is_unknown_or_switched_off_is_down_and_never_raises(exchanges):
    assert health_of("mtgox") == {
        "status": "down",
        "latency_ms": None,
        "last_error": "mtgox is not an enabled exchange.",
    }
    Exchange.objects.filter(pk="okx").update(enabled=False)
    refresh()
    assert health_of("okx")["status"] == "down"
    assert choose("okx", "binance") != "okx"
    assert choose("mtgox", "binance") == "binance"


def test_an_open_breaker_is_down_here_as_it_is_for_orders(exchanges):
    breakers.force("binance", BreakerState.OPEN, until=None, reason="A drill of ours.", by=None)
    facts.refresh_facts()

    assert health_of("binance")["status"] == "down"
    assert "A drill of ours." in health_of("binance")["last_error"]
    assert choose("binance", "binance") == "bybit"


def test_all_degraded_is_loud_too(exchanges):
    for slug in SIX:
        exchanges(slug, 1900, status="degraded")

    with capture_logs() as logs:
        assert choose("firi", "kraken") == "kraken"

    assert logs[-1]["event"] == "All exchanges in failover chain are unhealthy"


def test_without_a_default_of_its_own_the_settings_have_one_and_may_deny(exchanges):
    for slug in SIX:
        exchanges(slug, status="down", last_error="HTTP 503")
    assert choose("kraken") == "binance"
    RoutingSettings.objects.update(on_all_unhealthy="deny")
    refresh()

    with pytest.raises(Denied, match="All 6 exchanges of the chain are out"):
        choose("kraken", "binance")


@pytest.mark.parametrize(
    ("chain", "sentence"),
    [
        ([], "A chain needs at least one exchange."),
        (["kraken", "binance"], "The first step must be the primary, binance."),
        (["binance", "okx", "okx"], "okx is in the chain twice."),
        (["binance", "mtgox"], "mtgox is not an enabled exchange."),
    ],
)
def test_a_bad_chain_is_refused_with_a_sentence(exchanges, chain, sentence):
    with pytest.raises(ValidationError, match=sentence):
        set_failover_chain("binance", chain)
    assert get_failover_chain("binance") == DEFAULT_FAILOVER_CHAIN["binance"]


def test_the_installed_chains_are_those_of_the_requirement():
    assert {slug: failover.DEFAULT_FAILOVER_CHAIN[slug] for slug in SIX} == {
        "binance": ("binance", "bybit", "okx", "kucoin", "kraken", "firi"),
        "bybit": ("bybit", "okx", "binance", "kucoin", "kraken", "firi"),
        "okx": ("okx", "bybit", "binance", "kucoin", "kraken", "firi"),
        "kucoin": ("kucoin", "okx", "bybit", "binance", "kraken", "firi"),
        "kraken": ("kraken", "binance", "firi", "bybit", "okx", "kucoin"),
        "firi": ("firi", "binance", "kraken", "bybit", "okx", "kucoin"),
    }


def test_a_stale_sample_is_renewed_with_one_check_of_the_whole_chain(exchanges, simulator, monkeypatch):
    monkeypatch.setitem(settings.ENV, "EXCHANGE_BASE_URLS", simulator.base_urls)
    monkeypatch.setattr(on_demand, "PATIENCE_S", 10.0)  # a busy machine is not a slow exchange
    for slug in SIX:
        world.healthy(slug, status="unknown", checked_at=None)
    facts.refresh_facts()

    assert choose("binance", "kraken") == "binance"

    assert set(HealthSample.objects.filter(ok=True).values_list("exchange_id", flat=True)) == set(SIX)
    assert HealthSample.objects.count() == 6
    assert health_of("kraken")["status"] == "ok"
    assert HealthSample.objects.count() == 6, "a fresh sample is not renewed"


def test_the_complete_flow_places_the_order_at_the_exchange_that_is_left(platform: Platform):
    world.healthy("binance", status="down", last_error="HTTP 503")
    set_failover_chain("binance", ["binance", "kraken"])
    facts.refresh_facts()

    async def flow() -> Any:
        final_exchange = await resolve_exchange_with_failover(primary_exchange="binance", default_exchange="binance")
        adapter = build_execution_adapter(ExecutionConfig(platform.user), exchange_override=final_exchange)
        return await adapter.place_order({"symbol": "BTC/USDT", "side": "buy", "amount": "0.01"})

    result = flow_result(flow)

    assert (result.status, result.exchange) == ("filled", "kraken")


def test_the_default_that_is_returned_with_everything_down_gets_no_order(platform: Platform):
    for slug in SIX:
        breakers.force(slug, BreakerState.OPEN, until=None, reason="A drill of ours.", by=None)
    facts.refresh_facts()

    async def flow() -> Any:
        final_exchange = await resolve_exchange_with_failover("kraken", "binance")
        assert final_exchange == "binance"
        return await final_order(platform, final_exchange)

    result = flow_result(flow)

    assert (result.status, result.reason_code) == ("denied", "NO_HEALTHY_EXCHANGE")
    assert platform.ledger("binance") == []


async def final_order(platform: Platform, exchange: str) -> Any:
    adapter = build_execution_adapter(ExecutionConfig(platform.user), exchange_override=exchange)
    return await adapter.place_order({"symbol": "BTC/USDT", "side": "buy", "amount": "0.01"})


def flow_result(flow: Any) -> Any:
    return async_to_sync(flow)()
