"""Binance's trading endpoints: placing, finding and cancelling orders."""

import re
from collections.abc import Iterator

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.binance import errors
from execution.simulator.dialects.binance.parameters import decimal, find_market, one_of, refuse
from execution.simulator.dialects.binance.shapes import WIRE_DECIMALS, fill, order_body, queried_order
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.orders import Order, OrderRequest, Refusal, Refused, TimeInForce
from execution.simulator.engine.rules import check_rules
from execution.simulator.http import Response, json_response
from execution.simulator.markets import MarketSpec
from execution.simulator.numbers import rescale

_CLIENT_ORDER_ID = re.compile(r"[a-zA-Z0-9-_]{1,36}")
_SIDES = {"BUY": "buy", "SELL": "sell"}


def new_order(exchange: Exchange, call: Call) -> Response:
    """POST /api/v3/order. Market and limit orders answer FULL unless `newOrderRespType` says otherwise."""
    params = call.request.params
    request = read_order(exchange, call)
    try:
        order = exchange.place(call.account, request, call.now)
    except Refused as e:
        raise errors.fail(errors.REFUSALS[e.refusal]) from e
    default = "ACK" if order.post_only else "FULL"
    return json_response(_new_order_body(order, params.get("newOrderRespType", default)))


def test_order(exchange: Exchange, call: Call) -> Response:
    """POST /api/v3/order/test: validate, do not send to the matching engine."""
    try:
        check_rules(read_order(exchange, call))
    except Refused as e:
        raise errors.fail(errors.REFUSALS[e.refusal]) from e
    return json_response({})


def query_order(exchange: Exchange, call: Call) -> Response:
    """GET /api/v3/order by orderId or origClientOrderId; of several orders with one client id, the latest."""
    order = _find_order(exchange, call)
    if order is None:
        raise errors.fail(errors.NO_SUCH_ORDER)
    return json_response(queried_order(order))


def cancel_order(exchange: Exchange, call: Call) -> Response:
    """DELETE /api/v3/order by orderId or origClientOrderId."""
    order = _find_order(exchange, call)
    if order is None:
        raise errors.fail(errors.UNKNOWN_ORDER)
    return json_response(_cancel(exchange, order, call))


def cancel_open_orders(exchange: Exchange, call: Call) -> Response:
    """DELETE /api/v3/openOrders of one symbol; none open is an error."""
    market = find_market(exchange, call)
    orders = [order for order in call.account.open.values() if order.market is market]
    if not orders:
        raise errors.fail(errors.UNKNOWN_ORDER)
    return json_response([_cancel(exchange, order, call) for order in orders])


def read_order(exchange: Exchange, call: Call) -> OrderRequest:
    """Read and check the parameters of a new order. Raises `WireError`."""
    params, market = call.request.params, find_market(exchange, call)
    kind = one_of(params, "type", ("LIMIT", "LIMIT_MAKER", "MARKET"), errors.BAD_TYPE)
    request = OrderRequest(
        market=market,
        side=_SIDES[one_of(params, "side", tuple(_SIDES), errors.BAD_SIDE)],
        post_only=kind == "LIMIT_MAKER",
        client_order_id=_client_order_id(params, call),
    )
    if kind == "MARKET":
        _read_market(request, params)
    else:
        _read_limit(request, params, kind)
    return request


def _read_limit(request: OrderRequest, params: dict[str, str], kind: str) -> None:
    spec = request.market.spec
    if kind == "LIMIT":
        words = tuple(item.value for item in TimeInForce)
        request.time_in_force = TimeInForce(one_of(params, "timeInForce", words, errors.BAD_TIME_IN_FORCE))
    refuse(params, "quoteOrderQty", *(("timeInForce",) if kind == "LIMIT_MAKER" else ()))
    request.amount = rescale(decimal(params, "quantity"), WIRE_DECIMALS, spec.base_decimals)
    price, step = decimal(params, "price"), 10 ** (WIRE_DECIMALS - spec.price_decimals)
    if price % step:
        raise errors.fail(errors.REFUSALS[Refusal.PRICE_OFF_TICK])
    request.price = price // step


def _read_market(request: OrderRequest, params: dict[str, str]) -> None:
    spec: MarketSpec = request.market.spec
    refuse(params, "price", "timeInForce")
    if "quantity" in params:
        refuse(params, "quoteOrderQty")
        request.amount = rescale(decimal(params, "quantity"), WIRE_DECIMALS, spec.base_decimals)
    elif "quoteOrderQty" in params:
        request.budget = rescale(decimal(params, "quoteOrderQty"), WIRE_DECIMALS, spec.quote_decimals)
    else:
        raise errors.fail(errors.NO_QUANTITY)


def _client_order_id(params: dict[str, str], call: Call) -> str:
    """Return the client's id, or one of the exchange's own making: Binance orders always have one."""
    given = params.get("newClientOrderId")
    if given is None:
        return f"sim{call.now:x}{len(call.account.orders):x}"
    if not _CLIENT_ORDER_ID.fullmatch(given):
        raise errors.fail(errors.illegal_characters("newClientOrderId", "^[a-zA-Z0-9-_]{1,36}$"))
    return given


def _new_order_body(order: Order, response_type: str) -> dict[str, object]:
    at = order.placed_at // 1000
    body = order_body(order)
    if response_type == "ACK":
        return {key: body[key] for key in ("symbol", "orderId", "orderListId", "clientOrderId")} | {"transactTime": at}
    body["transactTime"] = body["workingTime"] = at
    if response_type == "FULL":
        body["fills"] = [fill(trade) for trade in order.trades]
    return body


def _cancel(exchange: Exchange, order: Order, call: Call) -> dict[str, object]:
    try:
        exchange.cancel(order, call.now)
    except Refused as e:
        raise errors.fail(errors.REFUSALS[e.refusal]) from e
    # A cancel is a message of its own with a client id of its own.
    cancel_id = call.request.params.get("newClientOrderId", f"cancel{order.number}")
    return {
        **order_body(order),
        "origClientOrderId": order.client_order_id,
        "clientOrderId": cancel_id,
        "transactTime": call.now // 1000,
    }


def _find_order(exchange: Exchange, call: Call) -> Order | None:
    params, market = call.request.params, find_market(exchange, call)
    candidates: Iterator[Order]
    if "orderId" in params:
        order = exchange.orders_by_id.get(params["orderId"])
        candidates = iter(() if order is None else (order,))
    elif "origClientOrderId" in params:
        candidates = reversed(call.account.orders_with(params["origClientOrderId"]))
    else:
        raise errors.fail(errors.NO_ORDER_ID)
    return next((o for o in candidates if o.account is call.account and o.market is market), None)
