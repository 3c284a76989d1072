"""Order books that the market data process shares over Redis, and which it should follow."""

import threading
import time
from collections.abc import Collection, Sequence
from functools import cache

import structlog
from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from execution.domain import feeds, shared_book
from execution.domain.book import OrderBook
from execution.domain.feeds import FeedState
from execution.exchanges.registry import adapters
from execution.selectors.query import fetch
from policies.snapshot import current_policy

logger = structlog.get_logger(__name__)

REDIS_TIMEOUT_S = 0.25
WITHOUT_REDIS_S = 1.0
RECENT_SIGNALS = 500
MOST_PER_EXCHANGE = 50

_lock = threading.Lock()
_without_redis_until = 0.0


def shared_books(symbol: str) -> dict[str, OrderBook]:
    """The newest shared book of a pair by exchange, however old each is (`received_at`); exchanges without are missing.

    One round trip, no exchange is asked. Without Redis there are none.
    """
    return {exchange: book for (exchange, _), book in books_of([symbol]).items()}


def books_of(symbols: Collection[str]) -> dict[tuple[str, str], OrderBook]:
    """The same for several pairs, by exchange and pair."""
    enabled = [slug for slug, exchange in current_policy().exchanges.items() if exchange.enabled]
    keys = [(slug, symbol) for slug in enabled for symbol in symbols]
    if not keys:
        return {}
    found = {}
    for key, text in zip(keys, _texts([shared_book.key_of(*key) for key in keys]), strict=True):
        book = shared_book.decode(text, key[1]) if text else None
        if book is not None:
            found[key] = book
    return found


def feeds_now() -> dict[str, FeedState]:
    """How the books of each exchange are followed just now; those nobody follows are missing. Without Redis all are."""
    (text,) = _texts([feeds.KEY])
    return feeds.decode(text, time.time()) if text else {}


def _texts(keys: Sequence[str]) -> Sequence[bytes | str | None]:
    """What Redis has under these keys; nothing where it does not answer, and for a second after that."""
    global _without_redis_until
    if time.monotonic() >= _without_redis_until:
        try:
            return shared_redis().mget(keys)
        except (RedisError, OSError) as e:
            with _lock:
                _without_redis_until = time.monotonic() + WITHOUT_REDIS_S
            logger.warning("shared_books_unavailable", error=str(e))
    return [None] * len(keys)


def shared_redis() -> Redis:
    """Where books are shared. Raises RedisError or OSError when used while it does not answer soon."""
    return _redis(settings.REDIS_URL)


@cache
def _redis(url: str) -> Redis:
    return Redis.from_url(
        url,
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )


_IN_USE = """
WITH recent AS (
    SELECT symbol FROM execution_signal ORDER BY received_at DESC LIMIT %(recent)s
), held AS (
    SELECT symbol FROM execution_position GROUP BY user_id, exchange_id, mode, symbol
    HAVING sum(bought_amount - sold_amount - base_fees) > 0
), wanted AS (
    SELECT symbol, min(rank) AS rank FROM (
        SELECT symbol, 0 AS rank FROM unnest(%(always)s::text[]) symbol
        UNION ALL SELECT symbol, 1 FROM recent
        UNION ALL SELECT symbol, 2 FROM held
    ) each GROUP BY symbol
)
SELECT m.exchange_id, m.symbol FROM execution_market m
JOIN policies_exchange e ON e.slug = m.exchange_id AND e.enabled
JOIN wanted w ON w.symbol = m.symbol
WHERE m.active
ORDER BY m.exchange_id, w.rank, m.symbol
"""


def books_in_use(always: Sequence[str]) -> dict[str, list[str]]:
    """Pairs to follow, by exchange that is enabled and lists them: `always`, then those of the latest signals, then
    those that somebody holds; at most MOST_PER_EXCHANGE each."""
    known = set(adapters())
    found: dict[str, list[str]] = {}
    for slug, symbol in fetch(_IN_USE, {"recent": RECENT_SIGNALS, "always": list(always)}):
        symbols = found.setdefault(slug, [])
        if slug in known and len(symbols) < MOST_PER_EXCHANGE:
            symbols.append(symbol)
    return {slug: symbols for slug, symbols in found.items() if symbols}
