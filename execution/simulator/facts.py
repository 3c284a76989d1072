"""Which exchanges and markets are simulated: our own compact table of facts, rendered by each dialect in its shape.

Sources of the trading rules: each exchange's public instrument endpoint and fee page as of 2025-2026. A wrong or
missing number belongs here and nowhere else.
"""

from dataclasses import dataclass
from enum import StrEnum

PPM = 1_000_000

# Fixed places on the port range, so that a base port is enough to know every exchange's address.
PORT_OFFSETS = {
    "binance": 1,
    "bybit": 2,
    "okx": 3,
    "kucoin": 4,
    "kraken": 5,
    "firi": 6,
    "coinbase": 7,
    "alpaca": 8,
}


class ClientIds(StrEnum):
    """What an exchange does with a client order id that the same account has used before."""

    IGNORED = "ignored"
    """It knows none, or does not look."""
    UNIQUE_WHILE_OPEN = "unique while open"
    """Refused while an open order carries it; closed orders free their id, so a market order is placed again."""
    UNIQUE = "unique"
    """Refused for ever."""
    SAME_ORDER = "same order"
    """The existing order is the answer, and nothing new is placed."""


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """Trading rules of one market and how liquid its simulated book is."""

    symbol: str
    wire_id: str
    tick: str
    lot: str
    min_amount: str
    min_notional: str
    spread_bps: float
    depth_usd: int
    """Average value of one synthetic price level; 0 leaves the book empty."""


@dataclass(frozen=True, slots=True)
class ExchangeFacts:
    """What differs between exchanges in how they keep the books. Fees in parts per million."""

    slug: str
    maker_ppm: int
    taker_ppm: int
    fee_asset: str
    """"received": the fee is cut from what the trade brings in; "quote": it is paid in the quote asset on top."""
    fee_decimals: int
    asset_decimals: dict[str, int]
    markets: tuple[MarketFacts, ...]
    client_ids: "ClientIds"
    rejects_crossing_post_only: bool
    """True: a post-only order that would take is refused. False: it is accepted and cancelled at once."""
    shares_trade_ids: bool
    """True: buyer and seller see the same trade id. False: each side of a trade has an id of its own."""


EXCHANGES: dict[str, ExchangeFacts] = {
    "binance": ExchangeFacts(
        slug="binance",
        maker_ppm=1_000,
        taker_ppm=1_000,
        fee_asset="received",
        fee_decimals=8,
        asset_decimals={"BTC": 8, "ETH": 8, "SOL": 8, "USDT": 8},
        markets=(
            MarketFacts("BTC/USDT", "BTCUSDT", "0.01", "0.00001", "0.00001", "5", 0.6, 60_000),
            MarketFacts("ETH/USDT", "ETHUSDT", "0.01", "0.0001", "0.0001", "5", 0.8, 40_000),
            MarketFacts("SOL/USDT", "SOLUSDT", "0.01", "0.001", "0.001", "5", 1.5, 20_000),
            MarketFacts("ETH/BTC", "ETHBTC", "0.00001", "0.0001", "0.0001", "0.0001", 3.0, 20_000),
        ),
        client_ids=ClientIds.UNIQUE_WHILE_OPEN,
        rejects_crossing_post_only=True,
        shares_trade_ids=True,
    ),
    "kraken": ExchangeFacts(
        slug="kraken",
        maker_ppm=2_500,
        taker_ppm=4_000,
        fee_asset="quote",
        fee_decimals=5,
        # Ten decimals hold price x volume exactly (2 + 8), so cash always equals the sum of the reported fills.
        asset_decimals={"BTC": 8, "ETH": 8, "SOL": 8, "USD": 10, "USDT": 10},
        markets=(
            MarketFacts("BTC/USD", "XXBTZUSD", "0.1", "0.00000001", "0.00005", "0.5", 0.8, 40_000),
            MarketFacts("BTC/USDT", "XBTUSDT", "0.1", "0.00000001", "0.00005", "0.5", 1.5, 20_000),
            MarketFacts("ETH/USD", "XETHZUSD", "0.01", "0.00000001", "0.001", "0.5", 1.2, 25_000),
            MarketFacts("ETH/USDT", "ETHUSDT", "0.01", "0.00000001", "0.001", "0.5", 2.0, 15_000),
            MarketFacts("SOL/USD", "SOLUSD", "0.01", "0.00000001", "0.02", "0.5", 2.0, 12_000),
        ),
        client_ids=ClientIds.UNIQUE_WHILE_OPEN,
        rejects_crossing_post_only=False,
        shares_trade_ids=False,
    ),
    "firi": ExchangeFacts(
        slug="firi",
        maker_ppm=5_000,
        taker_ppm=5_000,
        fee_asset="quote",
        fee_decimals=10,
        asset_decimals={"BTC": 8, "ETH": 8, "NOK": 10, "DKK": 10},
        markets=(
            MarketFacts("BTC/NOK", "BTCNOK", "0.01", "0.00000001", "0.0001", "0", 50.0, 4_000),
            MarketFacts("ETH/NOK", "ETHNOK", "0.01", "0.00000001", "0.001", "0", 60.0, 3_000),
            MarketFacts("BTC/DKK", "BTCDKK", "0.01", "0.00000001", "0.0001", "0", 80.0, 0),
        ),
        client_ids=ClientIds.IGNORED,
        rejects_crossing_post_only=True,
        shares_trade_ids=False,
    ),
    "bybit": ExchangeFacts(
        slug="bybit",
        maker_ppm=1_000,
        taker_ppm=1_000,
        fee_asset="received",
        fee_decimals=10,
        asset_decimals={"BTC": 8, "ETH": 8, "SOL": 8, "USDT": 10},
        markets=(
            MarketFacts("BTC/USDT", "BTCUSDT", "0.1", "0.000001", "0.000011", "5", 0.7, 50_000),
            MarketFacts("ETH/USDT", "ETHUSDT", "0.01", "0.00001", "0.00029", "5", 0.9, 35_000),
            MarketFacts("SOL/USDT", "SOLUSDT", "0.01", "0.001", "0.01", "5", 1.6, 18_000),
        ),
        client_ids=ClientIds.UNIQUE,
        rejects_crossing_post_only=False,
        shares_trade_ids=False,
    ),
    "okx": ExchangeFacts(
        slug="okx",
        maker_ppm=1_000,
        taker_ppm=1_500,
        fee_asset="received",
        fee_decimals=10,
        asset_decimals={"BTC": 8, "ETH": 8, "SOL": 8, "USDT": 10, "USD": 10},
        markets=(
            MarketFacts("BTC/USDT", "BTC-USDT", "0.1", "0.00000001", "0.00001", "0", 0.6, 55_000),
            MarketFacts("ETH/USDT", "ETH-USDT", "0.01", "0.000001", "0.0001", "0", 0.8, 38_000),
            MarketFacts("SOL/USDT", "SOL-USDT", "0.01", "0.000001", "0.01", "0", 1.5, 20_000),
            MarketFacts("BTC/USD", "BTC-USD", "0.1", "0.00000001", "0.00001", "0", 1.5, 15_000),
        ),
        client_ids=ClientIds.UNIQUE_WHILE_OPEN,
        rejects_crossing_post_only=False,
        shares_trade_ids=True,
    ),
    "kucoin": ExchangeFacts(
        slug="kucoin",
        maker_ppm=1_000,
        taker_ppm=1_000,
        fee_asset="quote",
        fee_decimals=10,
        asset_decimals={"BTC": 8, "ETH": 8, "SOL": 8, "USDT": 10},
        markets=(
            MarketFacts("BTC/USDT", "BTC-USDT", "0.1", "0.00000001", "0.00001", "0.1", 0.9, 30_000),
            MarketFacts("ETH/USDT", "ETH-USDT", "0.01", "0.0000001", "0.0001", "0.1", 1.1, 25_000),
            MarketFacts("SOL/USDT", "SOL-USDT", "0.01", "0.0001", "0.01", "0.1", 1.8, 15_000),
        ),
        # The docs only ask not to repeat a clientOid; users found it enforced among active orders alone (2023).
        client_ids=ClientIds.UNIQUE_WHILE_OPEN,
        rejects_crossing_post_only=False,
        shares_trade_ids=True,
    ),
    "coinbase": ExchangeFacts(
        slug="coinbase",
        maker_ppm=6_000,
        taker_ppm=12_000,
        fee_asset="quote",
        fee_decimals=10,
        asset_decimals={"BTC": 8, "ETH": 8, "SOL": 8, "USD": 10, "USDC": 10, "USDT": 10},
        markets=(
            MarketFacts("BTC/USD", "BTC-USD", "0.01", "0.00000001", "0.00000001", "1", 0.5, 45_000),
            MarketFacts("BTC/USDC", "BTC-USDC", "0.01", "0.00000001", "0.00000001", "1", 0.5, 45_000),
            MarketFacts("BTC/USDT", "BTC-USDT", "0.01", "0.00000001", "0.00000001", "1", 2.0, 8_000),
            MarketFacts("ETH/USD", "ETH-USD", "0.01", "0.00000001", "0.00000001", "1", 0.7, 30_000),
            MarketFacts("ETH/USDT", "ETH-USDT", "0.01", "0.00000001", "0.00000001", "1", 2.5, 6_000),
            MarketFacts("SOL/USD", "SOL-USD", "0.01", "0.00000001", "0.00000001", "1", 1.5, 15_000),
        ),
        client_ids=ClientIds.SAME_ORDER,
        rejects_crossing_post_only=True,
        shares_trade_ids=False,
    ),
    "alpaca": ExchangeFacts(
        slug="alpaca",
        maker_ppm=1_500,
        taker_ppm=2_500,
        fee_asset="received",
        fee_decimals=9,
        asset_decimals={"BTC": 9, "ETH": 9, "SOL": 9, "USD": 12, "USDT": 12},
        markets=(
            MarketFacts("BTC/USD", "BTC/USD", "1", "0.000000001", "0.000028257", "10", 3.0, 8_000),
            MarketFacts("BTC/USDT", "BTC/USDT", "1", "0.000000001", "0.000027904", "0", 4.0, 5_000),
            MarketFacts("ETH/USD", "ETH/USD", "0.1", "0.000000001", "0.000528736", "10", 4.0, 6_000),
            MarketFacts("SOL/USD", "SOL/USD", "0.01", "0.000000001", "0.01", "10", 5.0, 4_000),
        ),
        client_ids=ClientIds.UNIQUE,
        rejects_crossing_post_only=True,
        shares_trade_ids=False,
    ),
}
