"""Orders, trades and why an order can be refused."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from execution.simulator.engine.accounts import Account
    from execution.simulator.engine.market import Market


class Refusal(StrEnum):
    """Why the engine refuses an order or a cancel. A dialect turns it into its exchange's own error."""

    PRICE_OFF_TICK = "PRICE_OFF_TICK"
    AMOUNT_OFF_LOT = "AMOUNT_OFF_LOT"
    AMOUNT_BELOW_MINIMUM = "AMOUNT_BELOW_MINIMUM"
    NOTIONAL_BELOW_MINIMUM = "NOTIONAL_BELOW_MINIMUM"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    DUPLICATE_CLIENT_ORDER_ID = "DUPLICATE_CLIENT_ORDER_ID"
    POST_ONLY_WOULD_TAKE = "POST_ONLY_WOULD_TAKE"
    NO_LIQUIDITY = "NO_LIQUIDITY"
    ORDER_NOT_OPEN = "ORDER_NOT_OPEN"


class Refused(Exception):
    """The engine said no; nothing changed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


class Status(StrEnum):
    """The state of an order on the exchange. `EXPIRED`: the exchange ended it (IOC, FOK or market remainder)."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class TimeInForce(StrEnum):
    """How long a limit order may wait."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


@dataclass(slots=True, kw_only=True)
class OrderRequest:
    """What a client asked for, already in scaled integers. A market order has no price."""

    market: "Market"
    side: str
    amount: int = 0
    price: int | None = None
    budget: int | None = None
    """Quote units to spend instead of an amount (market buys)."""
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    client_order_id: str | None = None
    extra: dict[str, str] = field(default_factory=dict)
    """What only the dialect needs to repeat later, e.g. Kraken's `userref`."""


class Order:
    """One order of one account. Only the engine writes to it."""

    __slots__ = (
        "account",
        "amount",
        "budget",
        "client_order_id",
        "closed_at",
        "extra",
        "filled",
        "held",
        "id",
        "market",
        "notional",
        "number",
        "placed_at",
        "post_only",
        "price",
        "reason",
        "seq",
        "side",
        "status",
        "time_in_force",
        "trades",
        "updated_at",
    )

    def __init__(self, request: OrderRequest, account: "Account", *, number: int, order_id: str, now: int) -> None:
        self.account = account
        self.market = request.market
        self.side = request.side
        self.amount = request.amount
        self.price = request.price
        self.budget = request.budget
        self.time_in_force = request.time_in_force
        self.post_only = request.post_only
        self.client_order_id = request.client_order_id
        self.extra = request.extra
        self.number = number
        """Growing over the whole exchange; `id` is the same number the way the exchange writes it."""
        self.id = order_id
        self.seq = 0
        """Time priority in the book, set when the order starts to rest."""
        self.placed_at = now
        self.updated_at = now
        self.closed_at: int | None = None
        self.status = Status.OPEN
        self.reason = ""
        self.filled = 0
        self.notional = 0
        self.held = 0
        self.trades: list[Trade] = []

    @property
    def is_buy(self) -> bool:
        """Whether the order buys base."""
        return self.side == "buy"

    @property
    def is_market(self) -> bool:
        """Whether the order has no limit price."""
        return self.price is None

    @property
    def remaining(self) -> int:
        """Base units not filled yet."""
        return self.amount - self.filled

    @property
    def fee_total(self) -> int:
        """Fees of all trades; every trade of one order pays in the same asset."""
        return sum(trade.fee for trade in self.trades)

    def fee_asset(self) -> str:
        """The asset this order's fees are charged in."""
        return self.market.spec.fee_asset(is_buy=self.is_buy)


@dataclass(slots=True)
class Trade:
    """One execution of one order. Amount in base units, price and notional in the market's, fee in `fee_asset`."""

    number: int
    id: str
    order: Order
    amount: int
    price: int
    notional: int
    fee: int
    fee_asset: str
    is_maker: bool
    at: int
