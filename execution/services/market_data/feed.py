"""All books of one exchange: followed over its websocket, asked for over REST while that is silent or missing.

Everything here waits for this exchange alone, so its trouble holds up no other.
"""

import asyncio
import random
import time
from collections.abc import Callable, Collection

import structlog

from execution.domain.feeds import FeedState
from execution.domain.lag import Lag
from execution.domain.shared_book import DEPTH
from execution.exchanges.base import Exchange
from execution.exchanges.errors import ExchangeError
from execution.exchanges.streaming import BookStream, StreamBroken
from execution.services.market_data import figures
from execution.services.market_data.live import Live

logger = structlog.get_logger(__name__)

QUIET_S = 1.5
"""A streamed book that has not changed for so long is asked for: it is quiet, or the stream is dead."""

FIRST_BOOK_S = 30.0
"""A subscription that brings no book for so long has failed, whatever the exchange said."""

PATIENCE = 2
"""After so many failures in a row of one pair its connection is left to the others."""

STRIKES = 2
"""So many answers in a row that differ from a silent stream's book: the stream is dead."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
STEADY_S = 30.0
"""A stream that lasts so long was no failure."""

POLL_EVERY_S = 0.5
SLOW_POLLS_S = {"alpaca": 1.0, "firi": 2.0, "kraken": 2.0}
"""Seconds between two questions for books, where the request limits leave orders little else."""


class BookFeed:
    """The books of one exchange. `stream` None: REST only."""

    def __init__(
        self, slug: str, public: Exchange, stream: BookStream | None, publish: Callable[[str, bytes], None]
    ) -> None:
        self.slug = slug
        self._public = public
        self._stream = stream
        self._publish = publish
        self._lag = Lag()
        self._books: dict[str, Live] = {}
        self._following: dict[str, asyncio.Task[None]] = {}
        self._poll_every_s = SLOW_POLLS_S.get(slug, POLL_EVERY_S)

    def want(self, symbols: Collection[str]) -> None:
        """Follow exactly these from now on."""
        for symbol in set(self._books) - set(symbols):
            self._books.pop(symbol).lost()
            if task := self._following.pop(symbol, None):
                task.cancel()
        for symbol in set(symbols) - set(self._books):
            self._books[symbol] = live = self._new(symbol)
            if self._stream is not None:
                self._following[symbol] = asyncio.create_task(self._follow(live, self._stream))
        figures.market_data_books.labels(self.slug).set(len(self._books))

    def ages(self, now: float) -> dict[str, float]:
        """Seconds since each book was true, by pair; those that never came are missing."""
        return {symbol: now - live.received_at for symbol, live in self._books.items() if live.received_at}

    def state(self, now: float) -> FeedState:
        """How its books are followed just now."""
        ages, books = self.ages(now).values(), self._books.values()
        return FeedState(
            streams=self._stream is not None,
            followed=len(books),
            streamed=sum(live.is_streaming for live in books),
            missing=len(books) - len(ages),
            oldest_s=max(ages, default=None),
            youngest_s=min(ages, default=None),
        )

    async def run(self) -> None:
        """Ask for the books that need it, one at a time, until cancelled."""
        while True:
            await asyncio.sleep(self._poll_every_s * random.uniform(0.9, 1.1))  # noqa: S311 - spreads the load
            live = self._due()
            if live is not None:
                await self._ask(live)

    async def close(self) -> None:
        """Stop following."""
        self.want(())
        if self._stream is not None:
            await self._stream.close()

    def _new(self, symbol: str) -> Live:
        stream = self._stream
        return Live(
            self.slug,
            symbol,
            lag=self._lag,
            read=lambda: stream.book(symbol) if stream else None,
            publish=self._publish,
            refuse=lambda problem: self._refuse(symbol, problem),
        )

    async def _follow(self, live: Live, stream: BookStream) -> None:
        """Take every change of a book; after a break begin anew, later each time that it does not last."""
        failures, began = 0, time.monotonic()
        while True:
            reason = await self._next(live, stream, failures)
            if not reason:
                continue
            lasted = live.is_streaming and time.monotonic() - began > STEADY_S
            live.lost()
            if reason != "restart":  # whoever restarted it has counted it
                figures.market_data_resyncs_total.labels(self.slug, reason).inc()
            failures = 1 if lasted else failures + 1
            await asyncio.sleep(_pause(failures))
            began = time.monotonic()

    async def _next(self, live: Live, stream: BookStream, failures: int) -> str:
        """Take one change; else why there is none."""
        try:
            async with asyncio.timeout(None if live.is_streaming else FIRST_BOOK_S):
                book = await stream.wait(live.symbol)
        except StreamBroken as e:
            logger.info("stream_broken", exchange=self.slug, symbol=live.symbol, reason=e.reason, error=str(e))
            return e.reason
        except TimeoutError:
            self._nothing_came(live, stream, failures)
            return "silent"
        except Exception:
            logger.exception("stream_failed", exchange=self.slug, symbol=live.symbol)
            return "error"
        figures.market_data_messages_total.labels(self.slug, "stream").inc()
        live.streamed(book)
        return ""

    def _nothing_came(self, live: Live, stream: BookStream, failures: int) -> None:
        """Begin anew with a new connection; but a pair that never comes must not cost the others theirs for ever."""
        others = any(each.is_streaming for each in self._books.values())
        begin_anew = stream.resubscribe if others and failures >= PATIENCE else stream.restart
        begin_anew(live.symbol, "no book came")

    def _due(self) -> Live | None:
        """The oldest book that may be asked for and needs it."""
        quiet_s, now = QUIET_S if self._stream else 0.0, time.time()
        due = [
            live
            for live in self._books.values()
            if now - live.received_at > quiet_s and time.monotonic() >= live.ask_again_at
        ]
        return min(due, key=lambda live: live.received_at, default=None)

    async def _ask(self, live: Live) -> None:
        updates = live.updates
        try:
            book = await self._public.order_book(live.symbol, DEPTH)
            if live.updates != updates:
                return  # the stream has spoken meanwhile and knows better
            live.polled(book)
        except (ExchangeError, ValueError) as e:
            live.failures += 1
            asked_for = getattr(e, "retry_after_s", None) or 0.0
            live.ask_again_at = time.monotonic() + max(asked_for, _pause(live.failures))
            logger.info("book_not_read", exchange=self.slug, symbol=live.symbol, error=str(e))
            return
        figures.market_data_messages_total.labels(self.slug, "rest").inc()
        live.failures = 0
        if self._stream is not None and live.is_streaming:
            live.strikes = live.strikes + 1 if live.differs_from(book) else 0
            if live.strikes >= STRIKES:
                logger.warning("stream_silent", exchange=self.slug, symbol=live.symbol)
                live.strikes = 0
                figures.market_data_resyncs_total.labels(self.slug, "silent").inc()
                self._stream.restart(live.symbol, "it says nothing while the book moves")

    def _refuse(self, symbol: str, problem: str) -> None:
        logger.warning("book_refused", exchange=self.slug, symbol=symbol, problem=problem)
        figures.market_data_resyncs_total.labels(self.slug, problem).inc()
        if self._stream is not None:
            self._stream.restart(symbol, problem)


def _pause(failures: int) -> float:
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * float(2 ** min(failures - 1, 10)))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - keeps many from coming back at once
