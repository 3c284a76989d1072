"""KuCoin's trading endpoints: placing, finding and cancelling spot orders (`/api/v1/hf/orders`)."""

import re

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.kucoin import errors
from execution.simulator.dialects.kucoin.account import KEPT
from execution.simulator.dialects.kucoin.parameters import decimal, find_market, one_of, read_body
from execution.simulator.dialects.kucoin.shapes import order_info, success
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.engine.memory import remembered
from execution.simulator.engine.orders import Order, OrderRequest, Refusal, Refused, TimeInForce
from execution.simulator.engine.rules import check_rules
from execution.simulator.http import Response

# KuCoin docs, "Add Order": letters, digits, underscore and hyphen, at most 40.
_CLIENT_OID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_SIDES = ("buy", "sell")
_KINDS = ("limit", "market")
_NO_ORDER = "0" * 24


def add_order(exchange: Exchange, call: Call) -> Response:
    """POST /api/v1/hf/orders: the answer is an acknowledgement only, whatever was filled."""
    request = read_order(exchange, read_body(call.request))
    try:
        order = exchange.place(call.account, request, call.now)
    except Refused as e:
        raise errors.fail(errors.REFUSALS[e.refusal]) from e
    return success({"orderId": order.id, "clientOid": order.client_order_id})


def test_order(exchange: Exchange, call: Call) -> Response:
    """POST /api/v1/hf/orders/test: validate like a new order, and place nothing."""
    request = read_order(exchange, read_body(call.request))
    try:
        check_rules(request)
    except Refused as e:
        raise errors.fail(errors.REFUSALS[e.refusal]) from e
    return success({"orderId": _NO_ORDER, "clientOid": request.client_order_id})


def by_order_id(exchange: Exchange, call: Call) -> Response:
    """GET /api/v1/hf/orders/{orderId}."""
    return success(order_info(_found(_with_id(exchange, call), errors.NO_SUCH_ORDER)))


def by_client_oid(exchange: Exchange, call: Call) -> Response:
    """GET /api/v1/hf/orders/client-order/{clientOid}: of several orders with one client id, the latest."""
    return success(order_info(_found(_with_client_oid(exchange, call), errors.NO_SUCH_ORDER)))


def cancel_by_order_id(exchange: Exchange, call: Call) -> Response:
    """DELETE /api/v1/hf/orders/{orderId}."""
    order = _found(_with_id(exchange, call), errors.NOT_CANCELLABLE)
    _cancel(exchange, order, call)
    return success({"orderId": order.id})


def cancel_by_client_oid(exchange: Exchange, call: Call) -> Response:
    """DELETE /api/v1/hf/orders/client-order/{clientOid}."""
    order = _found(_with_client_oid(exchange, call), errors.NOT_CANCELLABLE)
    _cancel(exchange, order, call)
    return success({"clientOid": order.client_order_id})


def cancel_all_of_symbol(exchange: Exchange, call: Call) -> Response:
    """DELETE /api/v1/hf/orders?symbol=."""
    market = find_market(exchange, call.request.query_params)
    for order in [order for order in call.account.open.values() if order.market is market]:
        _cancel(exchange, order, call)
    return success("success")


def read_order(exchange: Exchange, fields: dict[str, str]) -> OrderRequest:
    """Read and check the fields of a new order. Raises `WireError`."""
    request = OrderRequest(
        market=find_market(exchange, fields),
        side=one_of(fields, "side", _SIDES),
        client_order_id=_client_oid(fields),
        extra={"remark": fields["remark"]} if "remark" in fields else {},
    )
    spec = request.market.spec
    if one_of(fields, "type", _KINDS, "limit") == "limit":
        request.time_in_force = TimeInForce(one_of(fields, "timeInForce", tuple(TimeInForce), "GTC"))
        request.post_only = fields.get("postOnly") == "true" and request.time_in_force is TimeInForce.GTC
        request.price = decimal(fields, "price", spec.price_decimals, Refusal.PRICE_OFF_TICK)
        request.amount = decimal(fields, "size", spec.base_decimals, Refusal.AMOUNT_OFF_LOT)
        return request
    # A market order names its size or its funds, never both; price, timeInForce and postOnly mean nothing to it.
    if "funds" not in fields:
        request.amount = decimal(fields, "size", spec.base_decimals, Refusal.AMOUNT_OFF_LOT)
    elif "size" in fields:
        raise errors.fail(errors.BAD_PARAMETER)
    else:
        request.budget = decimal(fields, "funds", spec.quote_decimals, Refusal.AMOUNT_OFF_LOT)
    return request


def _client_oid(fields: dict[str, str]) -> str | None:
    """Return the client's id; it may be left out."""
    given = fields.get("clientOid")
    if given is not None and not _CLIENT_OID.fullmatch(given):
        raise errors.fail(errors.BAD_PARAMETER)
    return given


def _with_id(exchange: Exchange, call: Call) -> Order | None:
    order = exchange.orders_by_id.get(call.path_args[0])
    market = find_market(exchange, call.request.query_params)
    return order if order and order.account is call.account and _is_kept(order, market, call) else None


def _with_client_oid(exchange: Exchange, call: Call) -> Order | None:
    market = find_market(exchange, call.request.query_params)
    orders = reversed(call.account.orders_with(call.path_args[0]))
    return next((order for order in orders if _is_kept(order, market, call)), None)


def _is_kept(order: Order, market: Market, call: Call) -> bool:
    """KuCoin docs, "Get Order By ClientOid": closed orders for three days."""
    return order.market is market and bool(remembered([order], call.now, filled=KEPT, unfilled=KEPT))


def _found(order: Order | None, error: errors.Error) -> Order:
    if order is None:
        raise errors.fail(error)
    return order


def _cancel(exchange: Exchange, order: Order, call: Call) -> None:
    try:
        exchange.cancel(order, call.now)
    except Refused as e:
        raise errors.fail(errors.REFUSALS[e.refusal]) from e
