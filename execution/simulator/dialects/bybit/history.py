"""Bybit's order and execution look-ups, newest first. An orderId wins over an orderLinkId, and both over the rest."""

from collections.abc import Iterable

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.bybit import errors
from execution.simulator.dialects.bybit.orders import named_orders
from execution.simulator.dialects.bybit.parameters import find_market, integer, page, require_spot
from execution.simulator.dialects.bybit.shapes import execution_info, listed, order_info, order_status
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.engine.memory import DAY, remembered
from execution.simulator.engine.orders import Order, Status
from execution.simulator.http import Response

# Bybit v5 docs, "Get Open & Closed Orders": so many closed orders are kept; older ones are in the history alone.
RECENT_CLOSED = 500
# "Get Order History": orders without a fill are gone after a day, others after two years.
_KEPT, _KEPT_UNFILLED = 730 * DAY, DAY
_LONGEST_PERIOD_MS = 7 * 86_400_000
_FOREVER_MS = 2**62


def realtime_orders(exchange: Exchange, call: Call) -> Response:
    """GET /v5/order/realtime: open orders; by id, or with `openOnly` 1, recently closed ones."""
    params = call.request.query_params
    require_spot(params)
    recent = call.account.closed[-RECENT_CLOSED:]
    orders = named_orders(exchange, call, params)
    if orders is not None:
        shown = set(recent)
        orders = [order for order in orders if order.status is Status.OPEN or order in shown]
    else:
        market = _market(exchange, params)
        candidates: Iterable[Order] = recent if params.get("openOnly") == "1" else call.account.open.values()
        orders = [order for order in candidates if market in (None, order.market)]
    return _orders(orders, params, call)


def closed_orders(exchange: Exchange, call: Call) -> Response:
    """GET /v5/order/history: closed orders."""
    params = call.request.query_params
    require_spot(params)
    orders = named_orders(exchange, call, params)
    if orders is None:
        market = _market(exchange, params)
        orders = [order for order in call.account.closed if market in (None, order.market)]
    begin, end = _week(params, call)
    status = params.get("orderStatus")
    orders = remembered(orders, call.now, filled=_KEPT, unfilled=_KEPT_UNFILLED)
    orders = [o for o in orders if o.status is not Status.OPEN and status in (None, order_status(o))]
    return _orders([o for o in orders if begin <= o.placed_at // 1000 <= end], params, call)


def executions(exchange: Exchange, call: Call) -> Response:
    """GET /v5/execution/list."""
    params = call.request.query_params
    require_spot(params)
    orders = named_orders(exchange, call, params)
    if orders is not None:
        trades = [trade for order in orders for trade in order.trades]
    else:
        market = _market(exchange, params)
        trades = [trade for trade in call.account.trades if market in (None, trade.order.market)]
    begin, end = _period(params)
    trades = sorted((t for t in trades if begin <= t.at // 1000 <= end), key=lambda trade: -trade.number)
    rows, cursor = page(trades, params, lambda trade: trade.id, usual=50, largest=100)
    return listed([execution_info(trade) for trade in rows], cursor, call.now)


def _orders(orders: list[Order], params: dict[str, str], call: Call) -> Response:
    newest_first = sorted(orders, key=lambda order: -order.number)
    rows, cursor = page(newest_first, params, lambda order: order.id, usual=20, largest=50)
    return listed([order_info(order) for order in rows], cursor, call.now)


def _market(exchange: Exchange, params: dict[str, str]) -> Market | None:
    return find_market(exchange, params["symbol"], errors.UNSUPPORTED_SYMBOL) if "symbol" in params else None


def _week(params: dict[str, str], call: Call) -> tuple[int, int]:
    """The period asked for: of seven days at most, and if it is not said, the last ones or those from the begin on.

    It is not documented whether an id is looked for outside of it; here it is not.
    """
    end = integer(params, "endTime", call.now // 1000)
    begin = integer(params, "startTime", max(0, end - _LONGEST_PERIOD_MS))
    if "endTime" not in params:
        end = begin + _LONGEST_PERIOD_MS
    if end - begin > _LONGEST_PERIOD_MS:
        raise errors.fail(errors.PERIOD_TOO_LONG)
    return begin, end


def _period(params: dict[str, str]) -> tuple[int, int]:
    return integer(params, "startTime", 0), integer(params, "endTime", _FOREVER_MS)
