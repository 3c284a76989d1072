"""What a fresh installation contains. Plain data: the data migration and the tests' reset both install it."""

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from policies.domain.smart import INSTALLED

FAILOVER_CHAINS: dict[str, tuple[str, ...]] = {
    "binance": ("binance", "bybit", "okx", "kucoin", "kraken", "firi"),
    "bybit": ("bybit", "okx", "binance", "kucoin", "kraken", "firi"),
    "okx": ("okx", "bybit", "binance", "kucoin", "kraken", "firi"),
    "kucoin": ("kucoin", "okx", "bybit", "binance", "kraken", "firi"),
    "kraken": ("kraken", "binance", "firi", "bybit", "okx", "kucoin"),
    "firi": ("firi", "binance", "kraken", "bybit", "okx", "kucoin"),
    # The same principles for the two that came later: own region and fiat access first, then deep books.
    "coinbase": ("coinbase", "kraken", "binance", "bybit", "okx", "kucoin"),
    "alpaca": ("alpaca", "coinbase", "kraken", "binance", "bybit", "okx"),
}
"""The first six are those of requirement 2, exactly."""


def _exchange(slug: str, name: str, region: str, maker_bps: str, taker_bps: str) -> dict[str, Any]:
    return {
        "slug": slug,
        "name": name,
        "region": region,
        "maker_fee_bps": Decimal(maker_bps),
        "taker_fee_bps": Decimal(taker_bps),
    }


# Fees: what an account without volume pays. Source and date of each: `policies.fee_sources`.
EXCHANGES: tuple[dict[str, Any], ...] = (
    _exchange("binance", "Binance", "global", "10", "10"),
    _exchange("bybit", "Bybit", "global", "10", "10"),
    _exchange("okx", "OKX", "global", "8", "10"),
    _exchange("kucoin", "KuCoin", "global", "10", "10"),
    _exchange("kraken", "Kraken", "eu", "25", "40"),
    _exchange("firi", "Firi", "eu", "50", "50"),
    _exchange("coinbase", "Coinbase", "us", "60", "120"),
    _exchange("alpaca", "Alpaca", "us", "15", "25"),
)

FEE_TIERS: dict[str, tuple[tuple[int, str, str], ...]] = {
    # Kraken's AssetPairs for BTC/USDT, recorded 2025, read 2026-11-20.
    "kraken": (
        (10_000, "20", "35"),
        (50_000, "14", "24"),
        (100_000, "12", "22"),
        (250_000, "10", "20"),
        (500_000, "8", "18"),
        (1_000_000, "6", "16"),
        (2_500_000, "4", "14"),
        (5_000_000, "2", "12"),
        (10_000_000, "0", "10"),
    ),
    # ccxt 4.5.90 (2026-11-20).
    "alpaca": (
        (100_000, "12", "22"),
        (500_000, "10", "20"),
        (1_000_000, "8", "18"),
        (10_000_000, "5", "15"),
        (25_000_000, "2", "13"),
        (50_000_000, "2", "12"),
        (100_000_000, "0", "10"),
    ),
    # Bybit's help article 000001634, read 2026-11-21; the first two volumes are unverified.
    "bybit": (
        (1_000_000, "6.75", "8"),
        (5_000_000, "6.5", "7.75"),
        (10_000_000, "6.25", "7.5"),
    ),
}
"""USD of 30 days, maker and taker in basis points, above the first step (`EXCHANGES`).

Only of exchanges where volume alone is enough for a tier: Binance, OKX and KuCoin also count what an account holds.
"""


def install_fee_tiers(tier_model: Any) -> None:
    """Write the tables of tiers of exchanges that have none yet."""
    for slug, tiers in FEE_TIERS.items():
        if tier_model.objects.filter(exchange_id=slug).exists():
            continue
        tier_model.objects.bulk_create(
            tier_model(exchange_id=slug, from_volume=volume, maker_bps=Decimal(maker), taker_bps=Decimal(taker))
            for volume, maker, taker in tiers
        )


def install_strategies(strategy_model: Any) -> None:
    """Write the routing strategies as the requirements have them. Idempotent."""
    columns = {field.name for field in strategy_model._meta.get_fields()}
    for name, terms in INSTALLED.items():
        values = {column: value for column, value in asdict(terms).items() if column in columns}
        strategy_model.objects.get_or_create(name=name, defaults=values)


def install(exchange_model: Any, settings_model: Any, chain_model: Any, step_model: Any, default_exchange: str) -> None:
    """Write the defaults through the given model classes (historical ones in the migration). Idempotent."""
    for row in EXCHANGES:
        exchange_model.objects.get_or_create(slug=row["slug"], defaults=row)
    settings_model.objects.get_or_create(pk=1, defaults={"default_exchange_id": default_exchange})
    for primary, chain in FAILOVER_CHAINS.items():
        row, created = chain_model.objects.get_or_create(primary_id=primary)
        if created:
            steps = [step_model(chain=row, exchange_id=slug, position=n) for n, slug in enumerate(chain)]
            step_model.objects.bulk_create(steps)


ALERT_RULES: tuple[dict[str, Any], ...] = (
    {"name": "No exchange left", "condition": "chain_out", "for_s": 5, "severity": "critical"},
    {"name": "Exchange down", "condition": "exchange_down", "for_s": 10, "severity": "critical"},
    {"name": "Order needs a person", "condition": "order_attention", "severity": "critical"},
    {"name": "Orders unknown", "condition": "orders_unknown", "threshold": 120, "severity": "critical"},
    {"name": "Signals wait", "condition": "queue_age", "threshold": 30, "for_s": 10, "severity": "critical"},
    {"name": "Orphan order", "condition": "orphan_order", "severity": "critical"},
    {"name": "Balance differs", "condition": "balance_break", "severity": "critical"},
    {"name": "Account not compared", "condition": "account_unreconciled", "for_s": 60, "severity": "critical"},
    {"name": "Keys frozen", "condition": "credential_frozen", "severity": "critical"},
    {"name": "Queue deaf", "condition": "queue_deaf", "for_s": 15, "severity": "critical"},
    {"name": "Scheduler silent", "condition": "beat_silent", "for_s": 15, "severity": "critical"},
    {"name": "No worker", "condition": "worker_silent", "for_s": 15, "severity": "critical"},
    {"name": "Database restored", "condition": "database_restored", "severity": "critical"},
    {"name": "One-legged arbitrage", "condition": "arbitrage_one_legged", "severity": "critical"},
)
"""Rules of a fresh installation. They have no channels: what they find is listed in the admin."""


def install_alert_rules(rule_model: Any) -> None:
    """Write the rules that are not there yet."""
    for row in ALERT_RULES:
        rule_model.objects.get_or_create(name=row["name"], defaults=row)
