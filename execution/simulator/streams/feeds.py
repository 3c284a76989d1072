"""Which exchanges have a stream here. A row and a `stream.py` in the dialect's package add one."""

from execution.simulator.dialects.binance.stream import BinanceFeed
from execution.simulator.dialects.bybit.stream import BybitFeed
from execution.simulator.dialects.coinbase.stream import CoinbaseFeed
from execution.simulator.dialects.kraken.stream import KrakenFeed
from execution.simulator.dialects.kucoin.stream import KucoinFeed
from execution.simulator.dialects.okx.stream import OkxFeed
from execution.simulator.streams.feed import Feed

FEEDS: dict[str, type[Feed]] = {
    "binance": BinanceFeed,
    "bybit": BybitFeed,
    "coinbase": CoinbaseFeed,
    "kraken": KrakenFeed,
    "kucoin": KucoinFeed,
    "okx": OkxFeed,
}
