"""Binance spot REST (`/api/v3`, and the two `/sapi/v1` calls a trading client makes)."""

from collections.abc import Callable

from execution.simulator.dialects.base import Call, Endpoint
from execution.simulator.dialects.binance import account, orders, public
from execution.simulator.dialects.binance.auth import check_window, find_account
from execution.simulator.dialects.binance.errors import TOO_MUCH_WEIGHT, error_response
from execution.simulator.dialects.binance.usage import Usage
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request, Response, html_response, json_response

Handler = Callable[[Exchange, Call], Response]

# (method, path): (operation, handler, private, request weight). Weights: Binance REST API docs, per endpoint.
_ENDPOINTS: dict[tuple[str, str], tuple[str, Handler, bool, int]] = {
    ("GET", "/api/v3/ping"): ("ping", public.ping, False, 1),
    ("GET", "/api/v3/time"): ("fetch_time", public.time, False, 1),
    ("GET", "/sapi/v1/system/status"): ("fetch_status", public.system_status, False, 1),
    ("GET", "/api/v3/exchangeInfo"): ("load_markets", public.exchange_info, False, 20),
    ("GET", "/api/v3/depth"): ("fetch_order_book", public.depth, False, 5),
    ("GET", "/api/v3/aggTrades"): ("fetch_trades", public.aggregate_trades, False, 4),
    ("GET", "/api/v3/ticker/24hr"): ("fetch_ticker", public.ticker_24h, False, 2),
    ("GET", "/api/v3/ticker/bookTicker"): ("fetch_bids_asks", public.book_ticker, False, 2),
    ("GET", "/api/v3/ticker/price"): ("fetch_last_price", public.ticker_price, False, 2),
    ("GET", "/api/v3/account"): ("fetch_balance", account.balances, True, 20),
    ("POST", "/api/v3/order"): ("create_order", orders.new_order, True, 1),
    ("POST", "/api/v3/order/test"): ("test_order", orders.test_order, True, 1),
    ("GET", "/api/v3/order"): ("fetch_order", orders.query_order, True, 4),
    ("DELETE", "/api/v3/order"): ("cancel_order", orders.cancel_order, True, 1),
    ("GET", "/api/v3/openOrders"): ("fetch_open_orders", account.open_orders, True, 6),
    ("DELETE", "/api/v3/openOrders"): ("cancel_all_orders", orders.cancel_open_orders, True, 1),
    ("GET", "/api/v3/allOrders"): ("fetch_orders", account.all_orders, True, 20),
    ("GET", "/api/v3/myTrades"): ("fetch_my_trades", account.my_trades, True, 20),
    ("GET", "/sapi/v1/account/apiRestrictions"): ("fetch_permissions", account.api_restrictions, True, 1),
    ("GET", "/sapi/v1/asset/tradeFee"): ("fetch_trading_fee", account.trade_fee, True, 1),
}


class Binance:
    """The dialect of Binance spot."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._usage = Usage()
        self._endpoints = {
            key: Endpoint(operation, self._counted(handler, weight), is_private)
            for key, (operation, handler, is_private, weight) in _ENDPOINTS.items()
        }
        self._paths = {path for _, path in _ENDPOINTS}

    @staticmethod
    def order_id(number: int) -> str:
        """Binance order ids are growing integers."""
        return str(number)

    @staticmethod
    def trade_id(number: int) -> str:
        """Binance trade ids are growing integers, the same for buyer and seller."""
        return str(number)

    def endpoint(self, request: Request) -> Endpoint | None:
        """Look the endpoint up."""
        return self._endpoints.get((request.method, request.path))

    def authenticate(self, request: Request, now: int) -> Account:
        """Verify key, timestamp and signature."""
        return find_account(self.exchange, request, now)

    def check_window(self, request: Request, arrived_at: int, now: int) -> None:
        """Binance measures `recvWindow` from the request's own timestamp."""
        check_window(request, now)

    def not_found(self, request: Request) -> Response:
        """Unknown paths end in the web server; a known path with another method is refused as such."""
        if request.path in self._paths:
            return html_response(405, "Method Not Allowed")
        return html_response(404, "Not Found")

    def under_maintenance(self, operation: str, now: int) -> Response:
        """Only the status endpoint answers: 1 means maintenance."""
        if operation == "fetch_status":
            return json_response({"status": 1, "msg": "system_maintenance"})
        return html_response(503, "Service Unavailable")

    def rate_limited(self) -> Response:
        """Too much request weight."""
        return error_response(TOO_MUCH_WEIGHT, headers=(("Retry-After", "1"),))

    def _counted(self, handler: Handler, weight: int) -> Callable[[Call], Response]:
        """Add the usage headers every Binance answer carries."""

        def handle(call: Call) -> Response:
            response = handler(self.exchange, call)
            headers = self._usage.weight_headers(weight, call.now)
            if handler is orders.new_order:
                headers += self._usage.order_headers(call.account.api_key, call.now)
            return response._replace(headers=headers)

        return handle
