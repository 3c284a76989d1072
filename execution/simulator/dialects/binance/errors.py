"""Binance's error bodies: {"code", "msg"}. Texts: Binance REST API docs, "Error codes" and "Filter failures"."""

from typing import NamedTuple

from execution.simulator.dialects.base import WireError
from execution.simulator.engine.orders import Refusal
from execution.simulator.http import Response, json_response


class Error(NamedTuple):
    """One of Binance's errors."""

    http_status: int
    code: int
    msg: str


BAD_KEY_FORMAT = Error(401, -2014, "API-key format invalid.")
UNKNOWN_KEY = Error(401, -2015, "Invalid API-key, IP, or permissions for action.")
BAD_SIGNATURE = Error(400, -1022, "Signature for this request is not valid.")
OUTSIDE_WINDOW = Error(400, -1021, "Timestamp for this request is outside of the recvWindow.")
AHEAD_OF_SERVER = Error(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
WINDOW_TOO_LARGE = Error(400, -1131, "recvWindow must be less than 60000")
BAD_SYMBOL = Error(400, -1121, "Invalid symbol.")
BAD_SIDE = Error(400, -1117, "Invalid side.")
BAD_TYPE = Error(400, -1116, "Invalid orderType.")
BAD_TIME_IN_FORCE = Error(400, -1115, "Invalid timeInForce.")
PERIOD_TOO_LONG = Error(400, -1127, "More than 24 hours between startTime and endTime.")
NO_QUANTITY = Error(400, -1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
NO_ORDER_ID = Error(400, -1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
NO_SUCH_ORDER = Error(400, -2013, "Order does not exist.")
UNKNOWN_ORDER = Error(400, -2011, "Unknown order sent.")
TOO_MUCH_WEIGHT = Error(429, -1003, "Too much request weight used; current limit is 6000 request weight per 1 MINUTE.")

REFUSALS: dict[Refusal, Error] = {
    Refusal.PRICE_OFF_TICK: Error(400, -1013, "Filter failure: PRICE_FILTER"),
    Refusal.AMOUNT_OFF_LOT: Error(400, -1013, "Filter failure: LOT_SIZE"),
    Refusal.AMOUNT_BELOW_MINIMUM: Error(400, -1013, "Filter failure: LOT_SIZE"),
    Refusal.NOTIONAL_BELOW_MINIMUM: Error(400, -1013, "Filter failure: NOTIONAL"),
    Refusal.INSUFFICIENT_FUNDS: Error(400, -2010, "Account has insufficient balance for requested action."),
    Refusal.DUPLICATE_CLIENT_ORDER_ID: Error(400, -2010, "Duplicate order sent."),
    Refusal.POST_ONLY_WOULD_TAKE: Error(400, -2010, "Order would immediately match and take."),
    Refusal.NO_LIQUIDITY: Error(400, -2010, "Order book liquidity is less than symbol minimum quantity."),
    Refusal.ORDER_NOT_OPEN: UNKNOWN_ORDER,
}


def missing(name: str) -> Error:
    """A mandatory parameter is absent or malformed."""
    return Error(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def not_required(name: str) -> Error:
    """A parameter does not go with this kind of order."""
    return Error(400, -1106, f"Parameter '{name}' sent when not required.")


def illegal_characters(name: str, legal: str) -> Error:
    """A parameter has characters it may not have."""
    return Error(400, -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def too_precise(name: str) -> Error:
    """A number has more decimals than any market allows."""
    return Error(400, -1111, f"Parameter '{name}' has too much precision.")


def error_response(error: Error, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Render an error."""
    return json_response({"code": error.code, "msg": error.msg}, error.http_status, headers)


def fail(error: Error) -> WireError:
    """Return the exception that ends a request with this error."""
    return WireError(error_response(error))
