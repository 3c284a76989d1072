"""The streamed books of one exchange, and why there may be none."""

import asyncio
import importlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import ccxt.async_support as ccxt

from execution.exchanges.ccxt_client import new_client
from execution.exchanges.ccxt_exchange import CcxtExchange
from execution.exchanges.errors import ExchangeError
from execution.exchanges.metering import Meter
from execution.exchanges.quirks.base import Quirks
from execution.exchanges.streaming.clients import STREAMED
from execution.exchanges.streaming.clients.base import Gap, Restart, Row
from execution.exchanges.transport import Transport


class StreamBroken(Exception):
    """The book is not followed any more; `reason` is one word for metrics: gap, connection, refused, restart."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class LiveBook:
    """A book as it stands. The rows belong to ccxt and change with the next message: read them at once."""

    bids: Sequence[Row]
    asks: Sequence[Row]
    sequence: int | None
    exchange_time: float | None


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
        self._streamed = STREAMED[self.slug]
        self._client = new_client(
            quirks, transport, timeout_s=timeout_s, meter=meter, streams=_streaming_class(self.slug)
        )
        self._client.allowed_paths = quirks.paths | self._streamed.paths
        self._turn_at = 0.0

    async def wait(self, symbol: str) -> LiveBook:
        """The book, as soon as it is there or has changed. Raises StreamBroken; the next call follows it anew."""
        try:
            return await self._next(symbol)
        except ExchangeError as e:
            raise StreamBroken("connection", e.detail) from None
        except Restart as e:
            raise StreamBroken("restart", str(e)) from None
        except (Gap, ccxt.InvalidNonce) as e:
            raise StreamBroken("gap", str(e)) from None
        except ccxt.NetworkError as e:
            raise StreamBroken("connection", str(e)[:200]) from None
        except (ccxt.BaseError, OSError) as e:
            raise StreamBroken("refused", str(e)[:200]) from None

    def book(self, symbol: str) -> LiveBook | None:
        """The book as it stands, if it is right as far as anybody can tell."""
        source = self._source(symbol)
        book = self._client.orderbooks.get(source)
        sides = None if book is None else self._client.sides(source, book)
        if book is None or sides is None:
            return None
        (bids, asks), time_ms = sides, book["timestamp"]
        return LiveBook(bids, asks, book["nonce"], time_ms / 1000 if time_ms else None)

    def restart(self, symbol: str, why: str) -> None:
        """Forget a book and drop the connection it comes over; others on the same connection begin anew too."""
        for client in {id(client): client for client, _ in self._subscriptions(symbol)}.values():
            client.on_error(Restart(f"{self.slug} {symbol}: {why}"))
        self._client.orderbooks.pop(self._source(symbol), None)

    def resubscribe(self, symbol: str, why: str) -> None:
        """Forget a book and let the next `wait` subscribe to it again, over the same connection."""
        for client, name in self._subscriptions(symbol):
            self._client.refuse(client, name, Restart(f"{self.slug} {symbol}: {why}"))

    async def close(self) -> None:
        """Close the connections; the transport stays open."""
        await self._client.close_ws_clients()

    async def _next(self, symbol: str) -> LiveBook:
        client = self._client
        if not client.markets:
            await self._public.share_markets_with(client)
        client.market(symbol)  # raises BadSymbol
        source = self._source(symbol)
        while True:
            if source not in client.orderbooks:
                await self._turn()
            await client.watch_order_book(source, self._streamed.depth)
            if source not in client.orderbooks:
                raise Gap(f"{self.slug} {symbol}: the book was wrong")
            book = self.book(symbol)
            if book is not None:
                return book

    async def _turn(self) -> None:
        """Wait until one more may be subscribed to."""
        now = time.monotonic()
        self._turn_at = max(now, self._turn_at + self._streamed.pace_s)
        await asyncio.sleep(self._turn_at - now)

    def _source(self, symbol: str) -> str:
        return str(self._client.source(symbol)) if symbol in (self._client.markets or {}) else symbol

    def _subscriptions(self, symbol: str) -> list[tuple[Any, str]]:
        """The connection that a book comes over and the name of its subscription there."""
        source = self._source(symbol)
        return [
            (client, name)
            for client in list((self._client.clients or {}).values())
            for name in list(client.subscriptions)
            if self._client.symbol_of(name) == source
        ]
