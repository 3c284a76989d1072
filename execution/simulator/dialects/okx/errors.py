"""OKX's errors: {"code", "msg", "data"}. Codes, HTTP statuses and texts: OKX v5 docs, "Error Code", REST API.

What is wrong with a request as a whole (headers, JSON, unknown order) is the answer's own `code`. What is wrong with
the order in it is code "1" with HTTP 200, and the reason is the `sCode` of the one item of `data`.
"""

from typing import NamedTuple

from execution.simulator.dialects.base import WireError
from execution.simulator.engine.orders import Refusal
from execution.simulator.http import Response, json_response


class Error(NamedTuple):
    """One of OKX's errors. `http_status` is that of the whole answer; as an order's `sCode` it comes with 200."""

    http_status: int
    code: str
    msg: str


NO_BODY = Error(400, "50000", "Body for POST request cannot be empty.")
UNAVAILABLE = Error(503, "50001", "Service temporarily unavailable. Please try again later.")
BAD_JSON = Error(400, "50002", "JSON syntax error")
BAD_CONTENT_TYPE = Error(400, "50006", 'Invalid Content-Type. Please use "application/JSON".')
TOO_MANY_REQUESTS = Error(429, "50011", "Too Many Requests")
TIMESTAMP_EXPIRED = Error(401, "50102", "Timestamp request expired.")
WRONG_PASSPHRASE = Error(401, "50105", 'Request header "OK-ACCESS-PASSPHRASE" incorrect.')
UNKNOWN_KEY = Error(401, "50111", "Invalid OK-ACCESS-KEY.")
BAD_TIMESTAMP = Error(401, "50112", "Invalid OK-ACCESS-TIMESTAMP.")
BAD_SIGNATURE = Error(401, "50113", "Invalid signature.")
BAD_METHOD = Error(405, "50115", "Invalid request method.")
ARRIVED_EXPIRED = Error(
    200,
    "50036",
    "The expTime can't be earlier than the current system time. Please adjust the expTime and try again.",
)
ORDER_EXPIRED = Error(200, "50037", "Order expired.")
UNKNOWN_INSTRUMENT = Error(200, "51001", "Instrument ID, Instrument ID code or Spread ID doesn't exist.")
NO_ORDER_ID = Error(200, "51003", "Either client order ID or order ID is required.")
NO_ORDER_ID_TO_CANCEL = Error(200, "51407", "Either order ID or client order ID is required.")
NOT_CANCELLABLE = Error(
    200, "51400", "Order cancellation failed as the order has been filled, canceled or does not exist."
)
UNKNOWN_ORDER = Error(200, "51603", "Order does not exist.")
OFF_LOT = Error(200, "51121", "Order quantity must be a multiple of the lot size.")
TOO_PRECISE = Error(200, "51150", "The precision of the number of trades or the price exceeds the limit.")
BELOW_MINIMUM = Error(200, "51020", "Your order should meet or exceed the minimum order amount.")

REFUSALS: dict[Refusal, Error] = {
    Refusal.PRICE_OFF_TICK: TOO_PRECISE,
    Refusal.AMOUNT_OFF_LOT: OFF_LOT,
    Refusal.AMOUNT_BELOW_MINIMUM: BELOW_MINIMUM,
    Refusal.NOTIONAL_BELOW_MINIMUM: BELOW_MINIMUM,
    Refusal.DUPLICATE_CLIENT_ORDER_ID: Error(200, "51016", "Client order ID already exists."),
    Refusal.NO_LIQUIDITY: Error(200, "51109", "No available offers."),
    Refusal.ORDER_NOT_OPEN: NOT_CANCELLABLE,
}


class Failed(Exception):
    """What the request asks for cannot be done; the handler makes it the `sCode` of the answer's item."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.code)
        self.error = error


def insufficient_funds(asset: str) -> Error:
    """The account cannot pay the order."""
    return Error(200, "51008", f"Order failed. Insufficient {asset} balance in account")


def missing(name: str) -> Error:
    """A mandatory parameter is absent or empty."""
    return Error(400, "50014", f"Parameter {name} can not be empty.")


def missing_header(name: str) -> Error:
    """One of the four headers of a signed request is absent."""
    return Error(401, _HEADER_CODES[name], f'Request header "{name}" cannot be empty.')


def malformed(name: str) -> Error:
    """A parameter has a value that is not allowed."""
    return Error(400, "51000", f"Parameter {name} error")


def error_response(error: Error, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Render an error of the whole request."""
    return json_response({"code": error.code, "data": [], "msg": error.msg}, error.http_status, headers)


def fail(error: Error) -> WireError:
    """Return the exception that ends a request with this error."""
    return WireError(error_response(error))


_HEADER_CODES = {
    "OK-ACCESS-KEY": "50103",
    "OK-ACCESS-PASSPHRASE": "50104",
    "OK-ACCESS-SIGN": "50106",
    "OK-ACCESS-TIMESTAMP": "50107",
}
