"""Which exchanges are streamed, and the client of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from execution.exchanges.streaming.clients.base import Streaming
from execution.exchanges.streaming.clients.bybit import Bybit
from execution.exchanges.streaming.clients.coinbase import Coinbase
from execution.exchanges.streaming.clients.kraken import Kraken
from execution.exchanges.streaming.clients.kucoin import Kucoin
from execution.exchanges.streaming.clients.okx import Okx


@dataclass(frozen=True, slots=True)
class Streamed:
    """How an exchange is streamed.

    depth: levels a side to follow, a number that the exchange offers; None: its stream has no such choice.
    pace_s: seconds between two subscriptions of one connection.
    paths: what is asked over REST for the stream alone.
    """

    client: type[Streaming]
    depth: int | None
    pace_s: float = 0.05
    paths: frozenset[str] = frozenset()


STREAMED: Mapping[str, Streamed] = {
    # Five messages a second, or the connection is closed (Binance docs, "WebSocket Streams", limits).
    "binance": Streamed(Streaming, 1000, pace_s=0.25),
    "bybit": Streamed(Bybit, 200),
    # Eight messages a second from those who have not signed (Coinbase docs, "WebSocket rate limits").
    "coinbase": Streamed(Coinbase, None, pace_s=0.15),
    "kraken": Streamed(Kraken, 100),
    # A hundred messages in ten seconds (KuCoin docs, "Rate Limit").
    "kucoin": Streamed(Kucoin, None, pace_s=0.12, paths=frozenset({"bullet-public"})),
    "okx": Streamed(Okx, 400),
}
