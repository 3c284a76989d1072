"""Reading shared books, many at once. Redis that does not answer is left alone for a second."""

import asyncio
import time
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from execution.domain import shared_book
from execution.domain.book import OrderBook

logger = structlog.get_logger(__name__)

REDIS_TIMEOUT_S = 0.25
WITHOUT_REDIS_S = 1.0

Key = tuple[str, str]
"""Exchange and pair."""


def connect(redis_url: str) -> Redis:
    """A client that answers soon or not at all."""
    options: dict[str, Any] = {"socket_timeout": REDIS_TIMEOUT_S, "socket_connect_timeout": REDIS_TIMEOUT_S}
    return Redis.from_url(redis_url, retry=Retry(NoBackoff(), 0), **options)


class SharedBooks:
    """The books that the market data process shares. Used from one event loop.

    What is asked for while Redis is being asked goes together in the next call: however many orders wait, there is one
    call at a time.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis = connect(redis_url)
        self._waiting: dict[Key, asyncio.Future[OrderBook | None]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._without_redis_until = 0.0

    async def get(self, key: Key) -> OrderBook | None:
        """The book of an exchange and pair as it is shared, however old; None: there is none, or no Redis."""
        future = self._waiting.get(key)
        if future is None:
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(future)

    async def close(self) -> None:
        """Close the connection."""
        if self._asking is not None:
            self._asking.cancel()
        await self._redis.aclose()

    async def _ask(self) -> None:
        asked: dict[Key, asyncio.Future[OrderBook | None]] = {}
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, {}
                found = await self._read(list(asked))
                for key, future in asked.items():
                    if not future.done():
                        future.set_result(found.get(key))
        finally:
            # Whatever happened, nobody may wait for ever.
            self._asking = None
            for future in asked.values():
                if not future.done():
                    future.set_result(None)

    async def _read(self, keys: list[Key]) -> dict[Key, OrderBook]:
        if time.monotonic() < self._without_redis_until:
            return {}
        try:
            texts = await self._redis.mget([shared_book.key_of(*key) for key in keys])
        except (RedisError, OSError) as e:
            self._without_redis_until = time.monotonic() + WITHOUT_REDIS_S
            logger.warning("shared_books_unavailable", error=str(e))
            return {}
        found = {}
        for key, text in zip(keys, texts, strict=True):
            book = shared_book.decode(text, key[1]) if text else None
            if book is not None:
                found[key] = book
        return found
