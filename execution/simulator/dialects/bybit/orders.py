"""Bybit's trading endpoints: placing and cancelling orders. Both only acknowledge, with ids and nothing else."""

import re

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.bybit import errors
from execution.simulator.dialects.bybit.parameters import decimal, find_market, one_of, read_body, require_spot
from execution.simulator.dialects.bybit.shapes import result
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.orders import Order, OrderRequest, Refused, TimeInForce
from execution.simulator.http import Response

_SIDES = {"Buy": "buy", "Sell": "sell"}
_CLIENT_ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "PostOnly")


def create_order(exchange: Exchange, call: Call) -> Response:
    """POST /v5/order/create."""
    request = read_order(exchange, read_body(call.request))
    try:
        order = exchange.place(call.account, request, call.now)
    except Refused as e:
        raise errors.fail(errors.REFUSALS[e.refusal]) from e
    return _acknowledged(order, call)


def cancel_order(exchange: Exchange, call: Call) -> Response:
    """POST /v5/order/cancel by orderId or orderLinkId; the orderId goes first."""
    params = read_body(call.request)
    require_spot(params)
    if not params.get("orderId") and not params.get("orderLinkId"):
        raise errors.fail(errors.NO_ORDER_ID)
    found = [order for order in named_orders(exchange, call, params) or [] if order.id in call.account.open]
    if not found:
        raise errors.fail(errors.NO_SUCH_ORDER)
    exchange.cancel(found[0], call.now)
    return _acknowledged(found[0], call)


def named_orders(exchange: Exchange, call: Call, params: dict[str, str]) -> list[Order] | None:
    """Return the account's orders that an id names, or None if no id is given. The orderId goes first."""
    if params.get("orderId"):
        order = exchange.orders_by_id.get(params["orderId"])
        return [order] if order is not None and order.account is call.account else []
    if params.get("orderLinkId"):
        return list(call.account.orders_with(params["orderLinkId"]))
    return None


def read_order(exchange: Exchange, params: dict[str, str]) -> OrderRequest:
    """Read and check the parameters of a new order. Raises `WireError`."""
    require_spot(params)
    request = OrderRequest(
        market=find_market(exchange, params.get("symbol"), errors.BAD_SYMBOL),
        side=_SIDES[one_of(params, "side", tuple(_SIDES), errors.BAD_SIDE)],
        client_order_id=_client_order_id(params),
    )
    one_of({"orderFilter": "Order"} | params, "orderFilter", ("Order",), errors.invalid("orderFilter"))
    if one_of(params, "orderType", ("Limit", "Market"), errors.BAD_TYPE) == "Market":
        _read_market(request, params)
    else:
        _read_limit(request, params)
    return request


def _read_limit(request: OrderRequest, params: dict[str, str]) -> None:
    spec = request.market.spec
    word = one_of({"timeInForce": "GTC"} | params, "timeInForce", _TIMES_IN_FORCE, errors.BAD_TIME_IN_FORCE)
    request.post_only = word == "PostOnly"
    request.time_in_force = TimeInForce.GTC if request.post_only else TimeInForce(word)
    request.amount = decimal(params, "qty", spec.base_decimals, errors.AMOUNT_TOO_LONG)
    request.price = decimal(params, "price", spec.price_decimals, errors.PRICE_TOO_LONG)


def _read_market(request: OrderRequest, params: dict[str, str]) -> None:
    """Bybit v5 docs, "Place Order": a market buy counts in quote unless `marketUnit` says otherwise."""
    spec = request.market.spec
    usual = "quoteCoin" if request.side == "buy" else "baseCoin"
    unit = one_of({"marketUnit": usual} | params, "marketUnit", ("baseCoin", "quoteCoin"), errors.invalid("marketUnit"))
    request.extra["marketUnit"] = unit
    if unit == "quoteCoin":
        request.budget = decimal(params, "qty", spec.quote_decimals, errors.AMOUNT_TOO_LONG)
    else:
        request.amount = decimal(params, "qty", spec.base_decimals, errors.AMOUNT_TOO_LONG)


def _client_order_id(params: dict[str, str]) -> str | None:
    given = params.get("orderLinkId")
    if not given:
        return None
    if not _CLIENT_ORDER_ID.fullmatch(given):
        raise errors.fail(errors.invalid("orderLinkId"))
    return given


def _acknowledged(order: Order, call: Call) -> Response:
    return result({"orderId": order.id, "orderLinkId": order.client_order_id or ""}, call.now)
