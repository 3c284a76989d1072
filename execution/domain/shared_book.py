"""An order book as it is shared between processes: one key per exchange and pair, one JSON text. Pure.

    {"b": [[price, amount], …], "a": […], "s": sequence, "x": exchange time, "r": received at, "o": "stream" or "rest"}

Prices and amounts are numbers or strings whose digits are the exchange's own.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import orjson

from execution.domain.book import BookSource, Level, OrderBook

DEPTH = 100
"""Levels a side that are shared."""

EXPIRES_S = 60
"""A book that nobody writes anew is gone after this."""

FUTURE_S = 1.0
"""A book from later than this is from a machine whose clock is wrong: how old it is cannot be known."""

_PREFIX = "book"
_LARGEST = 10**18


def key_of(exchange: str, symbol: str) -> str:
    """Where the book is."""
    return f"{_PREFIX}:{exchange}:{symbol}"


def problem_of(bids: Sequence[Sequence[Any]], asks: Sequence[Sequence[Any]]) -> str:
    """What is wrong with a book, in one word: nonsense, unsorted, crossed; empty: nothing. An empty side is not wrong.

    Rows begin with price and amount, of any kind of number.
    """
    try:
        if not all(0 < row[0] < _LARGEST and 0 < row[1] < _LARGEST for rows in (bids, asks) for row in rows):
            return "nonsense"
        if any(row[0] <= worse[0] for row, worse in zip(bids, bids[1:], strict=False)):
            return "unsorted"
        if any(row[0] >= worse[0] for row, worse in zip(asks, asks[1:], strict=False)):
            return "unsorted"
        return "crossed" if bids and asks and bids[0][0] >= asks[0][0] else ""
    except (ArithmeticError, TypeError, LookupError):
        return "nonsense"


def encode(
    bids: Sequence[Sequence[Any]],
    asks: Sequence[Sequence[Any]],
    *,
    received_at: float,
    sequence: int | None,
    exchange_time: float | None,
    source: BookSource = BookSource.REST,
) -> bytes:
    """The text of a book that has no problem. `received_at` is when it was true, by our clock."""
    sides = {"b": [row[:2] for row in bids[:DEPTH]], "a": [row[:2] for row in asks[:DEPTH]]}
    told = {"s": sequence, "x": exchange_time, "r": received_at, "o": source.value}
    return orjson.dumps({**sides, **told}, default=str)


def decode(data: bytes | str, symbol: str) -> OrderBook | None:
    """The book of a text; None for what is none."""
    try:
        raw = orjson.loads(data)
        bids, asks = _levels(raw["b"]), _levels(raw["a"])
        source = BookSource(raw.get("o", BookSource.REST))
        book = OrderBook(symbol, bids, asks, float(raw["r"]), raw["s"], raw["x"], source)
    except (ValueError, ArithmeticError, AttributeError, TypeError, LookupError):
        return None
    return None if problem_of(bids, asks) else book


def age_s(book: OrderBook, now: float) -> float:
    """Seconds since the book was true; infinite for one from the future."""
    age = now - book.received_at
    return age if age >= -FUTURE_S else float("inf")


def _levels(rows: Sequence[Sequence[Any]]) -> list[Level]:
    return [(Decimal(str(price)), Decimal(str(amount))) for price, amount in rows]
