"""Kraken's errors, "E<category>:<text>". Texts: Kraken REST API docs, "Errors", unless a comment says otherwise."""

from execution.simulator.dialects.base import WireError
from execution.simulator.engine.orders import Refusal
from execution.simulator.http import Response, json_response

INVALID_KEY = "EAPI:Invalid key"
INVALID_SIGNATURE = "EAPI:Invalid signature"
INVALID_NONCE = "EAPI:Invalid nonce"
RATE_LIMITED = "EAPI:Rate limit exceeded"
UNAVAILABLE = "EService:Unavailable"
DEADLINE_ELAPSED = "EService:Deadline elapsed"
UNKNOWN_METHOD = "EGeneral:Unknown method"
UNKNOWN_PAIR = "EQuery:Unknown asset pair"
UNKNOWN_ORDER = "EOrder:Unknown order"
# Measured by third parties in 2026: an id Kraken never issued is "Invalid order", one that is gone "Unknown order".
INVALID_ORDER = "EOrder:Invalid order"

REFUSALS: dict[Refusal, str] = {
    Refusal.PRICE_OFF_TICK: "EOrder:Tick size check failed",
    Refusal.AMOUNT_OFF_LOT: "EGeneral:Invalid arguments:volume",
    Refusal.AMOUNT_BELOW_MINIMUM: "EOrder:Order minimum not met",
    Refusal.NOTIONAL_BELOW_MINIMUM: "EOrder:Cost minimum not met",
    Refusal.INSUFFICIENT_FUNDS: "EOrder:Insufficient funds",
    # Measured by third parties in 2026; Kraken's documentation names the rule but not the text.
    Refusal.DUPLICATE_CLIENT_ORDER_ID: "EGeneral:Invalid arguments:cl_ord_id not unique",
    Refusal.NO_LIQUIDITY: "EGeneral:Invalid arguments:volume",
    Refusal.ORDER_NOT_OPEN: UNKNOWN_ORDER,
}


def invalid_argument(name: str) -> str:
    """A parameter is missing or malformed."""
    return f"EGeneral:Invalid arguments:{name}"


def error_response(error: str, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Render an error."""
    return json_response({"error": [error]}, status, headers)


def fail(error: str) -> WireError:
    """Return the exception that ends a request with this error."""
    return WireError(error_response(error))
