"""What each ccxt exchange does differently, as a table. Shared code asks the table and never the name.

Facts: observed with ccxt 4.5.90 against recorded answers, and the exchanges' API documentation.
"""

from collections.abc import Mapping

from execution.exchanges.quirks.alpaca import ALPACA
from execution.exchanges.quirks.base import Quirks
from execution.exchanges.quirks.binance import BINANCE
from execution.exchanges.quirks.bybit import BYBIT
from execution.exchanges.quirks.coinbase import COINBASE
from execution.exchanges.quirks.kraken import KRAKEN
from execution.exchanges.quirks.kucoin import KUCOIN
from execution.exchanges.quirks.okx import OKX

QUIRKS: Mapping[str, Quirks] = {
    quirks.slug: quirks for quirks in (ALPACA, BINANCE, BYBIT, COINBASE, KRAKEN, KUCOIN, OKX)
}

__all__ = ["ALPACA", "BINANCE", "BYBIT", "COINBASE", "KRAKEN", "KUCOIN", "OKX", "QUIRKS", "Quirks"]
