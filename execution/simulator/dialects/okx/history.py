"""OKX's order and fill look-ups. Lists are newest first, in pages of 100.

OKX forgets a fully cancelled order after two hours (OKX v5 docs, "Order history").
"""

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.okx import errors
from execution.simulator.dialects.okx.orders import find_order
from execution.simulator.dialects.okx.parameters import asked_market, page, required
from execution.simulator.dialects.okx.shapes import bill_id, fill_details, order_details, order_state, result
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.memory import DAY, HOUR, remembered
from execution.simulator.engine.orders import Order
from execution.simulator.http import Response

_KEPT_UNFILLED = 2 * HOUR


def order(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/trade/order by ordId, else by clOrdId: of several orders that share it, the latest."""
    params = call.request.query_params
    asked_market(exchange, params)
    if not (params.get("ordId") or params.get("clOrdId")):
        raise errors.fail(errors.NO_ORDER_ID)
    found = find_order(exchange, call.account, params)
    if found is None or not remembered([found], call.now, unfilled=_KEPT_UNFILLED):
        raise errors.fail(errors.UNKNOWN_ORDER)
    return result([order_details(found)])


def orders_pending(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/trade/orders-pending: live and partially filled orders."""
    return _orders(exchange, call, list(call.account.open.values()))


def orders_history(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/trade/orders-history: what was placed or completed in the last seven days."""
    return _closed(exchange, call, 7 * DAY)


def orders_history_archive(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/trade/orders-history-archive: the same for three months."""
    return _closed(exchange, call, 90 * DAY)


def fills(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/trade/fills: the account's trades, paged by billId."""
    params = call.request.query_params
    trades = call.account.trades
    if _is_spot(params):
        wire_id = _wire_id(exchange, params)
        trades = [trade for trade in trades if wire_id in (None, trade.order.market.spec.facts.wire_id)]
    else:
        trades = []
    if params.get("ordId"):
        trades = [trade for trade in trades if trade.order.id == params["ordId"]]
    return result([fill_details(trade) for trade in page(trades, params, key=bill_id, at=lambda trade: trade.at)])


def fills_history(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/trade/fills-history: the same, further back; it must say which type of instrument."""
    required(call.request.query_params, "instType")
    return fills(exchange, call)


def _closed(exchange: Exchange, call: Call, kept: int) -> Response:
    required(call.request.query_params, "instType")
    orders = remembered(call.account.closed, call.now, filled=kept, unfilled=_KEPT_UNFILLED)
    return _orders(exchange, call, orders)


def _orders(exchange: Exchange, call: Call, orders: list[Order]) -> Response:
    params = call.request.query_params
    wire_id, state = _wire_id(exchange, params), params.get("state")
    matching = [
        each
        for each in orders
        if _is_spot(params)
        and wire_id in (None, each.market.spec.facts.wire_id)
        and (not state or order_state(each) == state)
    ]
    shown = page(matching, params, key=lambda each: each.number, at=lambda each: each.placed_at)
    return result([order_details(each) for each in shown])


def _is_spot(params: dict[str, str]) -> bool:
    return params.get("instType") in (None, "", "SPOT")


def _wire_id(exchange: Exchange, params: dict[str, str]) -> str | None:
    return asked_market(exchange, params).spec.facts.wire_id if params.get("instId") else None
