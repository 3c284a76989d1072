"""Read models that all viewers share for a second or two, so that many open pages cost the database as one."""

from collections.abc import Callable
from typing import TypeVar

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)
T = TypeVar("T")


def shared(key: str, seconds: float, compute: Callable[[], T]) -> T:
    """What `compute` returned within the last `seconds`, for all processes. Without Redis everybody computes."""
    name = f"shared:{key}"
    try:
        kept: T | None = cache.get(name)
    except RedisError as e:
        logger.warning("cache_unavailable", error=str(e))
        return compute()
    if kept is not None:
        return kept
    fresh = compute()
    try:
        cache.set(name, fresh, timeout=seconds)
    except RedisError as e:
        logger.warning("cache_unavailable", error=str(e))
    return fresh
