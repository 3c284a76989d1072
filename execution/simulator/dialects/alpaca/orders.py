"""Alpaca's trading endpoints (Alpaca docs, "Create an Order" and "Delete Order by ID")."""

from uuid import uuid4

from execution.simulator.dialects.alpaca import errors
from execution.simulator.dialects.alpaca.history import find_order
from execution.simulator.dialects.alpaca.parameters import decimal, find_market, one_of, read_body
from execution.simulator.dialects.alpaca.shapes import accepted_order, order_state
from execution.simulator.dialects.base import Call, WireError
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.orders import OrderRequest, Refusal, Refused, TimeInForce
from execution.simulator.http import Response, json_response
from execution.simulator.numbers import format_trimmed

_LONGEST_CLIENT_ID = 128


def create_order(exchange: Exchange, call: Call) -> Response:
    """POST /v2/orders: answered when the order is accepted, which is before it is matched."""
    request = read_order(exchange, read_body(call.request))
    try:
        order = exchange.place(call.account, request, call.now)
    except Refused as e:
        raise _refused(e.refusal, call.account, request) from e
    return json_response(accepted_order(order))


def cancel_order(exchange: Exchange, call: Call) -> Response:
    """DELETE /v2/orders/{order_id}: 204 without a body."""
    order = find_order(exchange, call)
    try:
        exchange.cancel(order, call.now)
    except Refused as e:
        raise errors.fail(errors.not_open(order, order_state(order))) from e
    return Response(204, b"")


def read_order(exchange: Exchange, fields: dict[str, str]) -> OrderRequest:
    """Read and check the fields of a new order. Raises `WireError`."""
    market = find_market(exchange, fields.get("symbol"))
    if market is None:
        raise errors.fail(errors.unknown_asset(fields.get("symbol", "")))
    kind = one_of(fields, "type", ("limit", "market"), errors.BAD_TYPE)
    time_in_force = one_of(fields, "time_in_force", ("gtc", "ioc"), errors.BAD_TIME_IN_FORCE)
    request = OrderRequest(
        market=market,
        side=one_of(fields, "side", ("buy", "sell")),
        time_in_force=TimeInForce(time_in_force.upper()),
        client_order_id=fields.get("client_order_id") or str(uuid4()),
    )
    if len(request.client_order_id or "") > _LONGEST_CLIENT_ID:
        raise errors.fail(errors.LONG_CLIENT_ID)
    _read_amount(request, fields, is_market=kind == "market")
    if kind == "limit":
        if "limit_price" not in fields:
            raise errors.fail(errors.NO_LIMIT_PRICE)
        spec = market.spec
        request.price = decimal(fields, "limit_price", spec.price_decimals, spec, Refusal.PRICE_OFF_TICK)
    return request


def _read_amount(request: OrderRequest, fields: dict[str, str], *, is_market: bool) -> None:
    """An order names its amount or, at market, the dollars to trade."""
    spec = request.market.spec
    if "qty" in fields and "notional" in fields:
        raise errors.fail(errors.QTY_AND_NOTIONAL)
    if "notional" in fields:
        if not is_market:
            raise errors.fail(errors.NOTIONAL_OF_LIMIT)
        request.budget = decimal(fields, "notional", spec.quote_decimals, spec, Refusal.AMOUNT_OFF_LOT)
    elif "qty" in fields:
        request.amount = decimal(fields, "qty", spec.base_decimals, spec, Refusal.AMOUNT_OFF_LOT)
        if request.amount <= 0:
            raise errors.fail(errors.NOT_POSITIVE)
    else:
        raise errors.fail(errors.QTY_OR_NOTIONAL)


def _refused(refusal: Refusal, account: Account, request: OrderRequest) -> WireError:
    spec = request.market.spec
    if refusal is not Refusal.INSUFFICIENT_FUNDS:
        return errors.fail(errors.refused(refusal, spec))
    is_buy = request.side == "buy"
    asset, decimals = (spec.quote, spec.quote_decimals) if is_buy else (spec.base, spec.base_decimals)
    price = request.market.last_price if request.price is None else request.price
    cost = spec.notional(price, request.amount) if request.budget is None else request.budget
    balance = account.balance(asset)
    requested, available, total = (
        format_trimmed(units, decimals)
        for units in (cost if is_buy else request.amount, balance.available, balance.total)
    )
    return errors.insufficient_balance(asset, requested, available, total)
