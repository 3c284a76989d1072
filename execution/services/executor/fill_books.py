"""Remembers what all exchanges showed when orders were filled, for those pairs that smart routing trades.

The copying is done inside Redis: one call per batch of fills and no book passes through the worker. What Redis loses is
unknown later; nothing waits for it here.
"""

import time
from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Any

import structlog
from redis.exceptions import RedisError

from execution.domain.fill_books import EXPIRES_S, MOST, key_of
from execution.domain.shared_book import key_of as book_key_of
from execution.services.ledger import Move
from execution.services.market_data.shared import WITHOUT_REDIS_S, connect

logger = structlog.get_logger(__name__)

EVERY_S = 0.25
"""The books of a pair are kept at most so often; fills in between are close enough to one of them."""

SMART_FOR_S = 3600.0
"""A pair whose exchanges were compared counts as one that is, for so long."""

_COPY = """
-- KEYS[1]: where to; the others: books. ARGV: moment, how many to keep, for how long, then the books' exchanges.
local parts = {}
for i = 2, #KEYS do
    local text = redis.call('GET', KEYS[i])
    if text then
        parts[#parts + 1] = cjson.encode(ARGV[i + 2]) .. ':' .. text
    end
end
if #parts == 0 then
    return 0
end
redis.call('ZADD', KEYS[1], ARGV[1], '{"at":' .. ARGV[1] .. ',"books":{' .. table.concat(parts, ',') .. '}}')
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[2] - 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return #parts
"""


class FillBooks:
    """Used from one event loop. exchanges: whose books there may be. spawn: starts work that nobody waits for."""

    def __init__(
        self,
        redis_url: str,
        exchanges: Callable[[], Collection[str]],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._redis = connect(redis_url)
        self._exchanges = exchanges
        self._spawn = spawn
        self._smart_until: dict[str, float] = {}
        self._kept_at: dict[str, float] = {}
        self._without_redis_until = 0.0

    def compared(self, symbols: Iterable[str]) -> None:
        """Exchanges were compared for these pairs: what is filled of them from now on is worth remembering."""
        self._smart_until |= dict.fromkeys(symbols, time.monotonic() + SMART_FOR_S)

    def recorded(self, moves: Iterable[Move]) -> None:
        """These were recorded. Nothing is done unless fills of such pairs are among them."""
        if not self._smart_until:
            return
        now = time.monotonic()
        symbols = {
            move.order.symbol
            for move in moves
            if move.filled > move.order.filled_amount and self._smart_until.get(move.order.symbol, 0.0) > now
        }
        due = [symbol for symbol in symbols if now - self._kept_at.get(symbol, float("-inf")) >= EVERY_S]
        if due and now >= self._without_redis_until:
            self._kept_at |= dict.fromkeys(due, now)
            self._spawn(self._keep(due))

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    async def _keep(self, symbols: Collection[str]) -> None:
        slugs = list(self._exchanges())
        now = f"{time.time():.3f}"
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for symbol in symbols:
                    keys = [key_of(symbol), *(book_key_of(slug, symbol) for slug in slugs)]
                    pipeline.eval(_COPY, len(keys), *keys, now, str(MOST), str(EXPIRES_S), *slugs)
                await pipeline.execute()
        except (RedisError, OSError) as e:
            self._without_redis_until = time.monotonic() + WITHOUT_REDIS_S
            logger.warning("books_at_fills_not_kept", error=str(e))
