"""Alpaca's order and activity look-ups (Alpaca docs, "All Orders", "Account Activities"). Lists are newest first."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from execution.simulator.dialects.alpaca import errors
from execution.simulator.dialects.alpaca.parameters import find_market, moment, one_of, page_size
from execution.simulator.dialects.alpaca.shapes import fill_info, order_info
from execution.simulator.dialects.base import Call
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.orders import Order, Status, Trade
from execution.simulator.http import Response, json_response

_DEFAULT_ORDERS, _MOST_ORDERS = 50, 500
_MOST_FILLS = 100
_DIRECTIONS = ("asc", "desc")

Item = TypeVar("Item")


def find_order(exchange: Exchange, call: Call) -> Order:
    """Return the account's order that the path names. Raises `WireError`: 404 40410000."""
    order = exchange.orders_by_id.get(call.path_args[0])
    if order is None or order.account is not call.account:
        raise errors.fail(errors.NO_ORDER)
    return order


def get_order(exchange: Exchange, call: Call) -> Response:
    """GET /v2/orders/{order_id}."""
    return json_response(order_info(find_order(exchange, call)))


def get_order_by_client_id(exchange: Exchange, call: Call) -> Response:
    """GET /v2/orders:by_client_order_id?client_order_id=, open or closed."""
    orders = call.account.orders_with(call.request.query_params.get("client_order_id", ""))
    if not orders:
        raise errors.fail(errors.NO_ORDER)
    return json_response(order_info(orders[0]))


def list_orders(exchange: Exchange, call: Call) -> Response:
    """GET /v2/orders: open ones unless `status` says which, of all pairs unless `symbols` does.

    A page goes on from an order's id (`after_order_id`, `before_order_id`), or is bounded by times, not both.
    """
    query = call.request.query_params
    status = one_of({"status": "open", **query}, "status", ("open", "closed", "all"))
    after, until = moment(query, "after"), moment(query, "until")
    symbols = [symbol for symbol in query.get("symbols", "").split(",") if symbol]
    markets = [find_market(exchange, symbol) for symbol in symbols]
    first, last = _by_ids(call)
    orders = [
        order
        for order in call.account.orders[first:last]
        if (not symbols or order.market in markets)
        and status in ("all", "open" if order.status is Status.OPEN else "closed")
        and _is_between(order.placed_at, after, until)
    ]
    size = page_size(query, "limit", _DEFAULT_ORDERS, _MOST_ORDERS)
    return json_response([order_info(order) for order in _in_direction(orders, query)[:size]])


def list_fills(exchange: Exchange, call: Call) -> Response:
    """GET /v2/account/activities/FILL: executions of all pairs; a page begins after the activity `page_token` names."""
    query = call.request.query_params
    after, until = moment(query, "after"), moment(query, "until")
    fills: Sequence[Trade] = _in_direction(
        [trade for trade in call.account.trades if _is_between(trade.at, after, until)], query
    )
    token = query.get("page_token")
    if token:
        shown = next((i for i, trade in enumerate(fills) if trade.id == token), None)
        if shown is None:
            raise errors.fail(errors.invalid("page_token"))
        fills = fills[shown + 1 :]
    return json_response(
        [fill_info(trade) for trade in fills[: page_size(query, "page_size", _MOST_FILLS, _MOST_FILLS)]]
    )


def _by_ids(call: Call) -> tuple[int, int]:
    """Where in the account's orders the page lies that two ids bound, both exclusive. Raises `WireError`: 40010001."""
    query, ids = call.request.query_params, [order.id for order in call.account.orders]
    bounds = [name for name in ("after_order_id", "before_order_id") if query.get(name)]
    if len(bounds) > 1 or (bounds and (query.get("after") or query.get("until"))):
        raise errors.fail(errors.invalid(bounds[0]))
    if bounds and query[bounds[0]] not in ids:
        raise errors.fail(errors.invalid(bounds[0]))
    if "after_order_id" in bounds:
        return ids.index(query["after_order_id"]) + 1, len(ids)
    return 0, ids.index(query["before_order_id"]) if bounds else len(ids)


def _is_between(at: int, after: int | None, until: int | None) -> bool:
    return (after is None or at > after) and (until is None or at < until)


def _in_direction(items: Sequence[Item], query: Mapping[str, str]) -> Sequence[Item]:
    """Oldest first is how they are kept."""
    return items if one_of({"direction": "desc", **query}, "direction", _DIRECTIONS) == "asc" else items[::-1]
