"""Bybit v5 REST, spot on a unified account. Answers are HTTP 200 with {"retCode", "retMsg", "result", "time"}."""

from collections.abc import Callable

from execution.simulator.dialects.base import Call, Endpoint
from execution.simulator.dialects.bybit import account, history, orders, public
from execution.simulator.dialects.bybit.auth import check_window, find_account
from execution.simulator.dialects.bybit.errors import UNKNOWN_ROUTE, error_response, too_many_visits
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request, Response, html_response

Handler = Callable[[Exchange, Call], Response]

_PUBLIC: dict[str, tuple[str, Handler]] = {
    "/v5/market/time": ("fetch_time", public.time),
    "/v5/system/status": ("fetch_status", public.system_status),
    "/v5/market/instruments-info": ("load_markets", public.instruments),
    "/v5/market/orderbook": ("fetch_order_book", public.order_book),
    "/v5/market/recent-trade": ("fetch_trades", public.recent_trades),
}
# (method, path): (operation, handler, requests per second and UID). Limits: Bybit v5 docs, "API Rate Limit", spot.
_PRIVATE: dict[tuple[str, str], tuple[str, Handler, int]] = {
    ("POST", "/v5/order/create"): ("create_order", orders.create_order, 20),
    ("POST", "/v5/order/cancel"): ("cancel_order", orders.cancel_order, 20),
    ("GET", "/v5/order/realtime"): ("fetch_order", history.realtime_orders, 50),
    ("GET", "/v5/order/history"): ("fetch_orders", history.closed_orders, 50),
    ("GET", "/v5/execution/list"): ("fetch_my_trades", history.executions, 50),
    ("GET", "/v5/account/wallet-balance"): ("fetch_balance", account.wallet_balance, 50),
    ("GET", "/v5/account/fee-rate"): ("fetch_trading_fee", account.fee_rate, 5),
    ("GET", "/v5/user/query-api"): ("fetch_permissions", account.api_key_info, 10),
}
# Ids are long numbers whose beginnings tell orders and executions apart.
_FIRST_ORDER, _FIRST_EXECUTION = 10**18, 21 * 10**17


class Bybit:
    """The dialect of Bybit spot."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        for path, (operation, handler) in _PUBLIC.items():
            self._endpoints["GET", path] = Endpoint(operation, self._bound(handler), is_private=False)
        for key, (operation, handler, limit) in _PRIVATE.items():
            self._endpoints[key] = Endpoint(operation, self._limited(handler, limit))

    @staticmethod
    def order_id(number: int) -> str:
        """Spot order ids are growing integers of 19 digits."""
        return str(_FIRST_ORDER + number)

    @staticmethod
    def trade_id(number: int) -> str:
        """An execution id. Each side of a trade has its own."""
        return str(_FIRST_EXECUTION + number)

    def endpoint(self, request: Request) -> Endpoint | None:
        """Look the endpoint up."""
        return self._endpoints.get((request.method, request.path))

    def authenticate(self, request: Request, now: int) -> Account:
        """Verify key, timestamp and signature."""
        return find_account(self.exchange, request, now)

    def check_window(self, request: Request, arrived_at: int, now: int) -> None:
        """Bybit measures `recv_window` from the request's own timestamp."""
        check_window(request, now)

    def not_found(self, request: Request) -> Response:
        """An unknown path."""
        return error_response(UNKNOWN_ROUTE)

    def under_maintenance(self, operation: str, now: int) -> Response:
        """Only the status endpoint answers."""
        if operation == "fetch_status":
            return public.maintenance_status(now)
        return html_response(503, "Service Unavailable")

    def rate_limited(self) -> Response:
        """Too many requests of one account."""
        return too_many_visits()

    def _bound(self, handler: Handler) -> Callable[[Call], Response]:
        return lambda call: handler(self.exchange, call)

    def _limited(self, handler: Handler, limit: int) -> Callable[[Call], Response]:
        """Add the headers every private answer carries. The limits are reported, not enforced."""

        def handle(call: Call) -> Response:
            usage = (("X-Bapi-Limit", str(limit)), ("X-Bapi-Limit-Status", str(limit - 1)))
            reset = ("X-Bapi-Limit-Reset-Timestamp", str(call.now // 1000))
            return handler(self.exchange, call)._replace(headers=(*usage, reset))

        return handle
