"""The best price of a pair over the exchanges, from shared books: no exchange is asked, however many clients ask us.

`PriceCache` keeps what this process read for a moment: many clients that ask for one pair cost one trip to Redis.
"""

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from execution import metrics
from execution.domain.book import BookSource, OrderBook
from execution.domain.fees import taker_fee
from execution.domain.orders import Side
from execution.domain.quotes import Quote, quote
from execution.domain.router import Facts
from execution.domain.shared_book import age_s
from execution.selectors.books import shared_books
from execution.selectors.facts import current_facts
from execution.selectors.status_report import problem_of
from policies.domain.numbers import plain
from policies.domain.policy import ExchangePolicy, Mode, Policy
from policies.domain.reasons import ReasonCode
from policies.snapshot import current_policy

TTL_S = 30.0
"""Older books are forgotten. Whether a younger one may still price anything, the policy's `book_max_age_s` decides."""

REUSE_S = 0.2
MOST_PAIRS = 200
_BPS = Decimal(10_000)

Read = Callable[[str], Mapping[str, OrderBook]]


@dataclass(frozen=True, slots=True)
class Statistics:
    """How often a book of an exchange was wanted and there (hits), not there (misses), or too old (stale).

    streamed: so many of the hits came over its stream, the others were asked for. age_s: of the book when it was a hit
    last, None if it never was; source: how that book had come, empty likewise.
    """

    hits: int
    misses: int
    stale: int
    streamed: int = 0
    source: str = ""
    age_s: float | None = None


class PriceCache:
    """Books by pair and exchange. For all threads of a process.

    ttl_s: how old a book may be. reuse_s: how long what was read is not read again.
    """

    def __init__(self, read: Read = shared_books, *, ttl_s: float = TTL_S, reuse_s: float = REUSE_S) -> None:
        self._read = read
        self._ttl_s = ttl_s
        self._reuse_s = reuse_s
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, Mapping[str, OrderBook]]] = OrderedDict()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._last: dict[str, tuple[str, float]] = {}

    def books(self, symbol: str, exchanges: Mapping[str, object]) -> dict[str, OrderBook]:
        """The books of these exchanges that are not older than the ttl."""
        books, now = self._current(symbol), time.time()
        found = {}
        for exchange in exchanges:
            book = books.get(exchange)
            age = None if book is None else age_s(book, now)
            if book is None or age is None:
                self._count(exchange, "miss")
            elif age > self._ttl_s:
                self._count(exchange, "stale")
            else:
                found[exchange] = book
                self._count(exchange, "hit")
                self._note(exchange, book, max(0.0, age))
        return found

    def statistics(self) -> dict[str, Statistics]:
        """By exchange, since this process began."""
        with self._lock:
            counts, last = dict(self._counts), dict(self._last)
        found = {}
        for exchange in sorted({exchange for exchange, _ in counts}):
            hits, misses, stale, streamed = (
                counts.get((exchange, result), 0) for result in ("hit", "miss", "stale", "stream")
            )
            source, age = last.get(exchange, ("", None))
            found[exchange] = Statistics(hits, misses, stale, streamed, source, age)
        return found

    def forget(self) -> None:
        """Drop everything."""
        with self._lock:
            self._kept.clear()
            self._counts.clear()
            self._last.clear()

    def _current(self, symbol: str) -> Mapping[str, OrderBook]:
        with self._lock:
            read_at, books = self._kept.get(symbol, (float("-inf"), {}))
        if time.monotonic() - read_at <= self._reuse_s:
            return books
        books = self._read(symbol)
        with self._lock:
            self._kept[symbol] = time.monotonic(), books
            self._kept.move_to_end(symbol)
            while len(self._kept) > MOST_PAIRS:
                self._kept.popitem(last=False)
        return books

    def _note(self, exchange: str, book: OrderBook, age: float) -> None:
        with self._lock:
            self._counts[exchange, "stream"] += book.source == BookSource.STREAM
            self._last[exchange] = book.source.value, age

    def _count(self, exchange: str, result: str) -> None:
        with self._lock:
            self._counts[exchange, result] += 1
        metrics.price_cache_total.labels(exchange, result).inc()


prices = PriceCache()
"""This process's."""


@dataclass(frozen=True, slots=True)
class Price:
    """One exchange's price. `code` is empty where it may be the best; else why it may not.

    quote: None without a book. age_s: since the book was true. source: how it came.
    """

    exchange: str
    code: str
    detail: str
    fee_bps: Decimal
    quote: Quote | None = None
    age_s: float | None = None
    exchange_time: float | None = None
    sequence: int | None = None
    source: BookSource | None = None


@dataclass(frozen=True, slots=True)
class BestPrices:
    """Every exchange that lists the pair, the best first. `best`: its slug; empty: none may be used."""

    symbol: str
    side: Side
    amount: Decimal | None
    best: str
    prices: tuple[Price, ...]


def best_prices(
    symbol: str, side: Side, amount: Decimal | None, *, user_id: int | None = None, cache: PriceCache = prices
) -> BestPrices:
    """What `amount` base units cost everywhere, taker fee included; `amount` None: what each best level holds.

    user_id: whose live accounts' fees count; without keys there it is the exchange's basic fee.
    """
    policy, facts = current_policy(), current_facts()
    listing = {
        slug: exchange
        for slug, exchange in policy.exchanges.items()
        if exchange.enabled and symbol in facts.markets.get(slug, {})
    }
    books = cache.books(symbol, listing)
    found = []
    for slug, exchange in listing.items():
        credential = None if user_id is None else policy.credentials.get((user_id, slug, Mode.LIVE))
        fee = taker_fee(policy, facts, slug, credential.id if credential else None)
        assert fee is not None  # the exchange is one of the policy's
        found.append(_price(policy, facts, exchange, books.get(slug), _Wanted(side, amount, fee)))
    found.sort(key=lambda price: _rank(price, side))
    usable = [price.exchange for price in found if not price.code]
    return BestPrices(symbol, side, amount, usable[0] if usable else "", tuple(found))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """fee: a fraction."""

    side: Side
    amount: Decimal | None
    fee: Decimal


def _rank(price: Price, side: Side) -> tuple[bool, bool, Decimal, str]:
    cost = price.quote.net_price if price.quote else Decimal(0)
    return bool(price.code), price.quote is None, cost if side == Side.BUY else -cost, price.exchange


def _price(policy: Policy, facts: Facts, exchange: ExchangePolicy, book: OrderBook | None, wanted: _Wanted) -> Price:
    fee_bps = wanted.fee * _BPS
    if book is None:
        return Price(exchange.slug, ReasonCode.PRICE_UNKNOWN, "No order book of this pair is followed there.", fee_bps)
    found = quote(book, wanted.side, wanted.amount, wanted.fee)
    age = max(0.0, age_s(book, time.time()))
    code, detail = _objection(policy, facts, exchange, book, found, age)
    return Price(exchange.slug, code, detail, fee_bps, found, age, book.exchange_time, book.sequence, book.source)


def _objection(
    policy: Policy, facts: Facts, exchange: ExchangePolicy, book: OrderBook, found: Quote | None, age: float
) -> tuple[str, str]:
    problem = problem_of(policy, facts, exchange)
    if problem is not None:
        return problem
    limit = policy.rules.book_max_age_s
    if age > limit:
        return ReasonCode.PRICE_UNKNOWN, f"The book is {age:.1f} s old; {plain(limit)} s is the limit."
    if found is None or not book.is_usable():
        return ReasonCode.PRICE_UNKNOWN, "The book has no orders on one side."
    if not found.is_complete:
        return ReasonCode.INSUFFICIENT_LIQUIDITY, f"The best levels hold {plain(found.available)} only."
    return "", ""
