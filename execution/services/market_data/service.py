"""The market data process: feeds of books and trades per exchange, the pairs in use, one writer."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

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
from execution.services.market_data.bars import Changed, stopped_tapes, store_bars
from execution.services.market_data.feed import BookFeed
from execution.services.market_data.publisher import Publisher
from execution.services.market_data.trades import TradeFeed

logger = structlog.get_logger(__name__)

PAIRS_EVERY_S = 3.0
FIGURES_EVERY_S = 1.0
SAW_EVERY_S = 5.0
ARBITRAGE_EVERY_S = 1.0
BARS_EVERY_S = 5.0
WRITTEN_WITHIN_S = 3600.0
"""Minutes of trades that the database did not take for so long are given up."""

PRUNE_EVERY_S = 600.0
STOP_WITHIN_S = 5.0


class MarketData:
    """Follows books until told to stop. always: pairs that are followed whether they are in use or not."""

    def __init__(self, options: ExecutorOptions, always: Sequence[str]) -> None:
        self._options = options
        self._always = always
        self._feeds: dict[str, BookFeed] = {}
        self._trades: dict[str, TradeFeed] = {}
        self._unwritten: Changed = {}
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
        self._spawn(self._every(BARS_EVERY_S, self._write_bars))
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
        # Each waits for its exchange to say goodbye; one that is silent must not keep the others waiting.
        await asyncio.gather(*(feed.close() for feed in self._feeds.values()), return_exceptions=True)
        await self._pool.close()
        await self._publisher.close()

    async def _choose_pairs(self) -> None:
        """Follow what is in use now. An exchange that is switched off is no longer followed."""
        wanted = await self._database.run(books_in_use, self._always)
        for slug in set(wanted) - set(self._feeds):
            feed = BookFeed(slug, self._pool.public(slug), self._pool.stream(slug), self._publisher.put)
            self._feeds[slug] = feed
            self._trades[slug] = trades = TradeFeed(slug, self._pool.public(slug))
            self._spawn(feed.run())
            self._spawn(trades.run())
        for slug, feed in self._feeds.items():
            feed.want(wanted.get(slug, ()))
        await self._follow_trades(wanted)

    async def _follow_trades(self, wanted: Mapping[str, Collection[str]]) -> None:
        new = {key for slug, trades in self._trades.items() for key in trades.new_among(wanted.get(slug, ()))}
        stopped = await self._database.run(stopped_tapes, new, timezone.now()) if new else {}
        for slug, trades in self._trades.items():
            trades.want(wanted.get(slug, ()), stopped)

    async def _write_bars(self) -> None:
        """What cannot be written now is written with the next."""
        for trades in self._trades.values():
            self._unwritten |= trades.take_changed()
        oldest = time.time() - WRITTEN_WITHIN_S
        self._unwritten = {key: bar for key, bar in self._unwritten.items() if key[2] >= oldest}
        await self._database.run(store_bars, self._unwritten)
        self._unwritten = {}

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
