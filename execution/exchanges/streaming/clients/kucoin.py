"""KuCoin: ccxt waits for changes before it asks for the book they belong to, compares no numbers after that, and uses
one token for ever.
"""

import asyncio
import math
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import ccxt.async_support as ccxt

from execution.exchanges.streaming.clients.base import Row, Streaming

_SNAPSHOT = 100
"""Levels a side that are told to those without keys; the stream tells the changes of all."""

_FEWEST = 50
"""Fewer known levels than this, and the book is asked for again, at most every _RENEW_S."""

_RENEW_S = 5.0
_TRIES, _BETWEEN_S = 5, 0.2
_DOMAIN = ".kucoin.com"
_TOPIC = "/market/level2"


class Kucoin(Streaming):
    """Messages hold all changes from `sequenceStart` to `sequenceEnd`; the book they belong to is asked for over REST.

    What lies beyond the last level of that answer is known only where it has changed since: it is not shown, and a book
    that has moved too far is asked for again.
    """

    def __init__(self, config: Any = None) -> None:
        super().__init__(config or {})
        self._known: dict[str, tuple[float, float]] = {}
        self._asked_at: dict[str, float] = {}
        self.options["watchOrderBook"]["snapshotDelay"] = -1  # we ask ourselves

    async def negotiate(self, privateChannel: bool, isFuturesMethod: bool = False, params: Any = None) -> Any:
        """The address of a connection, which KuCoin tells with a token."""
        self.open()
        url = await super().negotiate(privateChannel, isFuturesMethod, params or {})
        address = urlsplit(str(url))
        if address.scheme != "wss" or not (address.hostname or "").endswith(_DOMAIN):
            self.clients.pop(str(url), None)
            self._forget_address()
            raise ccxt.NetworkError(f"kucoin: its stream would be at {address.scheme}://{address.hostname}")
        return url

    def forget_books_of(self, client: Any) -> None:
        super().forget_books_of(client)
        self._forget_address()

    def before_book(self, message: Mapping[str, Any]) -> tuple[str, int | None]:
        data = message["data"]
        symbol = str(self.safe_symbol(data["symbol"]))
        known = self.orderbooks.get(symbol)
        _check(self, symbol, None if known is None else known["nonce"], data)
        for side in ("bids", "asks"):
            # A price of 0 is no level: only the number counts (KuCoin docs, "Orderbook - Increment").
            data["changes"][side] = [row for row in data["changes"].get(side, ()) if float(row[0]) != 0]
        return symbol, None

    def after_book(self, client: Any, symbol: str, book: Mapping[str, Any], message: Mapping[str, Any]) -> None:
        if book["nonce"] is not None and self._is_thin(symbol, book):
            book["nonce"] = None  # type: ignore[index]
            self._ask(client, symbol)

    def handle_order_book_subscription(self, client: Any, message: Any, subscription: Any) -> None:
        super().handle_order_book_subscription(client, message, subscription)
        for symbol in subscription["symbols"]:
            self._ask(client, symbol)

    def sides(self, symbol: str, book: Mapping[str, Any]) -> tuple[Sequence[Row], Sequence[Row]] | None:
        if book["nonce"] is None or symbol not in self._known:
            return None
        bids, asks = self._counts(symbol, book)
        return book["bids"][:bids], book["asks"][:asks]

    def handle_error_message(self, client: Any, message: Any) -> Any:
        topic = client.subscriptions.pop(str(message.get("id")), None)
        if not isinstance(topic, str) or not topic.startswith(_TOPIC):
            return super().handle_error_message(client, message)
        self.refuse(client, topic, ccxt.BadRequest(f"kucoin {message.get('code')} {message.get('data')}"[:200]))
        return False

    def refuse(self, client: Any, name: str, error: Exception) -> None:
        super().refuse(client, name, error)
        client.reject(error, f"orderbook:{self.symbol_of(name)}")

    def _forget_address(self) -> None:
        """A token lives for a day: the next connection gets a new one, and with it another address."""
        self.options.get("urls", {}).pop("public", None)
        self.ws_dial_backoff: dict[str, Any] = {}

    def _ask(self, client: Any, symbol: str) -> None:
        self._asked_at[symbol] = time.monotonic()
        asyncio.ensure_future(self._joined(client, symbol))  # noqa: RUF006 - ends within a few answers, and raises nothing

    async def _joined(self, client: Any, symbol: str) -> None:
        """Ask for the book until it reaches the changes that came meanwhile, and join the two."""
        try:
            for _ in range(_TRIES):
                asked = await self.fetch_order_book(symbol, _SNAPSHOT)
                book = self.orderbooks.get(symbol)
                if book is None or book["nonce"] is not None or self.is_over(client):
                    return  # begun anew meanwhile
                if not book.cache or asked["nonce"] >= int(book.cache[0]["sequenceStart"]) - 1:
                    self._join(symbol, book, asked)
                    client.resolve(book, f"orderbook:{symbol}")
                    return
                await asyncio.sleep(_BETWEEN_S)
            raise self.lost(symbol, "the book that was asked for stays behind its changes")
        except Exception as e:
            error = e if isinstance(e, ccxt.BaseError) else ccxt.NetworkError(f"no book: {e!r}"[:200])
            self.refuse(client, f"{_TOPIC}:{self.market(symbol)['id']}", error)

    def _join(self, symbol: str, book: Any, asked: Mapping[str, Any]) -> None:
        changes, book.cache = book.cache, []
        book.reset(asked)
        self._known[symbol] = (
            asked["bids"][-1][0] if len(asked["bids"]) >= _SNAPSHOT else 0.0,
            asked["asks"][-1][0] if len(asked["asks"]) >= _SNAPSHOT else math.inf,
        )
        for change in changes:
            _check(self, symbol, book["nonce"], change)
            if int(change["sequenceEnd"]) > book["nonce"]:
                self.handle_book_delta(book, change)

    def _counts(self, symbol: str, book: Mapping[str, Any]) -> tuple[int, int]:
        """How many levels of each side are known without a hole."""
        lowest, highest = self._known[symbol]
        return bisect_right(book["bids"]._index, -lowest), bisect_right(book["asks"]._index, highest)

    def _is_thin(self, symbol: str, book: Mapping[str, Any]) -> bool:
        if time.monotonic() - self._asked_at.get(symbol, 0.0) < _RENEW_S:
            return False
        (lowest, highest), (bids, asks) = self._known[symbol], self._counts(symbol, book)
        return (lowest > 0 and bids < _FEWEST) or (highest < math.inf and asks < _FEWEST)


def _check(client: Kucoin, symbol: str, number: int | None, change: Mapping[str, Any]) -> None:
    if number is not None and int(change["sequenceStart"]) > number + 1:
        raise client.lost(symbol, f"changes from {change['sequenceStart']} do not follow {number}")
