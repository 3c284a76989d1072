"""Kraken spot REST (`/0/public`, `/0/private`). Every answer is HTTP 200 with {"error": [...], "result": ...}."""

from collections.abc import Callable

from execution.simulator.dialects.base import Call, Endpoint
from execution.simulator.dialects.kraken import account, history, ids, orders, public
from execution.simulator.dialects.kraken.auth import find_account
from execution.simulator.dialects.kraken.errors import RATE_LIMITED, UNAVAILABLE, UNKNOWN_METHOD, error_response
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request, Response

Handler = Callable[[Exchange, Call], Response]

_PUBLIC: dict[str, tuple[str, Handler]] = {
    "Time": ("fetch_time", public.time),
    "SystemStatus": ("fetch_status", public.system_status),
    "Assets": ("load_markets", public.assets),
    "AssetPairs": ("load_markets", public.asset_pairs),
    "Ticker": ("fetch_ticker", public.ticker),
    "Depth": ("fetch_order_book", public.depth),
    "Trades": ("fetch_trades", public.trades),
}
_PRIVATE: dict[str, tuple[str, Handler]] = {
    "Balance": ("fetch_balance", account.balance),
    "BalanceEx": ("fetch_balance", account.balance_ex),
    "GetApiKeyInfo": ("fetch_permissions", account.api_key_info),
    "TradeVolume": ("fetch_trading_fee", account.trade_volume),
    "AddOrder": ("create_order", orders.add_order),
    "CancelOrder": ("cancel_order", orders.cancel_order),
    "CancelAll": ("cancel_all_orders", orders.cancel_all),
    "QueryOrders": ("fetch_order", history.query_orders),
    "OpenOrders": ("fetch_open_orders", history.open_orders),
    "ClosedOrders": ("fetch_orders", history.closed_orders),
    "TradesHistory": ("fetch_my_trades", history.trades_history),
    "QueryTrades": ("fetch_order_trades", history.query_trades),
}


class Kraken:
    """The dialect of Kraken spot."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        for name, (operation, handler) in _PUBLIC.items():
            endpoint = Endpoint(operation, self._bound(handler), is_private=False)
            self._endpoints["GET", f"/0/public/{name}"] = endpoint
            self._endpoints["POST", f"/0/public/{name}"] = endpoint
        for name, (operation, handler) in _PRIVATE.items():
            self._endpoints["POST", f"/0/private/{name}"] = Endpoint(operation, self._bound(handler))

    @staticmethod
    def order_id(number: int) -> str:
        """A txid such as OUF4EM-FRGI2-MQMWZD."""
        return ids.form_txid("O", number)

    @staticmethod
    def trade_id(number: int) -> str:
        """A trade's txid, beginning with T. Each side of a trade has its own."""
        return ids.form_txid("T", number)

    def endpoint(self, request: Request) -> Endpoint | None:
        """Look the endpoint up."""
        return self._endpoints.get((request.method, request.path))

    def authenticate(self, request: Request, now: int) -> Account:
        """Verify key, signature and nonce."""
        return find_account(self.exchange, request)

    def check_window(self, request: Request, arrived_at: int, now: int) -> None:
        """Only new orders have a deadline."""
        if request.path == "/0/private/AddOrder":
            orders.check_deadline(request, arrived_at, now)

    def not_found(self, request: Request) -> Response:
        """An unknown method."""
        return error_response(UNKNOWN_METHOD)

    def under_maintenance(self, operation: str, now: int) -> Response:
        """Only the status endpoint answers."""
        if operation == "fetch_status":
            return public.status_response("maintenance", now)
        return error_response(UNAVAILABLE, 503)

    def rate_limited(self) -> Response:
        """The call counter is exhausted."""
        return error_response(RATE_LIMITED, 429, (("Retry-After", "1"),))

    def _bound(self, handler: Handler) -> Callable[[Call], Response]:
        return lambda call: handler(self.exchange, call)
