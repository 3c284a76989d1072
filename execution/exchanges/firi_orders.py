"""What Firi's lists of orders say, and whether they are whole: they have a length and no pages."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from execution.domain.orders import OrderStatus, OrderType, Side
from execution.exchanges.base import SeenOrder
from execution.exchanges.errors import ExchangeError
from execution.exchanges.reading import number
from policies.domain.reasons import ReasonCode

DEFAULT_COUNT, LARGEST_COUNT = 100, 1_000
"""How long a list is when nobody says, and at most."""

Row = Mapping[str, Any]
_SIDES = {"bid": Side.BUY, "ask": Side.SELL}


def epoch(text: str) -> float:
    """Epoch seconds of an ISO 8601 time."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def marks(active: Sequence[Row], closed: Sequence[Row]) -> dict[str, Any]:
    """What to remember of the lists before an order is sent: the highest id, and what closed last."""
    highest = max((int(row["id"]) for row in (*active, *closed)), default=0)
    return {"max_order_id": highest, "last_closed_id": int(closed[0]["id"]) if closed else 0}


def reaches_back(active: Sequence[Row], closed: Sequence[Row], count: int, baseline: Row) -> bool:
    """Whether lists of at most `count` hold everything that has come since `baseline`, so that absence means something.

    A full list does if it still shows what was its top then.
    """
    last_closed = int(baseline.get("last_closed_id") or 0)
    closed_whole = not is_cut(closed, count) or any(int(row["id"]) == last_closed for row in closed)
    return closed_whole and (not is_cut(active, count) or _newest_first_until(active, int(baseline["max_order_id"])))


def is_cut(rows: Sequence[Row], count: int) -> bool:
    """Whether there may be more: it is as long as asked, or as when the wish for another length is not heard."""
    return len(rows) >= count or len(rows) == DEFAULT_COUNT


def require_whole_since(rows: Sequence[Row], count: int, since: float) -> None:
    """Raises ExchangeError unless the list holds everything created since then (epoch seconds)."""
    ids = [int(row["id"]) for row in rows]
    by_creation = ids == sorted(ids, reverse=True)
    if is_cut(rows, count) and not (by_creation and epoch(rows[-1]["created_at"]) < since):
        raise ExchangeError(
            ReasonCode.NEEDS_ATTENTION, f"Firi shows {len(rows)} orders at once; there may be more since then."
        )


def seen(row: Row, symbol: str) -> SeenOrder:
    """An order of a list. Raises ExchangeError when its amounts do not add up to any state."""
    amount, matched = number(row["amount"]), number(row["matched"])
    return SeenOrder(
        client_order_id="",
        exchange_order_id=str(row["id"]),
        symbol=symbol,
        side=_SIDES[str(row["type"]).lower()],
        order_type=OrderType.LIMIT,
        amount=amount,
        price=number(row["price"]),
        status=_status(amount, matched, number(row["remaining"]), number(row["cancelled"])),
        filled_amount=matched,
        created_at=epoch(row["created_at"]),
    )


def _status(amount: Decimal, matched: Decimal, remaining: Decimal, cancelled: Decimal) -> OrderStatus:
    if matched == amount and not cancelled:
        return OrderStatus.FILLED
    if cancelled > 0 and matched + cancelled <= amount:
        return OrderStatus.CANCELLED
    if not cancelled and remaining > 0 and matched + remaining == amount:
        return OrderStatus.PARTIALLY_FILLED if matched else OrderStatus.OPEN
    raise ExchangeError(
        ReasonCode.EXCHANGE_UNAVAILABLE,
        f"An order of {amount} in a state we do not know: {matched} matched, {remaining} left, {cancelled} cancelled.",
    )


def _newest_first_until(rows: Sequence[Row], order_id: int) -> bool:
    ids = [int(row["id"]) for row in rows]
    return ids == sorted(ids, reverse=True) and ids[-1] <= order_id
