"""Fresh order books for pricing, shared by all orders of a process and fetched once however many ask."""

import asyncio
import time
from collections.abc import Callable

import structlog

from execution.domain.book import OrderBook
from execution.exchanges.base import Exchange
from execution.exchanges.errors import ExchangeError

logger = structlog.get_logger(__name__)

DEPTH = 100
FORGET_AFTER_S = 60.0


class BookCache:
    """Books by (exchange, pair). A book past half of its allowed age is renewed in the background while it is used."""

    def __init__(self, public: Callable[[str], Exchange]) -> None:
        self._public = public
        self._books: dict[tuple[str, str], OrderBook] = {}
        self._fetching: dict[tuple[str, str], asyncio.Task[OrderBook]] = {}

    async def get(self, exchange: str, symbol: str, *, max_age_s: float, wait_s: float) -> OrderBook | None:
        """A book at most `max_age_s` old, or None if none can be had within `wait_s`."""
        key = (exchange, symbol)
        book = self._books.get(key)
        age = time.time() - book.received_at if book else float("inf")
        if book is not None and age <= max_age_s:
            if age > max_age_s / 2:
                self._fetch(key)
            return book
        try:
            # shield: one caller that gives up must not cancel the fetch that the others wait for.
            return await asyncio.wait_for(asyncio.shield(self._fetch(key)), wait_s)
        except (ExchangeError, TimeoutError):
            return None

    def _fetch(self, key: tuple[str, str]) -> "asyncio.Task[OrderBook]":
        task = self._fetching.get(key)
        if task is None:
            task = asyncio.create_task(self._public(key[0]).order_book(key[1], DEPTH))
            self._fetching[key] = task
            task.add_done_callback(lambda done: self._done(key, done))
        return task

    def _done(self, key: tuple[str, str], task: "asyncio.Task[OrderBook]") -> None:
        self._fetching.pop(key, None)
        if task.cancelled():
            return
        if error := task.exception():
            logger.warning("book_unavailable", exchange=key[0], symbol=key[1], error=str(error))
            return
        now = time.time()
        self._books = {k: book for k, book in self._books.items() if now - book.received_at < FORGET_AFTER_S}
        self._books[key] = task.result()
