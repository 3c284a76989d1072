"""Alpaca's errors: {"code", "message"}, where the code begins with the HTTP status; some have a message alone.

Codes and texts: Alpaca docs ("Working with /orders", "Crypto Orders") and answers that ccxt and Alpaca's own guide to
common errors quote. The texts for an amount or a price off the asset's increments are modelled on those for equities.
"""

import time
from typing import NamedTuple

from execution.simulator.dialects.base import WireError
from execution.simulator.engine.orders import Order, Refusal
from execution.simulator.http import Response, json_response
from execution.simulator.markets import MarketSpec

_REQUESTS_PER_MINUTE = "200"


class Error(NamedTuple):
    """One of Alpaca's errors. A code of 0 is left out."""

    http_status: int
    code: int
    message: str


FORBIDDEN = Error(403, 0, "forbidden.")
NOT_AUTHORIZED = Error(401, 40110000, "request is not authorized")
NO_ENDPOINT = Error(404, 0, "endpoint not found.")
NO_ORDER = Error(404, 40410000, "order not found")
RATE_LIMIT = Error(429, 42910000, "rate limit exceeded")
BAD_BODY = Error(400, 40010000, "request body format is invalid")
NOT_POSITIVE = Error(422, 40010000, "qty must be > 0")
BAD_TYPE = Error(422, 40010001, "invalid order type for crypto order")
BAD_TIME_IN_FORCE = Error(422, 42210000, "invalid crypto time_in_force")
QTY_OR_NOTIONAL = Error(422, 40010001, "qty or notional is required")
QTY_AND_NOTIONAL = Error(422, 40010001, "only one of qty or notional is accepted")
NOTIONAL_OF_LIMIT = Error(422, 40010001, "notional orders must be market orders")
NO_LIMIT_PRICE = Error(422, 40010001, "limit orders require limit price")
LONG_CLIENT_ID = Error(422, 40010001, "client_order_id must be no more than 128 characters")


def refused(refusal: Refusal, spec: MarketSpec) -> Error:
    """Why an order is not accepted, apart from a lack of funds."""
    facts = spec.facts
    return {
        Refusal.PRICE_OFF_TICK: Error(
            422, 42210000, f"invalid limit_price. the price increment of {facts.wire_id} is {facts.tick}"
        ),
        Refusal.AMOUNT_OFF_LOT: Error(
            422, 42210000, f"invalid qty. the minimal trade increment of {facts.wire_id} is {facts.lot}"
        ),
        Refusal.AMOUNT_BELOW_MINIMUM: Error(403, 40310000, f"qty must be >= minimal order size {facts.min_amount}"),
        Refusal.NOTIONAL_BELOW_MINIMUM: Error(
            403, 40310000, f"cost basis must be >= minimal amount of order {facts.min_notional}"
        ),
        Refusal.DUPLICATE_CLIENT_ORDER_ID: Error(422, 40010001, "client_order_id must be unique"),
        Refusal.NO_LIQUIDITY: Error(403, 40310000, f"no available quote for {facts.wire_id}"),
    }[refusal]


def insufficient_balance(asset: str, requested: str, available: str, balance: str) -> WireError:
    """The account cannot pay the order."""
    message = f"insufficient balance for {asset} (requested: {requested}, available: {available})"
    body = {"available": available, "balance": balance, "code": 40310000, "message": message, "symbol": asset}
    return WireError(json_response(body, 403))


def not_open(order: Order, state: str) -> Error:
    """The order to cancel is already over."""
    return Error(422, 42210000, f'order is already in "{state}" state')


def unknown_asset(symbol: object) -> Error:
    """There is no such pair."""
    return Error(422, 42210000, f'asset "{symbol}" not found')


def invalid(name: str) -> Error:
    """A field of the body or the query has a value it may not have."""
    return Error(422, 40010001, f"invalid {name}")


def bad_symbols(symbol: str) -> Error:
    """The Market Data API does not take this for a pair."""
    return Error(400, 0, f"Invalid symbol(s): {symbol} does not match ^[A-Z]+/[A-Z]+$")


def too_many_requests() -> Response:
    """All Trading API answers tell the limit, what remains of it, and when it is full again (epoch seconds)."""
    headers = (
        ("X-Ratelimit-Limit", _REQUESTS_PER_MINUTE),
        ("X-Ratelimit-Remaining", "0"),
        ("X-Ratelimit-Reset", str(int(time.time()) + 1)),
    )
    return error_response(RATE_LIMIT, headers)


def error_response(error: Error, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Render an error."""
    body: dict[str, object] = (
        {"code": error.code, "message": error.message} if error.code else {"message": error.message}
    )
    return json_response(body, error.http_status, headers)


def fail(error: Error) -> WireError:
    """Return the exception that ends a request with this error."""
    return WireError(error_response(error))
