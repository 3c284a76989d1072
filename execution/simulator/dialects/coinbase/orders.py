"""Coinbase's trading endpoints: Create Order and Cancel Orders."""

from typing import Any

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.coinbase import errors
from execution.simulator.dialects.coinbase.parameters import find_market, read_body
from execution.simulator.dialects.coinbase.shapes import order_configuration
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.orders import OrderRequest, Refused, Status, TimeInForce
from execution.simulator.http import Response, json_response
from execution.simulator.numbers import MalformedNumber, TooPrecise, parse_scaled

_LIMITS = {
    "limit_limit_gtc": TimeInForce.GTC,
    "sor_limit_ioc": TimeInForce.IOC,
    "limit_limit_fok": TimeInForce.FOK,
}
_SIDES = {"BUY": "buy", "SELL": "sell"}
_MOST_CANCELS = 100


def create_order(exchange: Exchange, call: Call) -> Response:
    """POST /orders: an acknowledgement only. A used `client_order_id` is answered with the order that carries it."""
    body = read_body(call)
    request = read_order(exchange, body)
    try:
        order = exchange.place(call.account, request, call.now)
    except Refused as e:
        raise errors.failed_order(errors.REFUSALS[e.refusal], body["order_configuration"]) from e
    acknowledged = {
        "order_id": order.id,
        "product_id": order.market.spec.facts.wire_id,
        "side": order.side.upper(),
        "client_order_id": order.client_order_id,
        "attached_order_id": "",
    }
    return json_response(
        {"success": True, "success_response": acknowledged, "order_configuration": order_configuration(order)}
    )


def cancel_orders(exchange: Exchange, call: Call) -> Response:
    """POST /orders/batch_cancel, by Coinbase's ids only; each has a result of its own."""
    ids = read_body(call).get("order_ids")
    if not isinstance(ids, list) or not 0 < len(ids) <= _MOST_CANCELS or not all(isinstance(i, str) for i in ids):
        raise errors.invalid_argument("order_ids must hold 1 to 100 order ids")
    return json_response({"results": [_cancel(exchange, call, order_id) for order_id in ids]})


def read_order(exchange: Exchange, body: dict[str, Any]) -> OrderRequest:
    """Read and check the body of a new order. Raises `WireError`."""
    configuration, client_order_id = body.get("order_configuration"), body.get("client_order_id")
    if not isinstance(client_order_id, str) or not client_order_id:
        raise errors.invalid_argument("client_order_id is required")
    if not isinstance(configuration, dict) or len(configuration) != 1:
        raise errors.invalid_argument("order_configuration must hold one configuration")
    market = find_market(exchange, body.get("product_id"))
    if market is None:
        raise errors.failed_order(errors.UNKNOWN_PRODUCT, configuration)
    if body.get("side") not in _SIDES:
        raise errors.failed_order(errors.BAD_SIDE, configuration)
    request = OrderRequest(market=market, side=_SIDES[body["side"]], client_order_id=client_order_id)
    ((kind, fields),) = configuration.items()
    if kind in _LIMITS and isinstance(fields, dict):
        _read_limit(request, kind, configuration)
    elif kind == "market_market_ioc" and isinstance(fields, dict):
        _read_market(request, configuration)
    else:
        raise errors.failed_order(errors.UNSUPPORTED, configuration)
    return request


def _read_limit(request: OrderRequest, kind: str, configuration: dict[str, Any]) -> None:
    fields, spec = configuration[kind], request.market.spec
    request.amount = _number(configuration, fields.get("base_size"), spec.base_decimals, errors.SIZE_PRECISION)
    request.price = _number(configuration, fields.get("limit_price"), spec.price_decimals, errors.PRICE_PRECISION)
    request.time_in_force = _LIMITS[kind]
    request.post_only = kind == "limit_limit_gtc" and fields.get("post_only") is True


def _read_market(request: OrderRequest, configuration: dict[str, Any]) -> None:
    """A buy is by quote amount, a sell by base amount ("Create Order", `market_market_ioc`)."""
    fields, spec = configuration["market_market_ioc"], request.market.spec
    if request.side == "sell":
        request.amount = _number(configuration, fields.get("base_size"), spec.base_decimals, errors.SIZE_PRECISION)
    elif "base_size" in fields:
        raise errors.failed_order(errors.UNSUPPORTED, configuration)
    else:
        request.budget = _number(configuration, fields.get("quote_size"), spec.quote_decimals, errors.SIZE_PRECISION)


def _number(configuration: object, text: object, decimals: int, too_precise: errors.Failure) -> int:
    try:
        return parse_scaled(text if isinstance(text, str) else "", decimals)
    except MalformedNumber as e:
        raise errors.invalid_argument("malformed number in order_configuration") from e
    except TooPrecise as e:
        raise errors.failed_order(too_precise, configuration) from e


def _cancel(exchange: Exchange, call: Call, order_id: str) -> dict[str, object]:
    order = exchange.orders_by_id.get(order_id)
    failure = ""
    if order is None or order.account is not call.account or order.status in {Status.CANCELLED, Status.EXPIRED}:
        failure = errors.UNKNOWN_CANCEL_ORDER
    elif order.status is Status.FILLED:
        failure = errors.FULLY_FILLED
    else:
        exchange.cancel(order, call.now)
    # The reason has no empty value: success goes with the first of the list.
    reason = failure or "UNKNOWN_CANCEL_FAILURE_REASON"
    return {"success": not failure, "failure_reason": reason, "order_id": order_id}
