"""Fresh order books for pricing, shared by all orders of a process and fetched once however many ask."""

import asyncio
import time
from collections.abc import Callable

import structlog

from execution.domain.book import OrderBook
from execution.domain.shared_book import DEPTH, age_s
from execution.exchanges.base import Exchange
from execution.exchanges.errors import ExchangeError
from execution.services.market_data.shared import SharedBooks

logger = structlog.get_logger(__name__)

FORGET_AFTER_S = 60.0


class BookCache:
    """Books by (exchange, pair). A book past half of its allowed age is renewed in the background while it is used.

    Renewed from the shared books first; the exchange is asked only when there is none of less than half that age.
    """

    def __init__(self, public: Callable[[str], Exchange], shared: SharedBooks | None = None) -> None:
        self._public = public
        self._shared = shared
        self._books: dict[tuple[str, str], OrderBook] = {}
        self._fetching: dict[tuple[str, str], asyncio.Task[OrderBook]] = {}
        self._renewing: dict[tuple[str, str], asyncio.Task[OrderBook | None]] = {}

    async def get(self, exchange: str, symbol: str, *, max_age_s: float, wait_s: float) -> OrderBook | None:
        """A book at most `max_age_s` old, or None if none can be had within `wait_s`."""
        key = (exchange, symbol)
        book = self._fresh(key, max_age_s)
        if book is not None:
            if age_s(book, time.time()) > max_age_s / 2:
                self._renew(key, max_age_s)
            return book
        try:
            # shield: one caller that gives up must not cancel the fetch that the others wait for.
            return await asyncio.wait_for(asyncio.shield(self._renew(key, max_age_s)), wait_s)
        except (ExchangeError, TimeoutError):
            return self._fresh(key, max_age_s)

    def _fresh(self, key: tuple[str, str], max_age_s: float) -> OrderBook | None:
        book = self._books.get(key)
        return book if book is not None and age_s(book, time.time()) <= max_age_s else None

    def _renew(self, key: tuple[str, str], max_age_s: float) -> "asyncio.Task[OrderBook | None]":
        task = self._renewing.get(key)
        if task is None:
            task = self._renewing[key] = asyncio.create_task(self._renewed(key, max_age_s))
            task.add_done_callback(lambda done: self._renewal_done(key, done))
        return task

    async def _renewed(self, key: tuple[str, str], max_age_s: float) -> OrderBook | None:
        """The newest shared book while it is young; else the exchange's, which old ones do not wait for."""
        if self._shared is not None:
            shared = await self._shared.get(key)
            if shared is not None:
                self._keep(key, shared)
        book = self._fresh(key, max_age_s)
        if book is not None and age_s(book, time.time()) <= max_age_s / 2:
            return book
        fetching = self._fetch(key)
        return book if book is not None else await asyncio.shield(fetching)

    def _renewal_done(self, key: tuple[str, str], task: "asyncio.Task[OrderBook | None]") -> None:
        self._renewing.pop(key, None)
        if not task.cancelled():
            task.exception()  # told by the fetch already

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
        self._keep(key, task.result())

    def _keep(self, key: tuple[str, str], book: OrderBook) -> None:
        known = self._books.get(key)
        if known is None or age_s(book, time.time()) < age_s(known, time.time()):
            self._books[key] = book
