"""Writes shared books to Redis: what came together goes together, and what could not be written is written later."""

import asyncio

import structlog
from redis.exceptions import RedisError

from execution.domain.shared_book import EXPIRES_S
from execution.services.market_data.shared import WITHOUT_REDIS_S, connect

logger = structlog.get_logger(__name__)

GATHER_S = 0.01
"""Books that change within this are one trip to Redis."""


class Publisher:
    """One writer for all books of the process; of each book only the newest text waits."""

    def __init__(self, redis_url: str) -> None:
        self._redis = connect(redis_url)
        self._pending: dict[str, bytes] = {}
        self._wakeup = asyncio.Event()

    def put(self, key: str, text: bytes) -> None:
        """Write this soon."""
        self._pending[key] = text
        self._wakeup.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._wakeup.wait()
            await asyncio.sleep(GATHER_S)
            self._wakeup.clear()
            pending, self._pending = self._pending, {}
            try:
                await self._write(pending)
            except (RedisError, OSError) as e:
                logger.warning("books_not_shared", books=len(pending), error=str(e))
                self._pending = pending | self._pending
                await asyncio.sleep(WITHOUT_REDIS_S)
                self._wakeup.set()

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    async def _write(self, texts: dict[str, bytes]) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for key, text in texts.items():
                pipeline.set(key, text, ex=EXPIRES_S)
            await pipeline.execute()
