"""Coinbase's errors. An order that fails is HTTP 200 with success: false; what cannot be read is 400.

Names: Coinbase Advanced Trade API reference, "Create Order" (`error_response`) and "Cancel Orders".
"""

from typing import NamedTuple

from execution.simulator.dialects.base import WireError
from execution.simulator.engine.orders import Refusal
from execution.simulator.http import Response, json_response


class Failure(NamedTuple):
    """Why an order was not created. `preview`: the deprecated second reason, which is the only one for some."""

    error: str
    preview: str
    message: str = ""


UNKNOWN_PRODUCT = Failure("INVALID_PRODUCT_ID", "PREVIEW_INVALID_PRODUCT_ID", "Invalid product_id")
BAD_SIDE = Failure("INVALID_SIDE", "PREVIEW_INVALID_SIDE", "Invalid order side")
UNSUPPORTED = Failure("UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG", "Unsupported configuration")
SIZE_PRECISION = Failure(
    "INVALID_SIZE_PRECISION", "PREVIEW_INVALID_SIZE_PRECISION", "Too many decimals in order amount"
)
PRICE_PRECISION = Failure("INVALID_PRICE_PRECISION", "PREVIEW_INVALID_PRICE_PRECISION", "Too many decimals in price")

UNKNOWN_CANCEL_ORDER = "UNKNOWN_CANCEL_ORDER"
FULLY_FILLED = "ORDER_IS_FULLY_FILLED"

REFUSALS: dict[Refusal, Failure] = {
    Refusal.PRICE_OFF_TICK: PRICE_PRECISION,
    Refusal.AMOUNT_OFF_LOT: SIZE_PRECISION,
    Refusal.AMOUNT_BELOW_MINIMUM: Failure("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
    Refusal.NOTIONAL_BELOW_MINIMUM: Failure("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
    Refusal.INSUFFICIENT_FUNDS: Failure(
        "INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND", "Insufficient balance in source account"
    ),
    Refusal.POST_ONLY_WOULD_TAKE: Failure(
        "INVALID_LIMIT_PRICE_POST_ONLY", "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY", "Post only order would take"
    ),
    Refusal.NO_LIQUIDITY: Failure("INVALID_NO_LIQUIDITY", "PREVIEW_INVALID_NO_LIQUIDITY", "Not enough liquidity"),
}


def failed_order(failure: Failure, configuration: object) -> WireError:
    """Return the exception that ends a Create Order with success: false."""
    reasons = {
        "error": failure.error,
        "message": failure.message,
        "error_details": "",
        "preview_failure_reason": failure.preview,
        "new_order_failure_reason": failure.error,
    }
    return WireError(json_response({"success": False, "error_response": reasons, "order_configuration": configuration}))


def invalid_argument(message: str) -> WireError:
    """A parameter is missing or malformed."""
    return WireError(error_response(400, "INVALID_ARGUMENT", message))


def order_not_found() -> WireError:
    """There is no order with the asked id."""
    return WireError(error_response(404, "unknown", "order with this orderID was not found"))


def unauthorized() -> WireError:
    """The token is not good, whatever the cause."""
    return WireError(json_response({"error": "unauthorized"}, 401))


def error_response(status: int, error: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Render an error of the gateway."""
    return json_response({"error": error, "error_details": message, "message": message}, status, headers)
