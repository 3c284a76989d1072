"""Bybit: ccxt does not compare the numbers of its messages."""

from collections.abc import Mapping
from typing import Any

from execution.exchanges.streaming.clients.base import Streaming


class Bybit(Streaming):
    """The number of a topic's messages grows by one each; a snapshot begins anew."""

    def before_book(self, message: Mapping[str, Any]) -> tuple[str, int | None]:
        data = message["data"]
        symbol, number = str(self.safe_symbol(data["s"], None, None, "spot")), int(data["u"])
        known = self.orderbooks.get(symbol)
        if message["type"] != "snapshot" and (known is None or number != known["nonce"] + 1):
            raise self.lost(symbol, f"update {number} does not follow {known and known['nonce']}")
        return symbol, number
