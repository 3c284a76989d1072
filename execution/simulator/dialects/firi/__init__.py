"""Firi's REST API (`/v2`). Limit orders only, and no client order ids."""

from collections.abc import Callable

from execution.simulator.dialects.base import Call, Endpoint
from execution.simulator.dialects.firi import account, markets, orders
from execution.simulator.dialects.firi.auth import check_window, find_account
from execution.simulator.dialects.firi.errors import NOT_FOUND, TOO_MANY_REQUESTS, error_response
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request, Response, html_response
from execution.simulator.numbers import parse_whole

Handler = Callable[[Exchange, Call], Response]
Route = tuple[str, Handler]

# Path patterns; {} is one argument. Fixed words win over arguments, so /v2/orders/history is not a market.
_PUBLIC: dict[tuple[str, str], Route] = {
    ("GET", "/time"): ("fetch_time", markets.time),
    ("GET", "/v2/markets"): ("load_markets", markets.all_markets),
    ("GET", "/v2/markets/tickers"): ("fetch_tickers", markets.tickers),
    ("GET", "/v2/markets/{}"): ("fetch_market", markets.market),
    ("GET", "/v2/markets/{}/ticker"): ("fetch_ticker", markets.ticker),
    ("GET", "/v2/markets/{}/depth"): ("fetch_order_book", markets.depth),
    ("GET", "/v2/markets/{}/history"): ("fetch_trades", markets.history),
}
_PRIVATE: dict[tuple[str, str], Route] = {
    ("GET", "/v2/balances"): ("fetch_balance", account.balances),
    ("POST", "/v2/orders"): ("create_order", orders.create),
    ("GET", "/v2/orders"): ("fetch_open_orders", orders.active),
    ("GET", "/v2/orders/{}"): ("fetch_open_orders", orders.active),
    ("GET", "/v2/orders/history"): ("fetch_orders", orders.closed),
    ("GET", "/v2/orders/{}/history"): ("fetch_orders", orders.closed),
    ("GET", "/v2/order/{}"): ("fetch_order", orders.one),
    ("GET", "/v2/history/orders"): ("fetch_orders", orders.history),
    ("GET", "/v2/history/orders/{}"): ("fetch_orders", orders.history),
    ("GET", "/v2/history/transactions"): ("fetch_transactions", account.transactions),
    ("GET", "/v2/history/transactions/{}"): ("fetch_transactions", account.transactions),
    ("GET", "/v2/history/transactions/{}/{}"): ("fetch_transactions", account.transactions),
    ("DELETE", "/v2/orders"): ("cancel_all_orders", orders.cancel_all),
    ("DELETE", "/v2/orders/{}"): ("cancel_order", orders.cancel_order_or_market),
    ("DELETE", "/v2/orders/{}/detailed"): ("cancel_order", orders.cancel_detailed),
    ("DELETE", "/v2/orders/{}/{}/detailed"): ("cancel_order", orders.cancel_detailed),
}


class Firi:
    """The dialect of Firi."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._routes = {
            (method, tuple(pattern.strip("/").split("/"))): (operation, self._bound(handler), is_private)
            for routes, is_private in ((_PUBLIC, False), (_PRIVATE, True))
            for (method, pattern), (operation, handler) in routes.items()
        }

    @staticmethod
    def order_id(number: int) -> str:
        """Firi's order ids are growing integers."""
        return str(number)

    @staticmethod
    def trade_id(number: int) -> str:
        """Match ids are integers."""
        return str(number)

    def endpoint(self, request: Request) -> Endpoint | None:
        """Find the route with the most fixed words; an empty argument matches nothing."""
        words = tuple(request.path.strip("/").split("/"))
        for pattern in _patterns(words):
            route = self._routes.get((request.method, pattern))
            if route is not None:
                arguments = tuple(word for word, part in zip(words, pattern, strict=True) if part == "{}")
                operation, handle, is_private = route
                return Endpoint(_refined(operation, arguments), handle, is_private, arguments)
        return None

    def authenticate(self, request: Request, now: int) -> Account:
        """Verify the access key or the HMAC signature."""
        return find_account(self.exchange, request, now)

    def check_window(self, request: Request, arrived_at: int, now: int) -> None:
        """Only signed requests expire; one with an access key alone is good whenever it arrives."""
        check_window(request, now)

    def not_found(self, request: Request) -> Response:
        """An unknown path."""
        return error_response(NOT_FOUND)

    def under_maintenance(self, operation: str, now: int) -> Response:
        """Firi has no status endpoint."""
        return html_response(503, "Service Unavailable")

    def rate_limited(self) -> Response:
        """Too many requests."""
        return error_response(TOO_MANY_REQUESTS, (("Retry-After", "1"),))

    def _bound(self, handler: Handler) -> Callable[[Call], Response]:
        return lambda call: handler(self.exchange, call)


def _patterns(words: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The patterns a path may match, the most fixed one first: arguments can only follow the second word."""
    patterns: list[tuple[str, ...]] = [()]
    for position, word in enumerate(words):
        choices = (word, "{}") if position >= 2 and word else (word,)
        patterns = [(*pattern, choice) for pattern in patterns for choice in choices]
    return sorted(patterns, key=lambda pattern: pattern.count("{}"))


def _refined(operation: str, arguments: tuple[str, ...]) -> str:
    """DELETE /v2/orders/{market} cancels everything in a market, DELETE /v2/orders/{id} one order."""
    if operation == "cancel_order" and len(arguments) == 1 and parse_whole(arguments[0]) is None:
        return "cancel_all_orders"
    return operation
