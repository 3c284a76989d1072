"""Coinbase Advanced Trade REST (`/api/v3/brokerage`, and `/v2/time`)."""

from collections.abc import Callable
from uuid import NAMESPACE_DNS, uuid5

from execution.simulator.dialects.base import Call, Endpoint
from execution.simulator.dialects.coinbase import account, history, orders, public
from execution.simulator.dialects.coinbase.auth import check_window, find_account
from execution.simulator.dialects.coinbase.errors import error_response
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request, Response, html_response

Handler = Callable[[Exchange, Call], Response]

_ROOT = "/api/v3/brokerage"
_ORDER = f"{_ROOT}/orders/historical/"
_PRODUCT, _TICKER = f"{_ROOT}/market/products/", "/ticker"
# (method, path): (operation, handler, private)
_ENDPOINTS: dict[tuple[str, str], tuple[str, Handler, bool]] = {
    ("GET", "/v2/time"): ("fetch_time", public.time, False),
    ("GET", f"{_ROOT}/time"): ("fetch_time", public.brokerage_time, False),
    ("GET", f"{_ROOT}/market/products"): ("load_markets", public.products, False),
    ("GET", f"{_ROOT}/market/product_book"): ("fetch_order_book", public.product_book, False),
    ("GET", f"{_ROOT}/accounts"): ("fetch_balance", account.list_accounts, True),
    ("GET", f"{_ROOT}/key_permissions"): ("fetch_permissions", account.key_permissions, True),
    ("GET", f"{_ROOT}/transaction_summary"): ("fetch_trading_fee", account.transaction_summary, True),
    ("POST", f"{_ROOT}/orders"): ("create_order", orders.create_order, True),
    ("POST", f"{_ROOT}/orders/batch_cancel"): ("cancel_order", orders.cancel_orders, True),
    ("GET", f"{_ORDER}batch"): ("fetch_orders", history.list_orders, True),
    ("GET", f"{_ORDER}fills"): ("fetch_my_trades", history.list_fills, True),
}
# Private endpoints: 30 requests a second and portfolio (Advanced Trade docs, "REST rate limits").
_REQUESTS_PER_SECOND = "30"


class Coinbase:
    """The dialect of Coinbase Advanced Trade."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._endpoints = {
            key: Endpoint(operation, self._bound(handler), is_private)
            for key, (operation, handler, is_private) in _ENDPOINTS.items()
        }

    @staticmethod
    def order_id(number: int) -> str:
        """A UUID."""
        return str(uuid5(NAMESPACE_DNS, f"order {number}"))

    @staticmethod
    def trade_id(number: int) -> str:
        """A UUID. Each side of a trade has its own."""
        return str(uuid5(NAMESPACE_DNS, f"trade {number}"))

    def endpoint(self, request: Request) -> Endpoint | None:
        """Look the endpoint up; what is no list is one order's id, or the trades of one product."""
        found = self._endpoints.get((request.method, request.path))
        if found is None and request.method == "GET" and request.path.startswith(_ORDER):
            order_id = request.path.removeprefix(_ORDER)
            return Endpoint("fetch_order", self._bound(history.get_order), path_args=(order_id,))
        if found is None and request.path.startswith(_PRODUCT) and request.path.endswith(_TICKER):
            product_id = request.path.removeprefix(_PRODUCT).removesuffix(_TICKER)
            return Endpoint("fetch_trades", self._bound(public.ticker), is_private=False, path_args=(product_id,))
        return found

    def authenticate(self, request: Request, now: int) -> Account:
        """Verify the request's token."""
        return find_account(self.exchange, request, now)

    def check_window(self, request: Request, arrived_at: int, now: int) -> None:
        """Private requests may be executed as long as their token lives."""
        if "authorization" in request.headers:
            check_window(request, now)

    def not_found(self, request: Request) -> Response:
        """A path that does not exist."""
        return error_response(404, "NOT_FOUND", "Not Found")

    def under_maintenance(self, operation: str, now: int) -> Response:
        """Nothing answers; there is no status endpoint."""
        return html_response(503, "Service Unavailable")

    def rate_limited(self) -> Response:
        """Too many requests in this second."""
        headers = (
            ("x-ratelimit-limit", _REQUESTS_PER_SECOND),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1"),
            ("Retry-After", "1"),
        )
        return error_response(429, "rate_limit_exceeded", "Too many requests", headers)

    def _bound(self, handler: Handler) -> Callable[[Call], Response]:
        return lambda call: handler(self.exchange, call)
