"""Firi's trading endpoints."""

from collections.abc import Iterable
from itertools import islice

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.firi import errors
from execution.simulator.dialects.firi.auth import read_body
from execution.simulator.dialects.firi.markets import find_market, read_count
from execution.simulator.dialects.firi.shapes import amount_text, order_info
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.engine.orders import Order, OrderRequest, Refused, Status
from execution.simulator.http import Response, json_response
from execution.simulator.numbers import MalformedNumber, TooPrecise, parse_scaled, parse_whole

_SIDES = {"bid": "buy", "ask": "sell"}
_NO_CONTENT = Response(204, b"")


def create(exchange: Exchange, call: Call) -> Response:
    """POST /v2/orders: a limit order; the answer is its id alone."""
    fields = read_body(call.request)
    market = find_market(exchange, _text(fields, "market"))
    side = _SIDES.get(_text(fields, "type").lower())
    if side is None:
        raise errors.fail(errors.INVALID_TYPE)
    request = OrderRequest(
        market=market,
        side=side,
        price=_decimal(fields, "price", market.spec.price_decimals, errors.INVALID_PRICE),
        amount=_decimal(fields, "amount", market.spec.base_decimals, errors.INVALID_AMOUNT),
    )
    try:
        order = exchange.place(call.account, request, call.now)
    except Refused as e:
        raise errors.fail(errors.REFUSALS[e.refusal]) from e
    return json_response({"id": order.number})


def active(exchange: Exchange, call: Call) -> Response:
    """GET /v2/orders[/{market}]: open orders, newest first."""
    return _listed(exchange, call, reversed(call.account.open.values()))


def closed(exchange: Exchange, call: Call) -> Response:
    """GET /v2/orders[/{market}]/history: filled and cancelled orders, the last closed first."""
    return _listed(exchange, call, reversed(call.account.closed))


def history(exchange: Exchange, call: Call) -> Response:
    """GET /v2/history/orders[/{market}]?type=both|cancelled|matched."""
    kind = call.request.query_params.get("type", "both")
    if kind not in ("both", "cancelled", "matched"):
        raise errors.fail(errors.INVALID_TYPE)
    orders: Iterable[Order] = reversed(call.account.closed)
    if kind != "both":
        orders = (order for order in orders if (order.status is Status.FILLED) == (kind == "matched"))
    return _listed(exchange, call, orders)


def one(exchange: Exchange, call: Call) -> Response:
    """GET /v2/order/{id}."""
    return json_response(order_info(_find_order(exchange, call, call.path_args[0])))


def cancel_detailed(exchange: Exchange, call: Call) -> Response:
    """DELETE /v2/orders/{id}[/{market}]/detailed: answers how much was matched before the cancel."""
    order = _find_order(exchange, call, call.path_args[0])
    if len(call.path_args) == 2 and find_market(exchange, call.path_args[1]) is not order.market:
        raise errors.fail(errors.ORDER_NOT_FOUND)
    _cancel(exchange, order, call)
    return json_response({"matched": amount_text(order.market.spec, order.filled)})


def cancel_order_or_market(exchange: Exchange, call: Call) -> Response:
    """DELETE /v2/orders/{id} cancels one order, DELETE /v2/orders/{market} all orders of a market."""
    argument = call.path_args[0]
    if parse_whole(argument) is not None:
        _cancel(exchange, _find_order(exchange, call, argument), call)
        return _NO_CONTENT
    return _cancel_many(exchange, call, find_market(exchange, argument))


def cancel_all(exchange: Exchange, call: Call) -> Response:
    """DELETE /v2/orders cancels every order of the account."""
    return _cancel_many(exchange, call, None)


def _cancel_many(exchange: Exchange, call: Call, market: Market | None) -> Response:
    for order in list(call.account.open.values()):
        if market in (None, order.market):
            exchange.cancel(order, call.now)
    return _NO_CONTENT


def _cancel(exchange: Exchange, order: Order, call: Call) -> None:
    try:
        exchange.cancel(order, call.now)
    except Refused as e:
        raise errors.fail(errors.REFUSALS[e.refusal]) from e


def _listed(exchange: Exchange, call: Call, orders: Iterable[Order]) -> Response:
    if call.path_args:
        market = find_market(exchange, call.path_args[0])
        orders = (order for order in orders if order.market is market)
    return json_response([order_info(order) for order in islice(orders, read_count(call))])


def _find_order(exchange: Exchange, call: Call, order_id: str) -> Order:
    order = exchange.orders_by_id.get(order_id)
    if order is None or order.account is not call.account:
        raise errors.fail(errors.ORDER_NOT_FOUND)
    return order


def _text(fields: dict[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise errors.fail(errors.INVALID_BODY)
    return value


def _decimal(fields: dict[str, object], name: str, decimals: int, error: errors.Error) -> int:
    try:
        return parse_scaled(_text(fields, name), decimals)
    except (MalformedNumber, TooPrecise) as e:
        raise errors.fail(error) from e
