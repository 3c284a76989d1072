"""What each exchange allows: requests, or weights, per time and IP address or key. A table of published facts.

Sources: Binance "LIMITS" of the spot REST docs and exchangeInfo; Bybit "Rate limit rules"; OKX "Rate limit" of each
endpoint; KuCoin "Rate limit" (VIP 0 pools); Kraken "Spot REST rate limits" (starter tier); Coinbase Advanced Trade
"REST rate limits"; Alpaca "Usage limits". Firi publishes none: its known clients pace themselves at about one a second.
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

    weights: units of an endpoint: "POST order" or, for all methods, "order". other: units of what is not listed.
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


LIMITS: Mapping[str, ExchangeLimits] = {
    "binance": ExchangeLimits(
        (
            Limit(
                "weight", Per.IP, 6000, 60,
                {"time": 1, "system/status": 1, "exchangeInfo": 20, "depth": 5, "POST order": 1, "DELETE order": 1,
                 "GET order": 4, "openOrders": 6, "myTrades": 20, "account": 20,
                 "account/apiRestrictions": 1},
                other=20, told_in="x-mbx-used-weight-1m",
            ),
            Limit("orders", Per.KEY, 100, 10, {"POST order": 1}),
        ),
        Per.IP, 60.0,
    ),
    "bybit": ExchangeLimits(
        (
            Limit("requests", Per.IP, 600, 5, other=1),
            *_each(Per.KEY, 20, 1, "v5/order/create", "v5/order/cancel"),
            *_each(Per.KEY, 50, 1, "v5/order/realtime", "v5/order/history", "v5/execution/list"),
            *_each(Per.KEY, 50, 1, "v5/account/wallet-balance"),
        ),
        Per.IP, 600.0,
    ),
    "okx": ExchangeLimits(
        (
            *_each(Per.KEY, 60, 2, "trade/order", "trade/cancel-order", "trade/orders-pending", "trade/fills"),
            *_each(Per.KEY, 40, 2, "trade/orders-history"),
            *_each(Per.KEY, 10, 2, "account/balance"),
            *_each(Per.IP, 40, 2, "market/books"),
            *_each(Per.IP, 20, 2, "public/instruments"),
            *_each(Per.IP, 10, 2, "public/time"),
        ),
        Per.KEY, 2.0,
    ),
    "kucoin": ExchangeLimits(
        (
            Limit(
                "spot", Per.KEY, 4000, 30,
                {"POST hf/orders": 1, "DELETE hf/orders/{orderId}": 1, "DELETE hf/orders/client-order/{clientOid}": 1,
                 "timestamp": 0, "symbols": 0, "status": 0},
                other=2,
            ),
            Limit("public", Per.IP, 2000, 30, {"symbols": 4, "timestamp": 3, "status": 3}, other=0),
        ),
        Per.KEY, 5.0,
    ),
    "kraken": ExchangeLimits(
        (
            Limit(
                "counter", Per.KEY, 30, 45,  # 15, and 0.33 a second
                {"AddOrder": 0, "CancelOrder": 0, "ClosedOrders": 2, "QueryTrades": 2, "Time": 0, "SystemStatus": 0,
                 "Assets": 0, "AssetPairs": 0, "Depth": 0},
                other=1,
            ),
            Limit("orders", Per.KEY, 60, 60, {"AddOrder": 1, "CancelOrder": 0}),
            Limit("public", Per.IP, 15, 15, {"Time": 1, "SystemStatus": 1, "Assets": 1, "AssetPairs": 1, "Depth": 1}),
        ),
        Per.KEY, 10.0,
    ),
    "coinbase": ExchangeLimits(
        (Limit("private", Per.KEY, 30, 1, other=1), Limit("public", Per.IP, 10, 1, {"time": 1, "v2/time": 1})),
        Per.KEY, 1.0,
    ),
    "alpaca": ExchangeLimits((Limit("requests", Per.KEY, 200, 60, other=1),), Per.KEY, 3.0),
    "firi": ExchangeLimits(
        (Limit("requests", Per.KEY, 10, 10, other=1), Limit("address", Per.IP, 20, 10, other=1)),
        Per.KEY, 10.0,
    ),
}  # fmt: skip
