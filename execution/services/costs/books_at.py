"""Books of the moments at which orders were filled, as workers remembered them in Redis."""

from collections.abc import Callable, Mapping, Sequence

import structlog
from redis.exceptions import RedisError

from execution.domain.book import OrderBook
from execution.domain.fill_books import AFTER_S, BEFORE_S, key_of, nearest
from execution.selectors.books import shared_redis

logger = structlog.get_logger(__name__)

Moment = tuple[str, float]
"""A pair, and epoch seconds."""

ReadBooksAt = Callable[[Sequence[Moment]], Mapping[Moment, Mapping[str, OrderBook]]]


def books_at(moments: Sequence[Moment]) -> dict[Moment, Mapping[str, OrderBook]]:
    """By moment, the books that were remembered nearest to it. One round trip; without Redis there are none."""
    if not moments:
        return {}
    try:
        with shared_redis().pipeline(transaction=False) as pipeline:
            for symbol, at in moments:
                pipeline.zrangebyscore(key_of(symbol), at - BEFORE_S, at + AFTER_S, start=0, num=10)
            answers = pipeline.execute()
    except (RedisError, OSError) as e:
        logger.warning("books_at_fills_unavailable", error=str(e))
        return {}
    return {(symbol, at): nearest(texts, symbol, at) for (symbol, at), texts in zip(moments, answers, strict=True)}


def no_books_at(_: Sequence[Moment]) -> dict[Moment, Mapping[str, OrderBook]]:
    """For what is computed long after."""
    return {}
