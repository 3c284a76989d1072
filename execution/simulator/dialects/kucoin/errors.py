"""KuCoin's errors: {"code", "msg"}. Sources: KuCoin docs, "Spot error codes" and "Gateway error codes"; answers seen.

What the gateway finds wrong with key, signature or time comes with HTTP 401, what the exchange itself refuses with 200.
"""

from typing import NamedTuple

from execution.simulator.dialects.base import WireError
from execution.simulator.engine.orders import Refusal
from execution.simulator.http import Response, json_response


class Error(NamedTuple):
    """One of KuCoin's errors."""

    code: str
    msg: str
    http_status: int = 200


MISSING_HEADER = Error(
    "400001",
    "Any of KC-API-KEY, KC-API-SIGN, KC-API-TIMESTAMP, KC-API-PASSPHRASE is missing in your request header",
    401,
)
BAD_TIMESTAMP = Error("400002", "Invalid KC-API-TIMESTAMP", 401)
UNKNOWN_KEY = Error("400003", "KC-API-KEY not exists", 401)
BAD_PASSPHRASE = Error("400004", "Invalid KC-API-PASSPHRASE", 401)
BAD_SIGNATURE = Error("400005", "Invalid KC-API-SIGN", 401)
BAD_KEY_VERSION = Error("400009", "Invalid KC-API-KEY-VERSION", 401)
UNSUPPORTED_MEDIA_TYPE = Error("415000", "Unsupported Media Type", 415)
URL_NOT_FOUND = Error("404000", "Url Not Found", 404)
TOO_MANY_REQUESTS = Error("429000", "Too many requests", 429)

BAD_PARAMETER = Error("400100", "Parameter Error")
UNKNOWN_SYMBOL = Error("900001", "symbol not exists")
PERIOD_TOO_LONG = Error("400100", "The duration between the start time and the end time should not exceed 7 days.")
NO_SUCH_ORDER = Error("100001", "order not exist")
NOT_CANCELLABLE = Error("400100", "order_not_exist_or_not_allow_to_cancel")

REFUSALS: dict[Refusal, Error] = {
    Refusal.PRICE_OFF_TICK: Error("400100", "Price increment invalid."),
    Refusal.AMOUNT_OFF_LOT: Error("600100", "Order size increment invalid."),
    Refusal.AMOUNT_BELOW_MINIMUM: Error("400100", "Order size below the minimum requirement."),
    Refusal.NOTIONAL_BELOW_MINIMUM: Error("600100", "Funds below the minimum requirement."),
    Refusal.INSUFFICIENT_FUNDS: Error("200004", "Balance insufficient!"),
    Refusal.DUPLICATE_CLIENT_ORDER_ID: Error("400100", "validation.createOrder.clientOidDuplicated"),
    # Not observed: what a market order gets from an empty book.
    Refusal.NO_LIQUIDITY: Error("400100", "Order book liquidity is insufficient."),
    Refusal.ORDER_NOT_OPEN: NOT_CANCELLABLE,
}


def missing(name: str) -> Error:
    """A mandatory parameter of a new order is absent; `name` as in "clientOid"."""
    return Error("400100", f"validation.createOrder.{name}IsRequired")


def error_response(error: Error, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Render an error."""
    return json_response({"code": error.code, "msg": error.msg}, error.http_status, headers)


def fail(error: Error) -> WireError:
    """Return the exception that ends a request with this error."""
    return WireError(error_response(error))
