"""Every request of every process is counted in Redis before it is sent; requests that come together are one call.

Redis gone: each process counts for itself, with a tenth of every limit. Never without a limit.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import LockError, RedisError

from execution.exchanges.errors import NotSent
from execution.exchanges.limits import LIMITS, Per
from execution.exchanges.metering import Meter
from execution.services.budgets.buckets import Bucket, LocalBuckets, bucket
from execution.services.budgets.scripts import BAN, NONCE, RESERVE
from policies.domain.reasons import ReasonCode

logger = structlog.get_logger(__name__)

LONGEST_BAN_S = 7 * 86_400.0
"""A longer one is a mistake; whoever really means it says so again."""

LONGEST_WAIT_S = 3.0
"""A request that would have to wait longer is refused: an order goes elsewhere, a question is asked again later."""

REDIS_TIMEOUT_S = 0.25
WITHOUT_REDIS_S = 1.0
"""How long Redis is left alone after it did not answer."""

TURN_S = 15.0
"""The longest a process keeps the turn of a set of keys; longer than any call may take."""

SAME_BAN_S = 0.5
"""A ban that ends at most this much later than the one known is the same one."""

PREFIX = "budget"


@dataclass(frozen=True, slots=True)
class Banned:
    """An exchange refuses this machine until `until` (epoch seconds)."""

    exchange: str
    until: float


@dataclass(slots=True)
class _Request:
    bans: tuple[str, ...]
    buckets: tuple[Bucket, ...]
    answer: "asyncio.Future[float]"


class Budgets:
    """All meters of a process. Used from one event loop.

    share: how much of each published limit this installation may use. on_ban: told when an exchange bans the machine.
    """

    def __init__(self, redis_url: str, *, share: float, on_ban: Callable[[Banned], None]) -> None:
        options: dict[str, Any] = {"socket_timeout": REDIS_TIMEOUT_S, "socket_connect_timeout": REDIS_TIMEOUT_S}
        self.redis: Redis = Redis.from_url(redis_url, retry=Retry(NoBackoff(), 0), **options)
        self.share = share
        self.on_ban = on_ban
        self._reserve = self.redis.register_script(RESERVE)
        self._ban = self.redis.register_script(BAN)
        self._nonce = self.redis.register_script(NONCE)
        self._waiting: list[_Request] = []
        self._asking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._local = LocalBuckets()
        self._local_bans: dict[str, float] = {}
        self._without_redis_until = 0.0
        self._last_nonce = 0

    def meter(self, slug: str, key: str | None) -> Meter:
        """The meter of one adapter; `key` names the exchange keys, None for public data."""
        return _ExchangeMeter(self, slug, key)

    async def reserve(self, bans: tuple[str, ...], buckets: tuple[Bucket, ...]) -> float:
        """Seconds to wait before the request; negative: refused, and for how long."""
        request = _Request(bans, buckets, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await request.answer

    def ban(self, name: str, seconds: float) -> bool:
        """Let every process stop, and remember it here in case Redis is gone. False: that is so already.

        Many answers that were under way say the same.
        """
        until = time.time() + seconds
        if until <= self._local_bans.get(name, 0.0) + SAME_BAN_S:
            return False
        self._local_bans[name] = until
        task = asyncio.create_task(self._tell_ban(name, seconds))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def next_nonce(self, name: str) -> int:
        """The first nonce of a turn: larger than any of these keys before, in any process."""
        now = time.time_ns() // 1000
        if time.monotonic() >= self._without_redis_until:
            try:
                self._last_nonce = max(self._last_nonce, int(await self._nonce(keys=[name], args=[now])))
                return self._last_nonce
            except (RedisError, OSError) as e:
                self._lost(e)
        self._last_nonce = max(self._last_nonce + 100, now)
        return self._last_nonce

    async def close(self) -> None:
        """Close the connection."""
        await self.redis.aclose()

    async def _ask(self) -> None:
        """Answer all that wait, until nobody does. What comes while Redis is asked is the next call."""
        requests: list[_Request] = []
        try:
            while self._waiting:
                requests, self._waiting = self._waiting, []
                waits = await self._answers(requests)
                for request, wait in zip(requests, waits, strict=True):
                    if not request.answer.done():
                        request.answer.set_result(wait / 1_000_000)
        finally:
            # Whatever happened here, nobody may wait for ever: neither these nor those that come next.
            self._asking = None
            for request in requests:
                request.answer.cancel()

    async def _answers(self, requests: list[_Request]) -> list[float]:
        if time.monotonic() >= self._without_redis_until:
            asked = [(r.bans, [(b.name, b.cost, b.burst) for b in r.buckets], LONGEST_WAIT_S * 1e6) for r in requests]
            try:
                return [float(wait) for wait in await self._reserve(args=[orjson.dumps(asked)])]
            except (RedisError, OSError) as e:
                self._lost(e)
        return [self._alone(request) for request in requests]

    def _alone(self, request: _Request) -> float:
        now = time.time()
        ban = max((self._local_bans.get(name, 0.0) - now for name in request.bans), default=0.0)
        if ban > 0:
            return -ban * 1e6
        return self._local.reserve(request.buckets, now * 1e6, LONGEST_WAIT_S * 1e6)

    async def _tell_ban(self, name: str, seconds: float) -> None:
        try:
            await self._ban(keys=[name], args=[int(seconds * 1000)])
        except (RedisError, OSError) as e:
            self._lost(e)

    def _lost(self, error: Exception) -> None:
        self._without_redis_until = time.monotonic() + WITHOUT_REDIS_S
        logger.warning("rate_budgets_without_redis", error=str(error))


class _ExchangeMeter:
    """See `Meter`."""

    def __init__(self, budgets: Budgets, slug: str, key: str | None) -> None:
        self._budgets = budgets
        self._slug = slug
        self._key = key
        self._limits = LIMITS[slug]
        self._names = {Per.IP: f"{PREFIX}:{{{slug}}}", Per.KEY: f"{PREFIX}:{{{slug}}}:{key}"}
        scopes = (Per.IP, Per.KEY) if key else (Per.IP,)
        self._bans = tuple(f"{self._names[scope]}:ban" for scope in scopes)
        self._known: dict[str, tuple[Bucket, ...]] = {}

    async def take(self, endpoint: str) -> None:
        buckets = self._known.get(endpoint)
        if buckets is None:
            buckets = self._known[endpoint] = self._buckets(endpoint)
        wait = await self._budgets.reserve(self._bans, buckets)
        if wait < 0:
            raise NotSent(
                ReasonCode.RATE_LIMITED,
                f"The request limit of {self._slug} is used up for {-wait:.1f} s more.",
                retry_after_s=-wait,
            )
        if wait:
            await asyncio.sleep(wait)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[int | None]:
        name = self._names[Per.KEY]
        lock = self._budgets.redis.lock(f"{name}:turn", timeout=TURN_S, blocking_timeout=LONGEST_WAIT_S, sleep=0.01)
        try:
            held = await lock.acquire()
        except (RedisError, OSError):
            held = True  # alone with the nonce; a refused one proves that nothing was placed
        if not held:
            raise NotSent(ReasonCode.RATE_LIMITED, f"Other calls with these {self._slug} keys take too long.")
        try:
            yield await self._budgets.next_nonce(f"{name}:nonce")
        finally:
            try:
                await lock.release()
            except (LockError, RedisError, OSError):
                logger.info("turn_not_given_back", exchange=self._slug)

    def answered(self, headers: Mapping[str, str]) -> None:
        for limit in self._limits.limits:
            if limit.told_in:
                told = next((value for name, value in headers.items() if name.lower() == limit.told_in), "")
                if told.isdigit() and int(told) >= limit.amount * self._budgets.share:
                    # Somebody else at this address uses it as well: stop until the exchange counts anew.
                    self._stop(Per.IP, limit.seconds - time.time() % limit.seconds)

    def refused(self, retry_after_s: float | None) -> None:
        seconds = self._limits.ban_s if retry_after_s is None else max(retry_after_s, 0.1)
        self._stop(self._limits.bans if self._key else Per.IP, min(seconds, LONGEST_BAN_S))

    def _stop(self, per: Per, seconds: float) -> None:
        if not self._budgets.ban(f"{self._names[per]}:ban", seconds):
            return
        logger.warning("exchange_asked_to_wait", exchange=self._slug, per=per.value, seconds=round(seconds, 1))
        if per is Per.IP:
            self._budgets.on_ban(Banned(self._slug, time.time() + seconds))

    def _buckets(self, endpoint: str) -> tuple[Bucket, ...]:
        found = []
        for limit in self._limits.limits:
            units = limit.weight(endpoint)
            if units and (limit.per is Per.IP or self._key):
                name = f"{self._names[limit.per]}:{limit.name}"
                found.append(bucket(name, limit, units, self._budgets.share))
        return tuple(found)
