"""The market data process: a feed per exchange, the pairs in use, one writer."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog
from django.db import DatabaseError
from django.utils import timezone

from execution.domain import feeds
from execution.exchanges.registry import AdapterPool
from execution.selectors.books import books_in_use
from execution.services import arbitrage, rollups
from execution.services.budgets import Banned, Budgets
from execution.services.executor.options import ExecutorOptions
from execution.services.executor.threads import DatabaseThreads
from execution.services.market_data import figures
from execution.services.market_data.feed import BookFeed
from execution.services.market_data.publisher import Publisher

logger = structlog.get_logger(__name__)

PAIRS_EVERY_S = 3.0
FIGURES_EVERY_S = 1.0
SAW_EVERY_S = 5.0
ARBITRAGE_EVERY_S = 1.0
PRUNE_EVERY_S = 600.0
STOP_WITHIN_S = 5.0


class MarketData:
    """Follows books until told to stop. always: pairs that are followed whether they are in use or not."""

    def __init__(self, options: ExecutorOptions, always: Sequence[str]) -> None:
        self._options = options
        self._always = always
        self._feeds: dict[str, BookFeed] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then close everything."""
        options = self._options
        self._publisher = Publisher(options.redis_url)
        self._database = DatabaseThreads()
        budgets = Budgets(options.redis_url, share=options.rate_limit_share, on_ban=_banned)
        self._pool = AdapterPool(
            base_urls=options.base_urls,
            timeout_s=options.timeout_s,
            meters=budgets.meter,
            public_secrets=options.public_secrets,
        )
        self._spawn(self._publisher.run())
        self._spawn(self._every(PAIRS_EVERY_S, self._choose_pairs))
        self._spawn(self._every(FIGURES_EVERY_S, self._count))
        self._spawn(self._every(SAW_EVERY_S, self._tell_ages))
        self._spawn(self._every(ARBITRAGE_EVERY_S, self._look_for_arbitrage))
        self._spawn(self._every(PRUNE_EVERY_S, self._prune))
        try:
            await stop.wait()
        finally:
            try:
                async with asyncio.timeout(STOP_WITHIN_S):
                    await self._close()
                    await budgets.close()
            except TimeoutError:
                logger.warning("market_data_stopped_hard")
            self._database.close()

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for feed in self._feeds.values():
            await feed.close()
        await self._pool.close()
        await self._publisher.close()

    async def _choose_pairs(self) -> None:
        """Follow what is in use now. An exchange that is switched off is no longer followed."""
        wanted = await self._database.run(books_in_use, self._always)
        for slug in set(wanted) - set(self._feeds):
            feed = BookFeed(slug, self._pool.public(slug), self._pool.stream(slug), self._publisher.put)
            self._feeds[slug] = feed
            self._spawn(feed.run())
        for slug, feed in self._feeds.items():
            feed.want(wanted.get(slug, ()))

    async def _count(self) -> None:
        """Tell how every exchange's books are followed: as figures, and to all who read the shared books."""
        now = time.time()
        states = {slug: feed.state(now) for slug, feed in self._feeds.items()}
        for slug, state in states.items():
            figures.market_data_book_age_seconds.labels(slug).set(state.oldest_s or 0.0)
            figures.market_data_books_streamed.labels(slug).set(state.streamed)
        self._publisher.put(feeds.KEY, feeds.encode(states, now))

    async def _tell_ages(self) -> None:
        """Put the youngest book's age of each exchange where the status page reads it."""
        now = time.time()
        ages = {slug: min(found.values()) for slug, feed in self._feeds.items() if (found := feed.ages(now))}
        await self._database.run(rollups.saw_books, ages)

    async def _look_for_arbitrage(self) -> None:
        await self._database.run(arbitrage.scan_and_store, self._always)

    async def _prune(self) -> None:
        await self._database.run(arbitrage.prune, timezone.now())

    async def _every(self, seconds: float, action: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await action()
            except DatabaseError as e:
                logger.warning("market_data_without_database", error=str(e))
            except Exception:
                logger.exception("market_data_duty_failed")
            await asyncio.sleep(seconds)

    def _spawn(self, work: Awaitable[None]) -> None:
        self._tasks.add(asyncio.ensure_future(work))


def _banned(banned: Banned) -> None:
    logger.warning("exchange_banned_us", exchange=banned.exchange, until=banned.until)
