"""Kraken's trading endpoints: placing and cancelling orders."""

import re
from datetime import UTC, datetime

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.kraken import errors, names
from execution.simulator.dialects.kraken.auth import read_params
from execution.simulator.dialects.kraken.shapes import describe, result
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.orders import Order, OrderRequest, Refused, TimeInForce
from execution.simulator.engine.rules import check_rules
from execution.simulator.http import Request, Response
from execution.simulator.numbers import MalformedNumber, TooPrecise, parse_scaled

# A long UUID, a UUID without hyphens, or free text. Kraken REST API docs, "Client order identifiers".
_CLIENT_ORDER_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}|[!-~]{1,18}")
_USERREF = re.compile(r"-?[0-9]{1,10}")
# fcib (fee in base) is not simulated: this account always pays in quote, as `fciq` says.
_FLAGS = frozenset({"post", "fciq", "nompp", "viqc"})
_TRUE = frozenset({"true", "True", "1"})
_DEFAULT_DEADLINE_US = 5_000_000
_LATEST_DEADLINE_US = 60_000_000


def add_order(exchange: Exchange, call: Call) -> Response:
    """AddOrder: the answer is an acknowledgement only, whatever was filled."""
    check_deadline(call.request, call.now, call.now)
    params = read_params(call.request)
    request = read_order(exchange, params)
    try:
        if params.get("validate") in _TRUE:
            check_rules(request)
            order = Order(request, call.account, number=0, order_id="", now=call.now)
            return result({"descr": {"order": describe(order)}})
        order = exchange.place(call.account, request, call.now)
    except Refused as e:
        raise errors.fail(errors.REFUSALS[e.refusal]) from e
    return result({"descr": {"order": describe(order)}, "txid": [order.id]})


def cancel_order(exchange: Exchange, call: Call) -> Response:
    """CancelOrder by txid, by userref (all orders that carry it) or by cl_ord_id."""
    params = read_params(call.request)
    account = call.account
    if "cl_ord_id" in params:
        order = account.open_order_with(params["cl_ord_id"])
        orders = [] if order is None else [order]
    elif "txid" not in params:
        raise errors.fail(errors.invalid_argument("txid"))
    elif _USERREF.fullmatch(params["txid"]):
        orders = [order for order in account.open.values() if order.extra.get("userref") == params["txid"]]
    else:
        orders = [find_order(exchange, call, params["txid"])]
    if not orders:
        raise errors.fail(errors.UNKNOWN_ORDER)
    return _cancelled(exchange, orders, call)


def cancel_all(exchange: Exchange, call: Call) -> Response:
    """CancelAll open orders of the account."""
    return _cancelled(exchange, list(call.account.open.values()), call)


def find_order(exchange: Exchange, call: Call, txid: str) -> Order:
    """Return the account's order with this txid. Raises `WireError`: invalid order."""
    order = exchange.orders_by_id.get(txid)
    if order is None or order.account is not call.account:
        raise errors.fail(errors.INVALID_ORDER)
    return order


def check_deadline(request: Request, arrived_at: int, now: int) -> None:
    """Raise `WireError` if the order's `deadline` (5 s after arrival by default) has passed or is out of range."""
    text = read_params(request).get("deadline")
    if text is None:
        deadline = arrived_at + _DEFAULT_DEADLINE_US
    else:
        try:
            at = datetime.fromisoformat(text)
        except ValueError as e:
            raise errors.fail(errors.invalid_argument("deadline")) from e
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        deadline = int(at.timestamp() * 1_000_000)
    if deadline > now + _LATEST_DEADLINE_US:
        raise errors.fail(errors.invalid_argument("deadline"))
    if deadline < now:
        raise errors.fail(errors.DEADLINE_ELAPSED)


def read_order(exchange: Exchange, params: dict[str, str]) -> OrderRequest:
    """Read and check the parameters of a new order. Raises `WireError`."""
    market = names.find_market(exchange, params.get("pair", ""))
    side = _one_of(params, "type", ("buy", "sell"))
    kind = _one_of(params, "ordertype", ("market", "limit"))
    flags = [flag for flag in params.get("oflags", "").split(",") if flag]
    if not _FLAGS.issuperset(flags) or ("post" in flags and kind == "market"):
        raise errors.fail(errors.invalid_argument("oflags"))
    request = OrderRequest(
        market=market,
        side=side,
        post_only="post" in flags,
        client_order_id=_client_order_id(params),
        extra={"oflags": ",".join(dict.fromkeys([*flags, "fciq"]))},
    )
    if "userref" in params:
        request.extra["userref"] = params["userref"]
    spec = market.spec
    if "viqc" in flags:
        if kind != "market" or side != "buy":
            raise errors.fail(errors.invalid_argument("viqc"))
        request.budget = _decimal(params, "volume", spec.quote_decimals)
    else:
        request.amount = _decimal(params, "volume", spec.base_decimals)
    if kind == "limit":
        request.price = _price(params, spec.price_decimals)
        request.time_in_force = TimeInForce(_one_of({"timeinforce": "GTC"} | params, "timeinforce", tuple(TimeInForce)))
    return request


def _client_order_id(params: dict[str, str]) -> str | None:
    """Return `cl_ord_id`; it excludes `userref`."""
    given, userref = params.get("cl_ord_id"), params.get("userref")
    if userref is not None and not _USERREF.fullmatch(userref):
        raise errors.fail(errors.invalid_argument("userref"))
    if given is not None and (userref is not None or not _CLIENT_ORDER_ID.fullmatch(given)):
        raise errors.fail(errors.invalid_argument("cl_ord_id"))
    return given


def _one_of(params: dict[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = params.get(name, "")
    if value not in allowed:
        raise errors.fail(errors.invalid_argument(name))
    return value


def _decimal(params: dict[str, str], name: str, decimals: int) -> int:
    try:
        return parse_scaled(params.get(name, ""), decimals)
    except (MalformedNumber, TooPrecise) as e:
        raise errors.fail(errors.invalid_argument(name)) from e


def _price(params: dict[str, str], decimals: int) -> int:
    try:
        return parse_scaled(params.get("price", ""), decimals)
    except MalformedNumber as e:
        raise errors.fail(errors.invalid_argument("price")) from e
    except TooPrecise as e:
        raise errors.fail("EOrder:Tick size check failed") from e


def _cancelled(exchange: Exchange, orders: list[Order], call: Call) -> Response:
    try:
        for order in orders:
            exchange.cancel(order, call.now)
    except Refused as e:
        raise errors.fail(errors.REFUSALS[e.refusal]) from e
    return result({"count": len(orders)})
