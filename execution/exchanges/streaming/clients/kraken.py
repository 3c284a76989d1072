"""Kraken: its checksums are switched off in ccxt, and could not be compared on floats."""

import zlib
from collections.abc import Mapping
from typing import Any

from execution.exchanges.streaming.clients.base import Streaming

_CHECKED_LEVELS = 10
_EXACT_BELOW = 1e7
"""Eight decimals of a larger float are not the exchange's digits any more, so its checksum cannot be compared."""


class Kraken(Streaming):
    """Every message carries a checksum over the ten best levels; Kraken has no numbers, so we count."""

    def before_book(self, message: Mapping[str, Any]) -> tuple[str, int | None]:
        symbol = str(message["data"][0]["symbol"])
        known = self.orderbooks.get(symbol)
        if known is None and message["type"] != "snapshot":
            raise self.lost(symbol, "an update before the snapshot")
        return symbol, 1 + ((known and known["nonce"]) or 0)

    def after_book(self, client: Any, symbol: str, book: Mapping[str, Any], message: Mapping[str, Any]) -> None:
        info = self.market(symbol)["info"]
        price_decimals, amount_decimals = int(info["pair_decimals"]), int(info["lot_decimals"])
        rows = (*book["asks"][:_CHECKED_LEVELS], *book["bids"][:_CHECKED_LEVELS])
        if any(row[1] >= _EXACT_BELOW or row[0] >= _EXACT_BELOW for row in rows):
            return
        digits = "".join(_digits(row[0], price_decimals) + _digits(row[1], amount_decimals) for row in rows)
        if zlib.crc32(digits.encode()) != int(message["data"][0]["checksum"]):
            raise self.lost(symbol, "the checksum differs")


def _digits(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace(".", "").lstrip("0")
