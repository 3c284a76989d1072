"""Kraken's order and trade look-ups. Lists are newest first, in pages of 50."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.kraken import errors
from execution.simulator.dialects.kraken.auth import read_params
from execution.simulator.dialects.kraken.orders import find_order
from execution.simulator.dialects.kraken.shapes import order_info, result, seconds, trade_info
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.orders import Order, Status
from execution.simulator.http import Response

_PAGE = 50
_LARGEST_QUERY = 50
_TRUE = frozenset({"true", "True", "1"})
_CLOSE_TIMES: dict[str, Callable[[Order], tuple[int, ...]]] = {
    "open": lambda order: (order.placed_at,),
    "close": lambda order: (order.closed_at or 0,),
    "both": lambda order: (order.placed_at, order.closed_at or 0),
}

Item = TypeVar("Item")


def query_orders(exchange: Exchange, call: Call) -> Response:
    """QueryOrders by txid; `cl_ord_id` and `userref` only narrow the answer down (measured, third parties, 2026)."""
    params = read_params(call.request)
    txids = [txid for txid in params.get("txid", "").split(",") if txid]
    if not 0 < len(txids) <= _LARGEST_QUERY:
        raise errors.fail(errors.invalid_argument("txid"))
    orders = _filtered([find_order(exchange, call, txid) for txid in txids], params)
    return result(_by_id(orders, params))


def open_orders(exchange: Exchange, call: Call) -> Response:
    """OpenOrders, newest first."""
    params = read_params(call.request)
    orders = _filtered(list(call.account.open.values()), params)
    return result({"open": _by_id(orders[::-1], params)})


def closed_orders(exchange: Exchange, call: Call) -> Response:
    """ClosedOrders, by the time they closed unless `closetime` says "open" ("both": by either).

    Several orders may carry one `cl_ord_id`, because a closed order frees it.
    """
    params, account = read_params(call.request), call.account
    if "cl_ord_id" in params:
        orders = [o for o in account.orders_with(params["cl_ord_id"]) if o.status is not Status.OPEN]
    else:
        orders = account.closed
    orders = _filtered(orders, params)
    times = _CLOSE_TIMES.get(params.get("closetime", "both"))
    if times is None:
        raise errors.fail(errors.invalid_argument("closetime"))
    page, count = _page(orders, params, times)
    return result({"closed": _by_id(page, params), "count": count})


def trades_history(exchange: Exchange, call: Call) -> Response:
    """TradesHistory of the account."""
    page, count = _page(call.account.trades, read_params(call.request), lambda trade: (trade.at,))
    return result({"trades": {trade.id: trade_info(trade) for trade in page}, "count": count})


def query_trades(exchange: Exchange, call: Call) -> Response:
    """QueryTrades by trade txid, at most 20."""
    txids = [txid for txid in read_params(call.request).get("txid", "").split(",") if txid]
    trades = [trade for trade in map(exchange.settlement.trades_by_id.get, txids) if trade is not None]
    mine = {trade.id: trade_info(trade) for trade in trades if trade.order.account is call.account}
    if not txids or len(mine) < len(txids):
        raise errors.fail("EQuery:Invalid trade")
    return result(mine)


def _filtered(orders: list[Order], params: dict[str, str]) -> list[Order]:
    if "cl_ord_id" in params:
        orders = [order for order in orders if order.client_order_id == params["cl_ord_id"]]
    if "userref" in params:
        orders = [order for order in orders if order.extra.get("userref") == params["userref"]]
    return orders


def _by_id(orders: list[Order], params: dict[str, str]) -> dict[str, object]:
    with_trades = params.get("trades") in _TRUE
    return {order.id: order_info(order, with_trades=with_trades) for order in orders}


def _page(
    items: Sequence[Item], params: dict[str, str], times: Callable[[Item], tuple[int, ...]]
) -> tuple[list[Item], int]:
    """Return one page, newest first, and how many items match. `start` is exclusive, `end` inclusive, in seconds."""
    start, end, offset = _number(params, "start"), _number(params, "end"), _number(params, "ofs")
    if start is None and end is None:
        matching: Sequence[Item] = items
    else:
        low, high = start or 0.0, float("inf") if end is None else end
        matching = [item for item in items if any(low < seconds(at) <= high for at in times(item))]
    last = max(0, len(matching) - int(offset or 0))
    return list(matching[max(0, last - _PAGE) : last])[::-1], len(matching)


def _number(params: dict[str, str], name: str) -> float | None:
    text = params.get(name)
    if text is None:
        return None
    try:
        return float(text)
    except ValueError as e:
        raise errors.fail(errors.invalid_argument(name)) from e
