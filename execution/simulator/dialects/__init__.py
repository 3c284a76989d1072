"""The exchanges' wire protocols. To add one: a package with a `Dialect`, a row in `markets.EXCHANGES`, a line here."""

from execution.simulator.dialects.alpaca import Alpaca
from execution.simulator.dialects.base import Dialect
from execution.simulator.dialects.binance import Binance
from execution.simulator.dialects.bybit import Bybit
from execution.simulator.dialects.coinbase import Coinbase
from execution.simulator.dialects.firi import Firi
from execution.simulator.dialects.kraken import Kraken
from execution.simulator.dialects.kucoin import Kucoin
from execution.simulator.dialects.okx import Okx

DIALECTS: dict[str, type[Dialect]] = {
    "alpaca": Alpaca,
    "binance": Binance,
    "bybit": Bybit,
    "coinbase": Coinbase,
    "kraken": Kraken,
    "kucoin": Kucoin,
    "okx": Okx,
    "firi": Firi,
}
