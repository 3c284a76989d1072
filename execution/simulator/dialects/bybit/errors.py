"""Bybit's errors: HTTP 200 with a `retCode` that is not 0. Codes and texts: Bybit v5 docs, "Error Codes"."""

import time
from typing import NamedTuple

from execution.simulator.dialects.base import WireError
from execution.simulator.engine.orders import Refusal
from execution.simulator.http import Response, json_response


class Error(NamedTuple):
    """One of Bybit's errors."""

    code: int
    msg: str
    http_status: int = 200


ILLEGAL_CATEGORY = Error(10001, "Illegal category")
UNSUPPORTED_SYMBOL = Error(10001, "Not supported symbols")
NO_ORDER_ID = Error(10001, "params error: orderId or orderLinkId is required")
# Documented is the rule, not its text.
PERIOD_TOO_LONG = Error(10001, "The time range between startTime and endTime must be within 7 days")
MALFORMED_BODY = Error(10001, "params error: the body is no JSON object")
UNKNOWN_KEY = Error(10003, "API key is invalid.")
TOO_MANY_VISITS = Error(10006, "Too many visits!")
UNKNOWN_ROUTE = Error(10017, "Route not found.", 404)
BAD_TIME_IN_FORCE = Error(170115, "Invalid timeInForce.")
BAD_TYPE = Error(170116, "Invalid orderType.")
BAD_SIDE = Error(170117, "Invalid side.")
BAD_SYMBOL = Error(170121, "Invalid symbol.")
PRICE_TOO_LONG = Error(170134, "Order price decimal too long.")
AMOUNT_TOO_LONG = Error(170137, "Order volume decimal too long")
NO_SUCH_ORDER = Error(170213, "Order does not exist.")

REFUSALS: dict[Refusal, Error] = {
    Refusal.PRICE_OFF_TICK: PRICE_TOO_LONG,
    Refusal.AMOUNT_OFF_LOT: AMOUNT_TOO_LONG,
    Refusal.AMOUNT_BELOW_MINIMUM: Error(170136, "Order quantity lower than the minimum."),
    Refusal.NOTIONAL_BELOW_MINIMUM: Error(170140, "Order value exceeded lower limit"),
    Refusal.INSUFFICIENT_FUNDS: Error(170131, "Balance insufficient"),
    Refusal.DUPLICATE_CLIENT_ORDER_ID: Error(170141, "Duplicate clientOrderId"),
    Refusal.NO_LIQUIDITY: Error(170210, "New order rejected."),
    Refusal.ORDER_NOT_OPEN: NO_SUCH_ORDER,
}


def outside_window(timestamp: str, now_ms: int, window: str) -> Error:
    """The request is too old, or more than a second ahead."""
    told = f"req_timestamp[{timestamp}],server_timestamp[{now_ms}],recv_window[{window}]"
    return Error(10002, f"invalid request, please check your server timestamp or recv_window param. {told}")


def bad_signature(signed: str) -> Error:
    """The signature is wrong. Bybit repeats the text it expected to be signed, the API key included."""
    return Error(10004, f"error sign! origin_string[{signed}]")


def missing(name: str) -> Error:
    """A mandatory parameter is absent."""
    return Error(170105, f"Parameter '{name}' was empty.")


def invalid(name: str) -> Error:
    """A parameter has a value it may not have. The spelling is theirs."""
    return Error(170130, f"Data sent for paramter '{name}' is not valid.")


def error_response(error: Error, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Render an error."""
    body = {"retCode": error.code, "retMsg": error.msg, "result": {}, "retExtInfo": {}, "time": _now_ms()}
    return json_response(body, error.http_status, headers)


def too_many_visits() -> Response:
    """The rolling second of one endpoint is used up (Bybit v5 docs, "API Rate Limit"): HTTP 200, no Retry-After."""
    limits = (("X-Bapi-Limit", "20"), ("X-Bapi-Limit-Status", "0"))
    return error_response(TOO_MANY_VISITS, (*limits, ("X-Bapi-Limit-Reset-Timestamp", str(_now_ms() + 1_000))))


def unauthenticated() -> WireError:
    """Authentication headers are missing: HTTP 401 without a body (Bybit v5 docs, "HTTP Code")."""
    return WireError(Response(401, b"", content_type="text/plain"))


def fail(error: Error) -> WireError:
    """Return the exception that ends a request with this error."""
    return WireError(error_response(error))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
