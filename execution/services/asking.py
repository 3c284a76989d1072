"""Order books for processes that run no executor (previews): asked of the exchanges on a loop of their own, bounded."""

import asyncio
import threading
import time
from collections.abc import Iterable

from django.conf import settings

from execution.domain.book import OrderBook
from execution.exchanges.registry import AdapterPool
from execution.services.budgets import Budgets
from execution.services.market_data import BookCache

WAIT_S = 2.0
"""For all books together. An exchange that is slower has its book next time."""

NOT_AGAIN_FOR_S = 2.0
"""A book that could not be had is not asked for again so soon: previews share the requests that orders need."""

_TIMEOUT_S = 5.0


class _Asker:
    """A thread with an event loop, adapters without anybody's keys, and the books they brought."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="books", daemon=True).start()
        self._cache: BookCache | None = None
        self._failed_at: dict[tuple[str, str], float] = {}

    async def books(self, symbol: str, slugs: Iterable[str], oldest_s: float) -> dict[str, OrderBook]:
        """What came in time."""
        cache = self._books()
        now = time.monotonic()
        self._failed_at = {key: at for key, at in self._failed_at.items() if now - at < NOT_AGAIN_FOR_S}
        names = [slug for slug in slugs if (slug, symbol) not in self._failed_at]
        got = await asyncio.gather(
            *(cache.get(slug, symbol, max_age_s=oldest_s, wait_s=WAIT_S) for slug in names), return_exceptions=True
        )
        found = {slug: book for slug, book in zip(names, got, strict=True) if isinstance(book, OrderBook)}
        self._failed_at |= {(slug, symbol): time.monotonic() for slug in names if slug not in found}
        return found

    def _books(self) -> BookCache:
        if self._cache is None:
            budgets = Budgets(settings.REDIS_URL, share=settings.ENV["RATE_LIMIT_SHARE"], on_ban=lambda _: None)
            pool = AdapterPool(
                base_urls=settings.ENV["EXCHANGE_BASE_URLS"],
                timeout_s=_TIMEOUT_S,
                meters=budgets.meter,
                public_secrets=settings.ENV["PUBLIC_KEYS"],
            )
            self._cache = BookCache(pool.public)
        return self._cache


_lock = threading.Lock()
_asker: _Asker | None = None


def books_now(symbol: str, slugs: Iterable[str], oldest_s: float) -> dict[str, OrderBook]:
    """Books of this pair at most `oldest_s` old, by exchange; what cannot be had within WAIT_S is missing."""
    global _asker
    with _lock:
        if _asker is None:
            _asker = _Asker()
        asker = _asker
    return asyncio.run_coroutine_threadsafe(asker.books(symbol, slugs, oldest_s), asker.loop).result(WAIT_S + 5)
