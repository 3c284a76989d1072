"""A witness outside the database: Redis remembers how far the ledger had come.

A database that stands behind it was restored from a backup. No witness proves nothing and stops nothing.
"""

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from execution.services.installation import installation_id

logger = structlog.get_logger(__name__)

TIMEOUT_S = 0.25
NAME = "ledger-position"


class Witness:
    """Remembers the ledger's position. Never raises and never waits long: it is only a second opinion."""

    def __init__(self, redis_url: str) -> None:
        self._redis = Redis.from_url(
            redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0)
        )

    def remembered(self) -> int | None:
        """The largest position ever told, or None when it cannot say."""
        try:
            value = self._redis.get(_name())
        except RedisError as e:
            logger.info("witness_silent", error=str(e))
            return None
        return int(value) if value is not None else None

    def remember(self, position: int) -> None:
        """The ledger has come this far."""
        try:
            self._redis.set(_name(), position)
        except RedisError as e:
            logger.info("witness_silent", error=str(e))

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()


def _name() -> str:
    return f"{NAME}:{installation_id()}"
