"""OKX's trading endpoints: placing and cancelling orders. OKX v5 docs, "Place order" and "Cancel order"."""

import re

from execution.simulator.dialects.base import Call, WireError
from execution.simulator.dialects.okx import errors
from execution.simulator.dialects.okx.auth import has_expired
from execution.simulator.dialects.okx.parameters import find_market, read_body, required
from execution.simulator.dialects.okx.shapes import operation_result
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.orders import Order, OrderRequest, Refusal, Refused, TimeInForce
from execution.simulator.http import Request, Response
from execution.simulator.markets import MarketSpec
from execution.simulator.numbers import MalformedNumber, TooPrecise, parse_scaled

_CLIENT_ORDER_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_TAG = re.compile(r"[A-Za-z0-9]{1,16}")
_TIMES = {"ioc": TimeInForce.IOC, "fok": TimeInForce.FOK}
# What a market order's `sz` counts when it does not say.
_DEFAULT_UNIT = {"buy": "quote_ccy", "sell": "base_ccy"}


def place_order(exchange: Exchange, call: Call) -> Response:
    """POST /api/v5/trade/order: the answer holds ids only, whatever was filled."""
    body = read_body(call.request)
    for name in ("instId", "tdMode", "side", "ordType", "sz"):
        required(body, name)
    named: dict[str, object] = {"clOrdId": body.get("clOrdId", ""), "ordId": "", "tag": body.get("tag", "")}
    try:
        if has_expired(call.request, call.now):
            raise errors.Failed(errors.ARRIVED_EXPIRED)
        order = _place(exchange, call, read_order(exchange, body))
    except errors.Failed as e:
        return operation_result(named, call.now, e.error)
    return operation_result({**named, "ordId": order.id}, call.now)


def cancel_order(exchange: Exchange, call: Call) -> Response:
    """POST /api/v5/trade/cancel-order by ordId or clOrdId: ordId wins."""
    body = read_body(call.request)
    required(body, "instId")
    named: dict[str, object] = {"clOrdId": body.get("clOrdId", ""), "ordId": body.get("ordId", "")}
    try:
        if not (body.get("ordId") or body.get("clOrdId")):
            raise errors.Failed(errors.NO_ORDER_ID_TO_CANCEL)
        order = find_order(exchange, call.account, body)
        if order is None:
            raise errors.Failed(errors.NOT_CANCELLABLE)
        exchange.cancel(order, call.now)
    except Refused as e:
        return operation_result(named, call.now, errors.REFUSALS[e.refusal])
    except errors.Failed as e:
        return operation_result(named, call.now, e.error)
    return operation_result({"clOrdId": order.client_order_id or "", "ordId": order.id}, call.now)


def check_expiry(request: Request, now: int) -> None:
    """Raise `WireError` 50037 if an order on its way has outlived its `expTime`."""
    if has_expired(request, now):
        raise WireError(operation_result({"clOrdId": "", "ordId": "", "tag": ""}, now, errors.ORDER_EXPIRED))


def find_order(exchange: Exchange, account: Account, params: dict[str, str]) -> Order | None:
    """Return the account's order in the market `instId` with this ordId, else the latest with this clOrdId."""
    if params.get("ordId"):
        order = exchange.orders_by_id.get(params["ordId"])
    else:
        order = next(reversed(account.orders_with(params.get("clOrdId", ""))), None)
    if order is None or order.account is not account or order.market.spec.facts.wire_id != params["instId"]:
        return None
    return order


def read_order(exchange: Exchange, body: dict[str, str]) -> OrderRequest:
    """Read and check the parameters of a new order. Raises `Failed`."""
    market = find_market(exchange, body["instId"])
    if market is None:
        raise errors.Failed(errors.UNKNOWN_INSTRUMENT)
    _one_of(body, "tdMode", ("cash",))
    side = _one_of(body, "side", ("buy", "sell"))
    kind = _one_of(body, "ordType", ("market", "limit", "post_only", "ioc", "fok"))
    request = OrderRequest(
        market=market,
        side=side,
        post_only=kind == "post_only",
        time_in_force=_TIMES.get(kind, TimeInForce.GTC),
        client_order_id=_name(body, "clOrdId", _CLIENT_ORDER_ID),
        extra={"tag": _name(body, "tag", _TAG) or ""},
    )
    unit = "base_ccy"
    if kind == "market":
        unit = _one_of({"tgtCcy": _DEFAULT_UNIT[side], **_filled(body)}, "tgtCcy", ("base_ccy", "quote_ccy"))
        request.extra["tgtCcy"] = unit
    else:
        request.price = _price(body, market.spec)
    if unit == "quote_ccy":
        request.budget = _size(body, market.spec.quote_decimals)
    else:
        request.amount = _size(body, market.spec.base_decimals)
    return request


def _place(exchange: Exchange, call: Call, request: OrderRequest) -> Order:
    try:
        return exchange.place(call.account, request, call.now)
    except Refused as e:
        spec = request.market.spec
        if e.refusal is Refusal.INSUFFICIENT_FUNDS:
            raise errors.Failed(errors.insufficient_funds(spec.quote if request.side == "buy" else spec.base)) from e
        raise errors.Failed(errors.REFUSALS[e.refusal]) from e


def _filled(body: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in body.items() if value}


def _one_of(body: dict[str, str], name: str, allowed: tuple[str, ...]) -> str:
    if body[name] not in allowed:
        raise errors.Failed(errors.malformed(name))
    return body[name]


def _name(body: dict[str, str], name: str, form: re.Pattern[str]) -> str | None:
    given = body.get(name, "")
    if given and not form.fullmatch(given):
        raise errors.Failed(errors.malformed(name))
    return given or None


def _size(body: dict[str, str], decimals: int) -> int:
    try:
        size = parse_scaled(body["sz"], decimals)
    except MalformedNumber as e:
        raise errors.Failed(errors.malformed("sz")) from e
    except TooPrecise as e:
        raise errors.Failed(errors.OFF_LOT) from e
    if not size:
        raise errors.Failed(errors.malformed("sz"))
    return size


def _price(body: dict[str, str], spec: MarketSpec) -> int:
    try:
        return parse_scaled(body.get("px", ""), spec.price_decimals)
    except MalformedNumber as e:
        raise errors.Failed(errors.malformed("px")) from e
    except TooPrecise as e:
        raise errors.Failed(errors.TOO_PRECISE) from e
