"""Alpaca's Trading API v2 for crypto, and the order books of its Market Data API (`/v1beta3/crypto`)."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import NAMESPACE_DNS, uuid5

from execution.simulator.dialects.alpaca import account, history, orders, public
from execution.simulator.dialects.alpaca.auth import find_account
from execution.simulator.dialects.alpaca.errors import NO_ENDPOINT, error_response, too_many_requests
from execution.simulator.dialects.base import Call, Endpoint
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request, Response, html_response

Handler = Callable[[Exchange, Call], Response]

_ORDER = "/v2/orders/"
# (method, path): (operation, handler, private). Even the clock and the list of assets want keys.
_ENDPOINTS: dict[tuple[str, str], tuple[str, Handler, bool]] = {
    ("GET", "/v2/clock"): ("fetch_time", public.clock, True),
    ("GET", "/v2/assets"): ("load_markets", public.assets, True),
    ("GET", "/v1beta3/crypto/us/latest/orderbooks"): ("fetch_order_book", public.latest_orderbooks, False),
    ("GET", "/v1beta3/crypto/us/trades"): ("fetch_trades", public.trades, False),
    ("GET", "/v2/account"): ("fetch_balance", account.get_account, True),
    ("GET", "/v2/positions"): ("fetch_positions", account.list_positions, True),
    ("POST", "/v2/orders"): ("create_order", orders.create_order, True),
    ("GET", "/v2/orders"): ("fetch_orders", history.list_orders, True),
    ("GET", "/v2/orders:by_client_order_id"): ("fetch_order", history.get_order_by_client_id, True),
    ("GET", "/v2/account/activities/FILL"): ("fetch_my_trades", history.list_fills, True),
}
_ONE_ORDER: dict[str, tuple[str, Handler]] = {
    "GET": ("fetch_order", history.get_order),
    "DELETE": ("cancel_order", orders.cancel_order),
}


class Alpaca:
    """The dialect of Alpaca crypto."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._endpoints = {
            key: Endpoint(operation, self._bound(handler), is_private)
            for key, (operation, handler, is_private) in _ENDPOINTS.items()
        }

    @staticmethod
    def order_id(number: int) -> str:
        """A UUID."""
        return str(uuid5(NAMESPACE_DNS, f"alpaca order {number}"))

    @staticmethod
    def trade_id(number: int) -> str:
        """The id of an activity: a moment to the millisecond, "::" and a UUID. Each side of a trade has its own."""
        moment = datetime.fromtimestamp(number // 1_000_000, UTC)
        millisecond = number % 1_000_000 // 1000
        return f"{moment:%Y%m%d%H%M%S}{millisecond:03d}::{uuid5(NAMESPACE_DNS, f'alpaca fill {number}')}"

    def endpoint(self, request: Request) -> Endpoint | None:
        """Look the endpoint up; what is no list is one order's id."""
        found = self._endpoints.get((request.method, request.path))
        if found is None and request.method in _ONE_ORDER and request.path.startswith(_ORDER):
            operation, handler = _ONE_ORDER[request.method]
            return Endpoint(operation, self._bound(handler), path_args=(request.path.removeprefix(_ORDER),))
        return found

    def authenticate(self, request: Request, now: int) -> Account:
        """Verify key and secret; requests carry no time and no signature."""
        return find_account(self.exchange, request)

    def check_window(self, request: Request, arrived_at: int, now: int) -> None:
        """Nothing bounds how late a request may be executed."""

    def not_found(self, request: Request) -> Response:
        """A path that does not exist."""
        return error_response(NO_ENDPOINT)

    def under_maintenance(self, operation: str, now: int) -> Response:
        """Nothing answers; there is no status endpoint."""
        return html_response(503, "Service Unavailable")

    def rate_limited(self) -> Response:
        """The account's requests of this minute are used up."""
        return too_many_requests()

    def _bound(self, handler: Handler) -> Callable[[Call], Response]:
        return lambda call: handler(self.exchange, call)
