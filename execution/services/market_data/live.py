"""One book of one exchange as the market data process holds it: from the stream, or from REST while that is silent."""

import asyncio
import time
from collections.abc import Callable

from execution.domain import shared_book
from execution.domain.book import BookSource, OrderBook
from execution.domain.lag import Lag
from execution.exchanges.streaming import LiveBook

WRITE_EVERY_S = 0.05
"""A book is written at most so often; what changes in between goes with the next write."""


class Live:
    """Never younger than it is: the age of what was received is kept, and nothing older replaces it.

    read: the stream's book as it stands. publish: takes a key and a text. refuse: told what is wrong with the stream's
    book, which is not published then.
    """

    def __init__(
        self,
        exchange: str,
        symbol: str,
        *,
        lag: Lag,
        read: Callable[[], LiveBook | None],
        publish: Callable[[str, bytes], None],
        refuse: Callable[[str], None],
    ) -> None:
        self.symbol = symbol
        self.received_at = 0.0
        """Epoch seconds at which the book was true; 0: there is none yet."""
        self.is_streaming = False
        self.updates = 0
        """How many came over the stream."""
        self.strikes = self.failures = 0
        self.ask_again_at = 0.0
        self._key = shared_book.key_of(exchange, symbol)
        self._lag = lag
        self._read = read
        self._publish = publish
        self._refuse = refuse
        self._streamed_at = 0.0
        self._written_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def streamed(self, book: LiveBook) -> None:
        """The stream's book has changed; it is written soon."""
        self.is_streaming = True
        self.updates += 1
        self.strikes = 0
        self._streamed_at = self._lag.true_at(time.time(), book.exchange_time)
        if self._timer is None:
            wait = self._written_at + WRITE_EVERY_S - time.monotonic()
            self._timer = asyncio.get_running_loop().call_later(max(0.0, wait), self._write)

    def polled(self, book: OrderBook) -> None:
        """The exchange was asked and gave this. Raises ValueError for a book that cannot be."""
        if problem := shared_book.problem_of(book.bids, book.asks):
            raise ValueError(problem)
        if book.received_at > self.received_at:
            self.received_at = book.received_at
            text = shared_book.encode(
                book.bids,
                book.asks,
                received_at=book.received_at,
                sequence=book.sequence,
                exchange_time=book.exchange_time,
            )
            self._publish(self._key, text)

    def differs_from(self, book: OrderBook) -> bool:
        """Whether the stream's best prices are not those of `book`: it has missed something."""
        ours = self._read()
        if ours is None:
            return True
        tops = [[float(row[0]) for row in rows[:1]] for rows in (ours.bids, ours.asks, book.bids, book.asks)]
        return tops[:2] != tops[2:]

    def lost(self) -> None:
        """The stream has ended; what it had is not written any more."""
        self.is_streaming = False
        self.strikes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _write(self) -> None:
        self._timer = None
        self._written_at = time.monotonic()
        book = self._read()
        if book is None or self._streamed_at <= self.received_at:
            return
        bids, asks = book.bids[: shared_book.DEPTH], book.asks[: shared_book.DEPTH]
        if problem := shared_book.problem_of(bids, asks):
            self._refuse(problem)
            return
        self.received_at = self._streamed_at
        text = shared_book.encode(
            bids,
            asks,
            received_at=self._streamed_at,
            sequence=book.sequence,
            exchange_time=book.exchange_time,
            source=BookSource.STREAM,
        )
        self._publish(self._key, text)
