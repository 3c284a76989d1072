"""Coinbase's order and fill look-ups. Lists are newest first, in pages that a cursor continues.

There is no look-up by client order id: the list's own filters are time, product, side and status ("List Orders").
"""

from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.coinbase import errors
from execution.simulator.dialects.coinbase.parameters import all_of, moment, whole
from execution.simulator.dialects.coinbase.shapes import STATUS, fill_info, order_info
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.orders import Order, Trade
from execution.simulator.http import Response, json_response

_DEFAULT_PAGE, _LARGEST_PAGE = 100, 1000

Item = TypeVar("Item", Order, Trade)


def get_order(exchange: Exchange, call: Call) -> Response:
    """GET /orders/historical/{order_id}."""
    order = exchange.orders_by_id.get(call.path_args[0])
    if order is None or order.account is not call.account:
        raise errors.order_not_found()
    return json_response({"order": order_info(order)})


def list_orders(exchange: Exchange, call: Call) -> Response:
    """GET /orders/historical/batch: open and closed ones, unless `order_status` says which.

    Open ones of all products come without a cursor, however many there are (seen by others, 2026).
    """
    products = all_of(call, "product_id") | all_of(call, "product_ids")
    statuses, sides = all_of(call, "order_status"), all_of(call, "order_side")
    if "OPEN" in statuses and len(statuses) > 1:
        raise errors.invalid_argument("OPEN cannot be combined with other statuses")
    start, end = moment(call, "start_date"), moment(call, "end_date")
    orders = [
        order
        for order in _since(reversed(call.account.orders), start)
        if (end is None or order.placed_at < end)
        and (not products or order.market.spec.facts.wire_id in products)
        and (not sides or order.side.upper() in sides)
        and (not statuses or STATUS[order.status] in statuses)
    ]
    page, cursor = _page(orders, call)
    if statuses == {"OPEN"} and not products:
        cursor = ""
    return json_response(
        {
            "orders": [order_info(order) for order in page],
            "sequence": "0",
            "has_next": bool(cursor),
            "cursor": cursor,
        }
    )


def list_fills(exchange: Exchange, call: Call) -> Response:
    """GET /orders/historical/fills."""
    products = all_of(call, "product_id") | all_of(call, "product_ids")
    order_ids = all_of(call, "order_id") | all_of(call, "order_ids")
    start, end = moment(call, "start_sequence_timestamp"), moment(call, "end_sequence_timestamp")
    fills = [
        trade
        for trade in reversed(call.account.trades)
        if (not order_ids or trade.order.id in order_ids)
        and (not products or trade.order.market.spec.facts.wire_id in products)
        and (start is None or trade.at >= start)
        and (end is None or trade.at < end)
    ]
    page, cursor = _page(fills, call)
    return json_response({"fills": [fill_info(trade) for trade in page], "cursor": cursor})


def _since(newest_first: Iterable[Order], start: int | None) -> Iterable[Order]:
    for order in newest_first:
        if start is not None and order.placed_at < start:
            return
        yield order


def _page(newest_first: list[Item], call: Call) -> tuple[list[Item], str]:
    """One page and the cursor of the next, which is empty on the last."""
    size = min(whole(call, "limit", _DEFAULT_PAGE) or _DEFAULT_PAGE, _LARGEST_PAGE)
    after = whole(call, "cursor")
    rest = [item for item in newest_first if after is None or item.number < after]
    page = list(islice(rest, size))
    return page, str(page[-1].number) if len(rest) > size else ""
