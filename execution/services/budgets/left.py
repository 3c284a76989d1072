"""What is left of the request limits of this machine's address, as Redis counts them for all processes."""

from collections.abc import Collection

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from execution.exchanges.limits import LIMITS, Per
from execution.services.budgets.buckets import bucket
from execution.services.budgets.budgets import PREFIX, REDIS_TIMEOUT_S

logger = structlog.get_logger(__name__)


def budgets_left(redis_url: str, slugs: Collection[str], *, share: float) -> dict[str, float]:
    """Share of its burst that each exchange's tightest limit still allows at once, 0 to 1; 0 during a ban.

    One round trip. An exchange that limits nothing by address is missing, and all are while Redis is gone: then each
    process counts for itself and nobody knows the sum.
    """
    limits = {
        slug: [(f"{PREFIX}:{{{slug}}}:{each.name}", each) for each in LIMITS[slug].limits if each.per is Per.IP]
        for slug in slugs
        if slug in LIMITS
    }
    names = {slug: f"{PREFIX}:{{{slug}}}:ban" for slug, found in limits.items() if found}
    try:
        with Redis.from_url(
            redis_url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=REDIS_TIMEOUT_S,
            socket_connect_timeout=REDIS_TIMEOUT_S,
        ) as redis:
            keys = [name for slug in names for name in (names[slug], *(key for key, _ in limits[slug]))]
            if not keys:
                return {}
            pipe = redis.pipeline(transaction=False)
            pipe.time()
            pipe.mget(keys)
            (seconds, micros), values = pipe.execute()
    except (RedisError, OSError) as e:
        logger.info("budgets_unknown", error=str(e))
        return {}
    now, known = seconds * 1_000_000 + micros, dict(zip(keys, values, strict=True))
    return {
        slug: 0.0
        if known[ban] is not None
        else min(_left(known[key], bucket(key, limit, 1, share).burst, now) for key, limit in limits[slug])
        for slug, ban in names.items()
    }


def _left(empty_at: bytes | None, burst: float, now: int) -> float:
    used = 0.0 if empty_at is None else max(0.0, float(empty_at) - now)
    return max(0.0, 1 - used / burst)
