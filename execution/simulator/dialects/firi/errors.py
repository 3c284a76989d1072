"""Firi's errors: {"name", "message"}. Only some names are documented; a comment marks the ones we had to choose."""

from typing import NamedTuple

from execution.simulator.dialects.base import WireError
from execution.simulator.engine.orders import Refusal
from execution.simulator.http import Response, json_response


class Error(NamedTuple):
    """One of Firi's errors."""

    http_status: int
    name: str
    message: str


# developers.firi.com, error table.
KEY_NOT_FOUND = Error(401, "ApiKeyNotFound", "Api key not found")
EXPIRED_SIGNATURE = Error(401, "Expired Signature", "The signature has expired")
INVALID_SIGNATURE = Error(401, "Invalid Signature", "The signature is invalid")
# Seen in clients' logs.
INSUFFICIENT_FUNDS = Error(400, "InsufficientFunds", "Insufficient funds")
# Not documented: our choice of words.
NOT_FOUND = Error(404, "NotFound", "Not found")
MARKET_NOT_FOUND = Error(404, "MarketNotFound", "Market not found")
ORDER_NOT_FOUND = Error(404, "OrderNotFound", "Order not found")
INVALID_BODY = Error(400, "InvalidBody", "The body must be a JSON object of strings")
INVALID_TYPE = Error(400, "InvalidType", "Type must be bid or ask")
INVALID_PRICE = Error(400, "InvalidPrice", "Invalid price")
INVALID_AMOUNT = Error(400, "InvalidAmount", "Invalid amount")
INVALID_COUNT = Error(400, "InvalidCount", "Invalid count")
TOO_MANY_REQUESTS = Error(429, "TooManyRequests", "Too many requests")

REFUSALS: dict[Refusal, Error] = {
    Refusal.PRICE_OFF_TICK: INVALID_PRICE,
    Refusal.AMOUNT_OFF_LOT: INVALID_AMOUNT,
    Refusal.AMOUNT_BELOW_MINIMUM: INVALID_AMOUNT,
    Refusal.INSUFFICIENT_FUNDS: INSUFFICIENT_FUNDS,
    Refusal.ORDER_NOT_OPEN: ORDER_NOT_FOUND,
}


def error_response(error: Error, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Render an error."""
    return json_response({"name": error.name, "message": error.message}, error.http_status, headers)


def fail(error: Error) -> WireError:
    """Return the exception that ends a request with this error."""
    return WireError(error_response(error))
