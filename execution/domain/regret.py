"""How much more an execution cost than the best that was possible: on the books it was decided on, and on those that
were there when it was filled. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from execution.domain.book import Level, OrderBook
from execution.domain.orders import Side
from execution.domain.tca import Unknown, routing_regret_bps
from policies.domain.numbers import plain

FRESH_S = 1.0
"""A book counts as that of a fill when it was true at most so long before or after it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one exchange showed: the levels an order would take, and its taker fee as a fraction."""

    levels: Sequence[Level]
    fee: Decimal


@dataclass(frozen=True, slots=True)
class OwnFill:
    """What an order took from a book. at: epoch seconds."""

    exchange: str
    at: float
    price: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Paid:
    """What was filled: base units, quote units, and fees in quote units (None: not known)."""

    filled: Decimal
    notional: Decimal
    fees: Decimal | None


def compared(explanation: Mapping[str, Any] | None) -> tuple[Side, list[Shown]] | None:
    """The books that a stored choice compared; None where nothing was compared (`execution.domain.explained`)."""
    if not explanation or "asked" not in explanation:
        return None
    side = Side(explanation["asked"]["side"])
    levels = "asks" if side == Side.BUY else "bids"
    if any(levels not in offer for offer in explanation["offers"]):
        return None  # they are kept for some time only
    return side, [Shown(_levels(offer[levels]), Decimal(offer["fee"])) for offer in explanation["offers"]]


def least_cost(side: Side, amount: Decimal, books: Sequence[Shown]) -> Decimal | None:
    """What `amount` costs when the levels of all books are taken in the order of their price after fees.

    Quote units; negative is money received. None: the books are not deep enough. Minimums and balances are not looked
    at, so nothing can be cheaper.
    """
    sign = 1 if side == Side.BUY else -1
    offered = sorted((sign * price * (1 + sign * book.fee), size) for book in books for price, size in book.levels)
    cost, left = Decimal(0), amount
    for price, size in offered:
        taken = min(size, left)
        cost += price * taken
        left -= taken
        if not left:
            return cost
    return None


def regret_bps(
    explanation: Mapping[str, Any] | None, filled: Decimal, notional: Decimal, fees: Decimal | None
) -> Decimal | None:
    """Of what was filled, with its fees, against the books of its decision; None where either is not known."""
    found = compared(explanation)
    if found is None:
        return None
    regret = _regret(*found, Paid(filled, notional, fees))
    return None if isinstance(regret, Unknown) else regret


def kept_books(books: Mapping[str, OrderBook], side: Side, enough: Decimal, at: float) -> dict[str, Any]:
    """The JSON of what exchanges showed at a fill, as far as `enough` base units reach; those of another time are
    left out.
    """
    return {
        "at": at,
        "books": {
            slug: {"received_at": book.received_at, "levels": _near(book.levels(side), enough)}
            for slug, book in books.items()
            if abs(book.received_at - at) <= FRESH_S
        },
    }


def fill_regret_bps(
    explanation: Mapping[str, Any] | None, kept: Mapping[str, Any] | None, fills: Iterable[OwnFill], paid: Paid
) -> Decimal | Unknown:
    """The same against the books at the last fill, of all exchanges that were compared at the decision.

    Where a book is from after a fill, what the fill took is put back: it was there for whoever came then.
    """
    if not explanation or "asked" not in explanation:
        return Unknown.NOT_COMPARED
    fees = {offer["exchange"]: Decimal(offer["fee"]) for offer in explanation["offers"]}
    books = kept["books"] if kept else {}
    if not fees or not fees.keys() <= books.keys():
        return Unknown.NO_BOOKS
    levels = {slug: _levels(books[slug]["levels"]) for slug in fees}
    for fill in fills:
        if fill.exchange in levels and fill.at < books[fill.exchange]["received_at"]:
            levels[fill.exchange].append((fill.price, fill.amount))
    shown = [Shown(levels[slug], fee) for slug, fee in fees.items()]
    return _regret(Side(explanation["asked"]["side"]), shown, paid)


def _regret(side: Side, books: Sequence[Shown], paid: Paid) -> Decimal | Unknown:
    if paid.fees is None:
        return Unknown.NO_FEE
    best = least_cost(side, paid.filled, books)
    if not best:
        return Unknown.NOT_DEEP
    realised = (paid.notional if side == Side.BUY else -paid.notional) + paid.fees
    return routing_regret_bps(realised, best)


def _near(levels: Sequence[Level], enough: Decimal) -> list[list[str]]:
    kept, total = [], Decimal(0)
    for price, amount in levels:
        if total >= enough:
            break
        kept.append([plain(price), plain(amount)])
        total += amount
    return kept


def _levels(rows: Iterable[Sequence[str]]) -> list[Level]:
    return [(Decimal(price), Decimal(amount)) for price, amount in rows]
