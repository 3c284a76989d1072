"""What all exchanges showed of a pair when something of it was filled, as workers remember it for a short time. Pure.

One sorted set per pair, by moment; each member is `{"at": …, "books": {exchange: shared book}}`.
"""

from collections.abc import Iterable

import orjson

from execution.domain import shared_book
from execution.domain.book import OrderBook

EXPIRES_S = 120
MOST = 120
"""Moments kept of one pair."""

BEFORE_S, AFTER_S = 0.3, 1.0
"""A moment so long before or after a fill may be taken for it."""

_PREFIX = "fillbooks"


def key_of(symbol: str) -> str:
    """Where they are."""
    return f"{_PREFIX}:{symbol}"


def nearest(texts: Iterable[bytes | str], symbol: str, at: float) -> dict[str, OrderBook]:
    """The books of the moment that is nearest to `at` (epoch seconds); nothing where no text can be read."""
    found: dict[str, OrderBook] = {}
    best = float("inf")
    for text in texts:
        try:
            body = orjson.loads(text)
            distance, books = abs(float(body["at"]) - at), dict(body["books"])
        except (ValueError, TypeError, LookupError):
            continue
        if distance < best:
            best = distance
            decoded = {slug: shared_book.decode(orjson.dumps(book), symbol) for slug, book in books.items()}
            found = {slug: book for slug, book in decoded.items() if book is not None}
    return found
