"""How much more an execution cost than the best that was possible on the books it was decided on. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from execution.domain.book import Level
from execution.domain.orders import Side
from execution.domain.tca import routing_regret_bps


@dataclass(frozen=True, slots=True)
class Shown:
    """What one exchange showed: the levels an order would take, and its taker fee as a fraction."""

    levels: Sequence[Level]
    fee: Decimal


def compared(explanation: Mapping[str, Any] | None) -> tuple[Side, list[Shown]] | None:
    """The books that a stored choice compared; None where nothing was compared (`execution.domain.explained`)."""
    if not explanation or "asked" not in explanation:
        return None
    side = Side(explanation["asked"]["side"])
    levels = "asks" if side == Side.BUY else "bids"
    return side, [
        Shown([(Decimal(price), Decimal(amount)) for price, amount in offer[levels]], Decimal(offer["fee"]))
        for offer in explanation["offers"]
    ]


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
    if found is None or fees is None:
        return None
    side, books = found
    best = least_cost(side, filled, books)
    realised = (notional if side == Side.BUY else -notional) + fees
    return None if not best else routing_regret_bps(realised, best)
