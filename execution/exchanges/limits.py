"""What each exchange allows: requests, or weights, per time and IP address or key. A table of published facts.

Sources: Binance "LIMITS" of the spot REST docs and exchangeInfo; Bybit "Rate limit rules"; OKX "Rate limit" of each
endpoint; KuCoin "Rate limit" (VIP 0 pools) and the pool and weight of each endpoint; Kraken "Spot REST rate limits" and
"Spot trading limits" (starter tier); Coinbase Advanced Trade "REST rate limits"; Alpaca "Usage limits". Firi publishes
none: its known clients pace themselves at about one a second.

Public calls count per IP address and private ones per key, except where an exchange counts all calls of an address.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Per(StrEnum):
    """Whose requests are counted together."""

    IP = "ip"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Limit:
    """`amount` units in any `seconds`, per IP address or per key.

    weights: units of an endpoint, as ccxt names its path: "POST order" or, for all methods, "order". other: units of
    what is not listed.
    told_in: header in which the exchange says how many units it has counted.
    """

    name: str
    per: Per
    amount: int
    seconds: float
    weights: Mapping[str, int] = field(default_factory=dict)
    other: int = 0
    told_in: str = ""

    def weight(self, endpoint: str) -> int:
        """Units of one call."""
        found = self.weights.get(endpoint)
        return self.weights.get(endpoint.partition(" ")[2], self.other) if found is None else found


@dataclass(frozen=True, slots=True)
class ExchangeLimits:
    """All limits of one exchange. bans: whom a refusal concerns. ban_s: how long, where it does not say."""

    limits: tuple[Limit, ...]
    bans: Per
    ban_s: float


def _each(per: Per, amount: int, seconds: float, *endpoints: str) -> tuple[Limit, ...]:
    """A limit of its own for every endpoint."""
    return tuple(Limit(endpoint, per, amount, seconds, {endpoint: 1}) for endpoint in endpoints)


def _counter(name: str, most: int, falls_by: float, weights: Mapping[str, int]) -> Limit:
    """A count per key that every call raises, at most to `most`, and that falls by `falls_by` a second.

    As a limit: in the time in which four times the most runs off, five times the most fit, a fifth of it at once.
    """
    return Limit(name, Per.KEY, 5 * most, 4 * most / falls_by, weights)


def _once(*endpoints: str) -> Mapping[str, int]:
    """One unit for each."""
    return dict.fromkeys(endpoints, 1)


LIMITS: Mapping[str, ExchangeLimits] = {
    "binance": ExchangeLimits(
        (
            Limit(
                "weight", Per.IP, 6000, 60,
                {"time": 1, "system/status": 1, "exchangeInfo": 20, "depth": 5, "aggTrades": 4, "POST order": 1,
                 "DELETE order": 1, "GET order": 4, "openOrders": 6, "allOrders": 20, "myTrades": 20, "account": 20,
                 "account/apiRestrictions": 1, "asset/tradeFee": 1},
                other=20, told_in="x-mbx-used-weight-1m",
            ),
            Limit("orders", Per.KEY, 100, 10, {"POST order": 1}),
            Limit("orders-day", Per.KEY, 200_000, 86_400, {"POST order": 1}),
        ),
        Per.IP, 60.0,
    ),
    "bybit": ExchangeLimits(
        (
            Limit("requests", Per.IP, 600, 5, other=1),
            *_each(Per.KEY, 20, 1, "v5/order/create", "v5/order/cancel"),
            *_each(Per.KEY, 50, 1, "v5/order/realtime", "v5/order/history", "v5/execution/list"),
            *_each(Per.KEY, 50, 1, "v5/account/wallet-balance"),
            *_each(Per.KEY, 10, 1, "v5/user/query-api"),
            *_each(Per.KEY, 5, 1, "v5/account/fee-rate"),
        ),
        Per.IP, 600.0,
    ),
    "okx": ExchangeLimits(
        (
            *_each(Per.KEY, 60, 2, "POST trade/order", "GET trade/order", "trade/cancel-order", "trade/fills",
                   "trade/orders-pending"),
            *_each(Per.KEY, 40, 2, "trade/orders-history"),
            *_each(Per.KEY, 20, 2, "trade/orders-history-archive"),
            *_each(Per.KEY, 10, 2, "trade/fills-history", "account/balance"),
            *_each(Per.KEY, 5, 2, "account/config", "account/trade-fee"),
            *_each(Per.IP, 40, 2, "market/books"),
            *_each(Per.IP, 100, 2, "market/trades"),
            *_each(Per.IP, 20, 2, "public/instruments"),
            *_each(Per.IP, 10, 2, "public/time"),
        ),
        Per.KEY, 2.0,
    ),
    "kucoin": ExchangeLimits(
        (
            Limit(
                "spot", Per.KEY, 4000, 30,
                {"POST hf/orders": 1, "DELETE hf/orders": 2, "GET hf/orders/{orderId}": 2,
                 "DELETE hf/orders/{orderId}": 1, "GET hf/orders/client-order/{clientOid}": 2,
                 "DELETE hf/orders/client-order/{clientOid}": 1, "hf/fills": 2,
                 "hf/orders/active/page": 2, "hf/orders/done": 2, "trade-fees": 3},
            ),
            Limit("management", Per.KEY, 2000, 30, {"accounts": 5, "user/api-key": 20}),
            Limit(
                "public", Per.IP, 2000, 30,
                # level2_20 costs 2 and level2_100 costs 4.
                {"symbols": 4, "timestamp": 3, "market/orderbook/level{level}_{limit}": 4, "market/histories": 3},
            ),
        ),
        Per.KEY, 5.0,
    ),
    "kraken": ExchangeLimits(
        (
            _counter(
                "counter", 15, 1 / 3,
                {"QueryOrders": 1, "OpenOrders": 1, "BalanceEx": 1, "GetApiKeyInfo": 1, "ClosedOrders": 2,
                 "QueryTrades": 2, "TradeVolume": 1},
            ),
            # Kraken counts per pair, here it is all pairs together. A cancellation costs 8 within 5 s and nothing after
            # 300 s: 2 is what it costs after 45 s.
            _counter("orders", 60, 1, {"AddOrder": 1, "CancelOrder": 2}),
            Limit("public", Per.IP, 15, 15, _once("Time", "SystemStatus", "Assets", "AssetPairs", "Depth", "Trades")),
        ),
        Per.KEY, 10.0,
    ),
    "coinbase": ExchangeLimits(
        (
            Limit(
                "private", Per.KEY, 30, 1,
                _once(
                    "brokerage/accounts", "brokerage/key_permissions", "brokerage/transaction_summary",
                    "brokerage/orders", "brokerage/orders/batch_cancel", "brokerage/orders/historical/batch",
                    "brokerage/orders/historical/fills", "brokerage/orders/historical/{order_id}",
                ),
            ),
            Limit(
                "public", Per.IP, 10, 1,
                _once(
                    "time", "brokerage/market/products", "brokerage/market/product_book",
                    "brokerage/market/products/{product_id}/ticker",
                ),
            ),
        ),
        Per.KEY, 1.0,
    ),
    "alpaca": ExchangeLimits(
        (
            Limit(
                "trading", Per.KEY, 200, 60,
                _once(
                    "v2/clock", "v2/assets", "v2/account", "v2/positions", "v2/orders", "v2/orders/{order_id}",
                    "v2/orders:by_client_order_id", "v2/account/activities/{activity_type}",
                ),
            ),
            # Asked without keys; what is published is the same number per account.
            Limit(
                "market-data", Per.IP, 200, 60,
                _once("v1beta3/crypto/{loc}/latest/orderbooks", "v1beta3/crypto/{loc}/trades"),
            ),
        ),
        Per.KEY, 3.0,
    ),
    "firi": ExchangeLimits(
        (Limit("requests", Per.KEY, 10, 10, other=1), Limit("address", Per.IP, 20, 10, other=1)),
        Per.KEY, 10.0,
    ),
}  # fmt: skip
