"""Order books over an exchange's websocket, kept by ccxt.pro; what ccxt does not check is checked here.

ccxt checks Binance's update ids itself. It ignores those of Bybit, and Kraken's checksums are switched off in it. A
book that fails a check is forgotten at once, and its connection is opened anew: only that is sure to bring a snapshot.
"""

import importlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import ccxt.async_support as ccxt

from execution.exchanges.ccxt_client import Guard, new_client
from execution.exchanges.ccxt_exchange import CcxtExchange
from execution.exchanges.errors import ExchangeError
from execution.exchanges.metering import Meter
from execution.exchanges.quirks.base import Quirks
from execution.exchanges.transport import Transport

Row = Sequence[float]
"""Price and amount, as ccxt keeps them; there may be more columns."""

_CHECKED_LEVELS = 10
_EXACT_BELOW = 1e7
"""Eight decimals of a larger float are not the exchange's digits any more, so its checksum cannot be compared."""


class StreamBroken(Exception):
    """The book is not followed any more; `reason` is one word for metrics: gap, connection, refused, restart."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class _Gap(ccxt.NetworkError):  # type: ignore[misc]
    """Updates were lost."""


class _Restart(ccxt.NetworkError):  # type: ignore[misc]
    """We dropped the connection ourselves."""


@dataclass(frozen=True, slots=True)
class LiveBook:
    """A book as it stands. The rows belong to ccxt and change with the next message: read them at once."""

    bids: Sequence[Row]
    asks: Sequence[Row]
    sequence: int | None
    exchange_time: float | None


class _Streaming(Guard):
    """A ccxt.pro client whose receiving never ends in silence, and whose books are checked."""

    def handle_message(self, client: Any, message: Any) -> None:
        try:
            super().handle_message(client, message)
        except Exception as e:
            # ccxt would stop reading and leave everybody waiting.
            client.on_error(e if isinstance(e, ccxt.BaseError) else ccxt.NetworkError(f"unreadable: {e!r}"[:200]))

    def handle_order_book(self, client: Any, message: Any) -> None:
        symbol, number = self.before_book(message)
        super().handle_order_book(client, message)
        book = self.orderbooks.get(symbol)
        if book is None:
            return
        if number is not None:
            book["nonce"] = number
        self.after_book(symbol, book, message)

    def before_book(self, message: Mapping[str, Any]) -> tuple[str, int | None]:
        """The symbol of a message, and the number the book has after it. Raises _Gap before anything is changed."""
        return "", None

    def after_book(self, symbol: str, book: Mapping[str, Any], message: Mapping[str, Any]) -> None:
        """Check the book once the message is in it. Raises _Gap."""

    def lost(self, symbol: str, detail: str) -> _Gap:
        """Forget a book that is wrong; the error to raise."""
        self.orderbooks.pop(symbol, None)
        return _Gap(f"{self.id} {symbol}: {detail}")


class _Bybit(_Streaming):
    """The number of a topic's messages grows by one each; a snapshot begins anew."""

    def before_book(self, message: Mapping[str, Any]) -> tuple[str, int | None]:
        data = message["data"]
        symbol, number = str(self.safe_symbol(data["s"], None, None, "spot")), int(data["u"])
        known = self.orderbooks.get(symbol)
        if message["type"] != "snapshot" and (known is None or number != known["nonce"] + 1):
            raise self.lost(symbol, f"update {number} does not follow {known and known['nonce']}")
        return symbol, number


class _Kraken(_Streaming):
    """Every message carries a checksum over the ten best levels; Kraken has no numbers, so we count."""

    def before_book(self, message: Mapping[str, Any]) -> tuple[str, int | None]:
        symbol = str(message["data"][0]["symbol"])
        known = self.orderbooks.get(symbol)
        if known is None and message["type"] != "snapshot":
            raise self.lost(symbol, "an update before the snapshot")
        return symbol, 1 + ((known and known["nonce"]) or 0)

    def after_book(self, symbol: str, book: Mapping[str, Any], message: Mapping[str, Any]) -> None:
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


@dataclass(frozen=True, slots=True)
class _Row:
    """depth: levels a side to follow, one that the exchange offers."""

    client: type[_Streaming]
    depth: int


STREAMED: Mapping[str, _Row] = {
    "binance": _Row(_Streaming, 1000),
    "bybit": _Row(_Bybit, 200),
    "kraken": _Row(_Kraken, 100),
}


@cache
def _streaming_class(slug: str) -> type[Any]:
    theirs = getattr(importlib.import_module("ccxt.pro"), slug)
    return type(f"Streaming{slug.capitalize()}", (STREAMED[slug].client, theirs), {})


class BookStream:
    """The streamed books of one exchange."""

    def __init__(
        self, quirks: Quirks, transport: Transport, public: CcxtExchange, *, timeout_s: float, meter: Meter
    ) -> None:
        self.slug = quirks.slug
        self._public = public
        self._depth = STREAMED[self.slug].depth
        self._client = new_client(
            quirks, transport, timeout_s=timeout_s, meter=meter, streams=_streaming_class(self.slug)
        )

    async def wait(self, symbol: str) -> LiveBook:
        """The book, as soon as it is there or has changed. Raises StreamBroken; the next call follows it anew."""
        try:
            if not self._client.markets:
                await self._public.share_markets_with(self._client)
            await self._client.watch_order_book(symbol, self._depth)
        except ExchangeError as e:
            raise StreamBroken("connection", e.detail) from None
        except _Restart as e:
            raise StreamBroken("restart", str(e)) from None
        except (_Gap, ccxt.ChecksumError) as e:
            raise StreamBroken("gap", str(e)) from None
        except ccxt.NetworkError as e:
            raise StreamBroken("connection", str(e)[:200]) from None
        except (ccxt.BaseError, OSError) as e:
            raise StreamBroken("refused", str(e)[:200]) from None
        book = self.book(symbol)
        if book is None:
            raise StreamBroken("gap", f"{self.slug} {symbol}: the book was wrong")
        return book

    def book(self, symbol: str) -> LiveBook | None:
        """The book as it stands, if it is right as far as anybody can tell."""
        book = self._client.orderbooks.get(symbol)
        if book is None:
            return None
        time_ms = book["timestamp"]
        return LiveBook(book["bids"], book["asks"], book["nonce"], time_ms / 1000 if time_ms else None)

    def restart(self, symbol: str, why: str) -> None:
        """Forget a book and drop the connection it comes over; others on the same connection begin anew too."""
        self._client.orderbooks.pop(symbol, None)
        for client in list((self._client.clients or {}).values()):
            if any(name.endswith(symbol) for name in client.subscriptions):
                client.on_error(_Restart(f"{self.slug} {symbol}: {why}"))

    async def close(self) -> None:
        """Close the connections; the transport stays open."""
        await self._client.close_ws_clients()
