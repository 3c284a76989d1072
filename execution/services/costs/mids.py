"""Mid prices of this moment, from the order books that are shared. No exchange is asked."""

import time
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from execution.selectors.books import books_of

MAX_AGE_S = 5.0
Mids = Mapping[tuple[str, str], Decimal]
"""By exchange and pair."""

ReadMids = Callable[[Collection[str]], Mids]


def mids_now(symbols: Collection[str]) -> Mids:
    """Of all exchanges whose book of a pair is at most MAX_AGE_S old; the others are missing."""
    oldest = time.time() - MAX_AGE_S
    found = books_of(symbols)
    return {key: book.mid for key, book in found.items() if book.received_at >= oldest and book.is_usable()}


def no_mids(_: Collection[str]) -> Mids:
    """For what is computed long after: mids of that moment cannot be had any more."""
    return {}
