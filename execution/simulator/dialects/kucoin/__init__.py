"""KuCoin spot REST, the "hf" endpoints. Answers are {"code", "data"}; orders are acknowledged with ids only."""

from collections.abc import Callable

from execution.simulator.dialects.base import Call, Endpoint
from execution.simulator.dialects.kucoin import account, orders, public, token
from execution.simulator.dialects.kucoin.auth import check_timestamp, find_account
from execution.simulator.dialects.kucoin.errors import TOO_MANY_REQUESTS, URL_NOT_FOUND, error_response
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request, Response, html_response

Handler = Callable[[Exchange, Call], Response]
Route = tuple[str, Handler, bool]

_ORDERS = "/api/v1/hf/orders"
# (method, path): (operation, handler, private).
_ENDPOINTS: dict[tuple[str, str], Route] = {
    ("GET", "/api/v1/timestamp"): ("fetch_time", public.timestamp, False),
    ("GET", "/api/v1/status"): ("fetch_status", public.status, False),
    ("GET", "/api/v3/currencies"): ("load_markets", public.currencies, False),
    ("GET", "/api/v2/symbols"): ("load_markets", public.symbols, False),
    ("POST", "/api/v1/bullet-public"): ("stream_token", token.bullet_public, False),
    ("GET", "/api/v1/market/stats"): ("fetch_ticker", public.ticker, False),
    ("GET", "/api/v1/market/histories"): ("fetch_trades", public.histories, False),
    ("GET", "/api/v1/accounts"): ("fetch_balance", account.accounts, True),
    ("GET", "/api/v1/user/api-key"): ("fetch_permissions", account.api_key_info, True),
    ("GET", "/api/v1/trade-fees"): ("fetch_trading_fee", account.trade_fees, True),
    ("GET", "/api/v1/hf/fills"): ("fetch_my_trades", account.fills, True),
    ("POST", _ORDERS): ("create_order", orders.add_order, True),
    ("POST", f"{_ORDERS}/test"): ("test_order", orders.test_order, True),
    ("DELETE", _ORDERS): ("cancel_all_orders", orders.cancel_all_of_symbol, True),
    ("GET", f"{_ORDERS}/active"): ("fetch_open_orders", account.active_orders, True),
    ("GET", f"{_ORDERS}/active/page"): ("fetch_open_orders", account.active_orders_by_page, True),
    ("GET", f"{_ORDERS}/done"): ("fetch_orders", account.done_orders, True),
}
# The same for paths that end in an argument.
_WITH_ARGUMENT: dict[tuple[str, str], Route] = {
    ("GET", "/api/v1/market/orderbook"): ("fetch_order_book", public.part_order_book, False),
    ("GET", _ORDERS): ("fetch_order", orders.by_order_id, True),
    ("GET", f"{_ORDERS}/client-order"): ("fetch_order", orders.by_client_oid, True),
    ("DELETE", _ORDERS): ("cancel_order", orders.cancel_by_order_id, True),
    ("DELETE", f"{_ORDERS}/client-order"): ("cancel_order", orders.cancel_by_client_oid, True),
}
# KuCoin docs, "Rate Limit": units of the pool and what is left of them, and milliseconds until it is full again.
_RATE_LIMIT_HEADERS = (
    ("gw-ratelimit-limit", "4000"),
    ("gw-ratelimit-remaining", "0"),
    ("gw-ratelimit-reset", "1000"),
)


class Kucoin:
    """The dialect of KuCoin spot."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    @staticmethod
    def order_id(number: int) -> str:
        """Twenty-four hexadecimal digits."""
        return f"67{number:022x}"

    @staticmethod
    def trade_id(number: int) -> str:
        """KuCoin trade ids are growing integers, the same for buyer and seller."""
        return str(number)

    def endpoint(self, request: Request) -> Endpoint | None:
        """Look the endpoint up; a fixed path wins over one with an argument."""
        route = _ENDPOINTS.get((request.method, request.path))
        if route is not None:
            return self._endpoint(route)
        path, _, argument = request.path.rpartition("/")
        route = _WITH_ARGUMENT.get((request.method, path)) if argument else None
        return None if route is None else self._endpoint(route, argument)

    def authenticate(self, request: Request, now: int) -> Account:
        """Verify key, timestamp, passphrase and signature."""
        return find_account(self.exchange, request, now)

    def check_window(self, request: Request, arrived_at: int, now: int) -> None:
        """A request is good for 5 s from its own timestamp."""
        if "kc-api-timestamp" in request.headers:
            check_timestamp(request, now)

    def not_found(self, request: Request) -> Response:
        """An unknown path."""
        return error_response(URL_NOT_FOUND)

    def under_maintenance(self, operation: str, now: int) -> Response:
        """Only the status endpoint answers."""
        if operation == "fetch_status":
            return public.service_status("close", "upgrade match engine")
        return html_response(503, "Service Unavailable")

    def rate_limited(self) -> Response:
        """The resource pool is used up."""
        return error_response(TOO_MANY_REQUESTS, _RATE_LIMIT_HEADERS)

    def _endpoint(self, route: Route, *arguments: str) -> Endpoint:
        operation, handler, is_private = route
        return Endpoint(operation, lambda call: handler(self.exchange, call), is_private, arguments)
