"""Where the installed fees are from, and what of them nobody could check. Told beside the fees that people may edit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from policies.defaults import EXCHANGES, FEE_TIERS


@dataclass(frozen=True, slots=True)
class FeeSource:
    """basic, tiers: source and date. unverified: what no source confirms; empty: nothing."""

    basic: str
    tiers: str = "none installed"
    unverified: str = ""


_CCXT = "ccxt 4.5.90 (2026-11-20)"

FEE_SOURCES: Mapping[str, FeeSource] = {
    "binance": FeeSource(_CCXT, "none installed: they also ask for BNB, not only for volume"),
    "bybit": FeeSource(
        "Bybit's help article 000001634 (copy read 2026-11-21)",
        "the same article for the rates, and for 10,000,000 as the start of VIP 3",
        "that VIP 1 and VIP 2 begin at 1,000,000 and 5,000,000. Where VIP 4 (maker 5, taker 6) begins is not known, so "
        "it is not installed. Rates differ by region",
    ),
    "okx": FeeSource(
        "okx.com/fees, regular user, level 1 (copy read 2026-11-21, its date is not known)",
        "none installed: lower levels ask for OKB, VIP levels for volumes on which copies of that page disagree",
        "the basic fees: ccxt 4.5.90 has maker 10, taker 15. Rates differ by region",
    ),
    "kucoin": FeeSource(_CCXT, "none installed: they also ask for KCS, and count volume in BTC"),
    "kraken": FeeSource(
        "Kraken's public answer AssetPairs for BTC/USDT (recorded 2025, read 2026-11-20)",
        "the same answer. Pairs of two currencies or stablecoins have another table at Kraken",
    ),
    "firi": FeeSource(
        "firi.com/about/transactions-and-fees, of 2022-05-05",
        unverified="that it has not changed since 2022: Firi tells no rates to keys. See the account's own trades",
    ),
    "coinbase": FeeSource(
        _CCXT,
        "none installed: the table in ccxt begins at other fees than Coinbase charges now, and Coinbase tells each "
        "account's rate",
    ),
    "alpaca": FeeSource(_CCXT, f"{_CCXT}, after docs.alpaca.markets/docs/crypto-fees"),
}


def told(exchange: Any, tiers: Iterable[Any]) -> str:
    """What the page of an exchange says about its fees. exchange, tiers: rows of `Exchange` and `FeeTier`."""
    source = FEE_SOURCES.get(exchange.slug)
    if source is None:
        return "Where these fees are from is not recorded."
    installed = next(row for row in EXCHANGES if row["slug"] == exchange.slug)
    same = all(getattr(exchange, name) == installed[name] for name in ("maker_fee_bps", "taker_fee_bps"))
    rows = {(int(tier.from_volume), tier.maker_bps, tier.taker_bps) for tier in tiers}
    expected = {(volume, Decimal(maker), Decimal(taker)) for volume, maker, taker in FEE_TIERS.get(exchange.slug, ())}
    sentences = [
        f"Basic fees: {source.basic}." if same else "Basic fees: changed here; the history says by whom and why.",
        f"Tiers: {source.tiers}." if rows == expected else "Tiers: changed here; the history says by whom and why.",
    ]
    if source.unverified and same and rows == expected:
        sentences.append(f"Unverified: {source.unverified}.")
    return " ".join(sentences)
