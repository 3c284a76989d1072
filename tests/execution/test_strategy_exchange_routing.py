"""Requirement 1 under its own names: its eleven cases, and its examples as they are written there."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ValidationError
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from execution.public import exchange_policy
from execution.public.exchange_policy import (
    get_exchange_for_strategy,
    set_strategy_exchange_mapping,
    validate_exchange_name,
)
from execution.public.execution import (
    ExecutionAdapter,
    ExecutionConfig,
    build_execution_adapter,
    resolve_exchange_for_signal,
)
from policies.domain.reasons import Denied
from policies.models import Exchange, RoutingSettings, StrategyPolicy
from policies.snapshot import refresh
from tests.execution.conftest import Platform


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
def mapped(db: None) -> None:
    set_strategy_exchange_mapping({"scalper_btc": "okx", "swing_eth": "kraken"})


def test_get_exchange_for_strategy_with_mapping(mapped):
    assert get_exchange_for_strategy("scalper_btc") == "okx"
    assert get_exchange_for_strategy("swing_eth") == "kraken"


def test_get_exchange_for_strategy_without_mapping(mapped):
    assert get_exchange_for_strategy("nobody_mapped_this") == "binance"


def test_get_exchange_for_strategy_none(mapped):
    assert get_exchange_for_strategy(None) == "binance"
    assert get_exchange_for_strategy("") == "binance"


@pytest.mark.parametrize("name", ["binance", "bybit", "okx", "kucoin", "kraken", "firi"])
def test_validate_exchange_name_valid(db, name):
    with capture_logs() as logs:
        assert validate_exchange_name(name) == name
    assert logs == []


def test_validate_exchange_name_invalid(db):
    before = count("exchange_validation_failures_total", invalid_exchange="other")

    with capture_logs() as logs:
        assert validate_exchange_name("fake_exchange") == "binance"

    assert logs == [
        {
            "event": "Invalid exchange, using default",
            "log_level": "warning",
            "requested_exchange": "fake_exchange",
            "fallback_exchange": "binance",
        }
    ]
    assert count("exchange_validation_failures_total", invalid_exchange="other") == before + 1


def test_resolve_exchange_for_signal_explicit_override(mapped):
    before = count("exchange_routing_total", exchange="bybit", source="explicit")

    with capture_logs() as logs:
        assert resolve_exchange_for_signal("bybit", "scalper_btc") == "bybit"

    assert logs == [
        {
            "event": "Using explicit exchange from signal",
            "log_level": "info",
            "exchange": "bybit",
            "source": "explicit",
        }
    ]
    assert count("exchange_routing_total", exchange="bybit", source="explicit") == before + 1


def test_resolve_exchange_for_signal_strategy_mapping(mapped):
    before = count("exchange_routing_total", exchange="okx", source="policy")

    with capture_logs() as logs:
        assert resolve_exchange_for_signal(None, "scalper_btc") == "okx"

    told = {
        "event": "Resolved exchange for signal",
        "exchange": "okx",
        "strategy_id": "scalper_btc",
        "source": "policy",
    }
    assert logs == [{**told, "log_level": "info"}]
    assert count("exchange_routing_total", exchange="okx", source="policy") == before + 1


def test_resolve_exchange_for_signal_fallback(mapped):
    before = count("exchange_routing_total", exchange="binance", source="default")

    assert resolve_exchange_for_signal(None, None) == "binance"
    assert resolve_exchange_for_signal(None, "nobody_mapped_this") == "binance"

    assert count("exchange_routing_total", exchange="binance", source="default") == before + 2


def test_resolve_exchange_for_signal_invalid_exchange(mapped):
    exchange_name = resolve_exchange_for_signal("fake_exchange", None)

    assert exchange_name == "fake_exchange", "the name is validated in the next step"
    assert validate_exchange_name(exchange_name) == "binance"


def test_build_execution_adapter_with_override(user):
    config = ExecutionConfig(user)

    assert build_execution_adapter(config, exchange_override="bybit") == ExecutionAdapter("bybit", config)
    assert build_execution_adapter(config).exchange == "binance"
    assert build_execution_adapter(config, exchange_override="fake_exchange").exchange == "binance"


def test_set_strategy_exchange_mapping(db):
    set_strategy_exchange_mapping(
        {
            "ai_ensemble_v3": "binance",
            "scalper_btc": "bybit",
            "swing_eth": "okx",
            "nordic_spot": "firi",
            "hedge_arb": "kraken",
        },
        reason="as agreed on Monday",
    )

    assert exchange_policy.STRATEGY_EXCHANGE_MAP == {
        "ai_ensemble_v3": "binance",
        "scalper_btc": "bybit",
        "swing_eth": "okx",
        "nordic_spot": "firi",
        "hedge_arb": "kraken",
    }
    kept = StrategyPolicy.history.get(strategy_id="scalper_btc")
    assert (kept.exchange_id, kept.mode, kept.history_change_reason) == ("bybit", "paper", "as agreed on Monday")


# --- beyond the eleven


def test_a_mapping_is_set_as_a_whole_or_not_at_all(mapped):
    with pytest.raises(ValidationError):
        set_strategy_exchange_mapping({"scalper_btc": "firi", "new": "nope"})

    assert exchange_policy.STRATEGY_EXCHANGE_MAP == {"scalper_btc": "okx", "swing_eth": "kraken"}


def test_setting_again_changes_the_rest_of_a_strategy_not_at_all(mapped):
    StrategyPolicy.objects.filter(strategy_id="scalper_btc").update(mode="live", notes="mine")

    set_strategy_exchange_mapping({"scalper_btc": "kraken"})

    row = StrategyPolicy.objects.get(strategy_id="scalper_btc")
    assert (row.exchange_id, row.mode, row.notes) == ("kraken", "live", "mine")
    assert get_exchange_for_strategy("swing_eth") == "kraken"


def test_what_the_troubleshooting_section_reads(mapped):
    from execution.public.exchange_policy import ALLOWED_EXCHANGES, DEFAULT_EXCHANGE, STRATEGY_EXCHANGE_MAP

    assert STRATEGY_EXCHANGE_MAP.get("scalper_btc") == "okx"
    assert set(ALLOWED_EXCHANGES) >= {"binance", "bybit", "okx", "kucoin", "kraken", "firi"}
    assert DEFAULT_EXCHANGE == "binance"


def test_what_is_allowed_is_what_is_enabled(db):
    Exchange.objects.filter(pk="okx").update(enabled=False)
    refresh()

    assert "okx" not in exchange_policy.ALLOWED_EXCHANGES
    assert validate_exchange_name("okx") == "binance"
    with pytest.raises(AttributeError):
        _ = exchange_policy.NO_SUCH_NAME


def test_an_unknown_name_is_denied_where_policy_says_so(db):
    RoutingSettings.objects.update(on_unknown_exchange="deny")
    refresh()

    with pytest.raises(Denied, match="Exchange 'fake_exchange' is unknown"):
        validate_exchange_name("fake_exchange")


def order(**changes: Any) -> dict[str, Any]:
    return {"symbol": "BTC/USDT", "side": "buy", "amount": "0.01", **changes}


@pytest.mark.parametrize(
    ("exchange", "strategy_id", "expected"),
    [("kraken", None, "kraken"), (None, "swing_eth", "kraken"), (None, None, "binance")],
)
def test_the_three_usage_examples_end_at_the_exchange(platform: Platform, exchange, strategy_id, expected):
    set_strategy_exchange_mapping({"swing_eth": "kraken"})
    config = ExecutionConfig(platform.user)

    exchange_name = resolve_exchange_for_signal(exchange, strategy_id)
    exchange_name = validate_exchange_name(exchange_name)
    adapter = build_execution_adapter(config, exchange_override=exchange_name)
    result = async_to_sync(adapter.place_order)(order())

    assert (result.status, result.exchange, str(result.filled_amount.normalize())) == ("filled", expected, "0.01")
    assert len(platform.ledger(expected)) == 1


def test_an_adapter_never_places_the_same_id_twice(platform: Platform):
    adapter = build_execution_adapter(ExecutionConfig(platform.user), exchange_override="kraken")

    first = async_to_sync(adapter.place_order)(order(id="sig_001"))
    again = async_to_sync(adapter.place_order)(order(id="sig_001"))

    assert first == again
    assert len(platform.ledger("kraken")) == 1
    with pytest.raises(ValueError, match="belongs to another order"):
        async_to_sync(adapter.place_order)(order(id="sig_001", amount="0.02"))
