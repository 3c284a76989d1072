"""Small policies and books for domain tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from execution.domain.book import OrderBook
from execution.domain.health import Health, HealthStatus
from execution.domain.market import Market
from execution.domain.router import Facts
from policies.defaults import FAILOVER_CHAINS
from policies.domain.policy import (
    CredentialRef,
    ExchangePolicy,
    Mode,
    OnAllUnhealthy,
    OnExtraPrecision,
    OnMissingCredential,
    OnUnknownExchange,
    PermissionRule,
    Policy,
    RoutingRules,
    Scope,
    StrategyRule,
    TradingStateRule,
    TradingStatus,
)

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
USER = 7
SLUGS = tuple(FAILOVER_CHAINS)

RULES = RoutingRules(
    default_exchange="binance",
    on_unknown_exchange=OnUnknownExchange.USE_DEFAULT,
    on_all_unhealthy=OnAllUnhealthy.USE_DEFAULT,
    on_missing_credential=OnMissingCredential.NEXT_EXCHANGE,
    on_extra_precision=OnExtraPrecision.DENY,
    max_slippage_bps=Decimal(100),
    price_collar_bps=Decimal(500),
    book_max_age_s=Decimal(2),
    signal_max_age_s=300,
)
BTC = Market("BTC/USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(9000), Decimal(5))


def exchange(slug: str, **changes: Any) -> ExchangePolicy:
    """An enabled live exchange."""
    basic = ExchangePolicy(
        slug=slug,
        name=slug.title(),
        enabled=True,
        mode=Mode.LIVE,
        region="global",
        maker_fee_bps=Decimal(10),
        taker_fee_bps=Decimal(10),
        max_in_flight=100,
        degraded_above_ms=1000,
        stale_after_s=90,
        health_interval_s=30,
    )
    return replace(basic, **changes)


def permission(**changes: Any) -> PermissionRule:
    """A user who may trade everything up to 10,000 USDT an order."""
    basic = PermissionRule(
        user_id=USER,
        username="algo1",
        user_active=True,
        enabled=True,
        exchanges=None,
        pairs=(),
        max_order_notional={"USDT": Decimal(10_000)},
    )
    return replace(basic, **changes)


def policy(**changes: Any) -> Policy:
    """The installed chains, all exchanges live, one user with live keys everywhere."""
    credentials = {
        (USER, slug, Mode.LIVE): CredentialRef(f"key-{slug}", USER, slug, Mode.LIVE, frozen=False, version=1)
        for slug in SLUGS
    }
    basic = Policy(
        version=1,
        rules=RULES,
        exchanges={slug: exchange(slug) for slug in SLUGS},
        strategies={},
        chains=dict(FAILOVER_CHAINS),
        permissions={USER: permission()},
        states={},
        credentials=credentials,
    )
    return replace(basic, **changes)


def healthy(age_s: float = 1.0, status: HealthStatus = HealthStatus.OK) -> Health:
    """A health state that was checked `age_s` ago."""
    return Health(status, NOW - timedelta(hours=1), NOW - timedelta(seconds=age_s), 40.0, 40.0, last_error="HTTP 503")


def facts(**statuses: HealthStatus) -> Facts:
    """All exchanges OK but those named; all list BTC/USDT, firi BTC/NOK instead."""
    markets = {slug: {"BTC/USDT": BTC} for slug in SLUGS}
    markets["firi"] = {"BTC/NOK": replace(BTC, symbol="BTC/NOK")}
    return Facts({slug: healthy(status=statuses.get(slug, HealthStatus.OK)) for slug in SLUGS}, markets)


def halt(scope: Scope, target: str = "", status: TradingStatus = TradingStatus.HALTED) -> dict[Any, TradingStateRule]:
    """States with one entry."""
    rule = TradingStateRule(scope, target, status, "503s since 09:12", "risk.two", NOW)
    return {(scope, target): rule}


def strategy(strategy_id: str, slug: str, **changes: Any) -> dict[str, StrategyRule]:
    """Strategies with one entry."""
    return {strategy_id: replace(StrategyRule(strategy_id, slug, Mode.LIVE, True), **changes)}


def book(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> OrderBook:
    """A book from strings."""

    def levels(rows: list[tuple[str, str]]) -> list[tuple[Decimal, Decimal]]:
        return [(Decimal(price), Decimal(amount)) for price, amount in rows]

    return OrderBook("BTC/USDT", levels(bids), levels(asks), NOW.timestamp())
