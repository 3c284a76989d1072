"""OKX spot REST (`/api/v5`). Answers are {"code", "msg", "data"}; orders are acknowledged with ids only."""

from collections.abc import Callable

from execution.simulator.dialects.base import Call, Endpoint
from execution.simulator.dialects.okx import account, history, orders, public
from execution.simulator.dialects.okx.auth import find_account
from execution.simulator.dialects.okx.errors import BAD_METHOD, TOO_MANY_REQUESTS, UNAVAILABLE, error_response
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request, Response, html_response

Handler = Callable[[Exchange, Call], Response]

_PLACE = "/api/v5/trade/order"
# (method, path): (operation, handler, private).
_ENDPOINTS: dict[tuple[str, str], tuple[str, Handler, bool]] = {
    ("GET", "/api/v5/public/time"): ("fetch_time", public.time, False),
    ("GET", "/api/v5/system/status"): ("fetch_status", public.status, False),
    ("GET", "/api/v5/public/instruments"): ("load_markets", public.instruments, False),
    ("GET", "/api/v5/market/books"): ("fetch_order_book", public.books, False),
    ("GET", "/api/v5/market/trades"): ("fetch_trades", public.trades, False),
    ("GET", "/api/v5/market/ticker"): ("fetch_ticker", public.ticker, False),
    ("GET", "/api/v5/market/tickers"): ("fetch_ticker", public.tickers, False),
    ("GET", "/api/v5/account/balance"): ("fetch_balance", account.balance, True),
    ("GET", "/api/v5/account/config"): ("fetch_permissions", account.config, True),
    ("GET", "/api/v5/account/trade-fee"): ("fetch_trading_fee", account.trade_fee, True),
    ("POST", _PLACE): ("create_order", orders.place_order, True),
    ("POST", "/api/v5/trade/cancel-order"): ("cancel_order", orders.cancel_order, True),
    ("GET", "/api/v5/trade/order"): ("fetch_order", history.order, True),
    ("GET", "/api/v5/trade/orders-pending"): ("fetch_open_orders", history.orders_pending, True),
    ("GET", "/api/v5/trade/orders-history"): ("fetch_orders", history.orders_history, True),
    ("GET", "/api/v5/trade/orders-history-archive"): ("fetch_orders", history.orders_history_archive, True),
    ("GET", "/api/v5/trade/fills"): ("fetch_my_trades", history.fills, True),
    ("GET", "/api/v5/trade/fills-history"): ("fetch_my_trades", history.fills_history, True),
}


class Okx:
    """The dialect of OKX spot."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._endpoints = {
            key: Endpoint(operation, self._bound(handler), is_private)
            for key, (operation, handler, is_private) in _ENDPOINTS.items()
        }
        self._paths = {path for _, path in _ENDPOINTS}

    @staticmethod
    def order_id(number: int) -> str:
        """OKX order ids are growing integers."""
        return str(number)

    @staticmethod
    def trade_id(number: int) -> str:
        """OKX trade ids are growing integers, the same for buyer and seller."""
        return str(number)

    def endpoint(self, request: Request) -> Endpoint | None:
        """Look the endpoint up."""
        return self._endpoints.get((request.method, request.path))

    def authenticate(self, request: Request, now: int) -> Account:
        """Verify key, signature, timestamp and passphrase."""
        return find_account(self.exchange, request, now)

    def check_window(self, request: Request, arrived_at: int, now: int) -> None:
        """Only new orders may bring a deadline, the header `expTime`."""
        if (request.method, request.path) == ("POST", _PLACE):
            orders.check_expiry(request, now)

    def not_found(self, request: Request) -> Response:
        """Unknown paths end in the web server; a known path with another method is refused as such."""
        if request.path in self._paths:
            return error_response(BAD_METHOD)
        return html_response(404, "Not Found")

    def under_maintenance(self, operation: str, now: int) -> Response:
        """Only the status endpoint answers."""
        if operation == "fetch_status":
            return public.ongoing_maintenance(now)
        return error_response(UNAVAILABLE)

    def rate_limited(self) -> Response:
        """Too many requests in two seconds."""
        return error_response(TOO_MANY_REQUESTS, (("Retry-After", "1"),))

    def _bound(self, handler: Handler) -> Callable[[Call], Response]:
        return lambda call: handler(self.exchange, call)
