"""What the platform asks of an exchange, and the plain data that goes in and comes out.

An adapter speaks one exchange's protocol and nothing else: it knows no database, no policy and no simulator. It must
never guess: what is not proved placed or proved refused is `OutcomeUnknown` (see errors.py).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from execution.domain.book import OrderBook
from execution.domain.market import Market
from execution.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from execution.domain.reports import OrderReport as OrderReport
from execution.domain.reports import Trade as Trade
from execution.domain.trade_tape import RecentTrades


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """One order as committed to the database before it is sent.

    amount: base units, a multiple of the lot. price: quote per base, a multiple of the tick; None for a market order.
    sent_at, valid_until: epoch seconds; the exchange must refuse the order after valid_until where it can.
    exchange_order_id: theirs, once known. baseline: what `Exchange.baseline` returned before sending, or None.
    filled: base units known to be filled so far (paper orders continue from here).
    """

    client_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    amount: Decimal
    price: Decimal | None
    time_in_force: TimeInForce
    sent_at: float
    valid_until: float
    exchange_order_id: str = ""
    baseline: Mapping[str, Any] | None = None
    filled: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class SeenOrder:
    """An order as a listing shows it: ours, or one that somebody else placed with the same account.

    client_order_id: empty where the exchange keeps none, or the order has none. amount: base units; of an order by
    value, which names none, what it has filled. price: the limit, None for a market order. created_at: epoch seconds by
    the exchange's clock.
    """

    client_order_id: str
    exchange_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    amount: Decimal
    price: Decimal | None
    status: OrderStatus
    filled_amount: Decimal
    created_at: float


@dataclass(frozen=True, slots=True)
class Balance:
    """Money in one asset. total = free + held in orders."""

    free: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class KeyPermissions:
    """What a set of keys may do. None: the exchange does not tell."""

    trade: bool | None = None
    withdraw: bool | None = None
    ip_restricted: bool | None = None


@dataclass(frozen=True, slots=True)
class AccountFees:
    """What an account pays in the exchange's main pair, as fractions of the value: 0.001 is 0.10 %.

    A negative rate is a rebate. volume: what the exchange counts as traded in 30 days, in USD; None: not told.
    tier: its own name for the account's level.
    """

    maker: Decimal
    taker: Decimal
    volume: Decimal | None = None
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Ping:
    """The answer of a health check. latency_ms: request to answer."""

    latency_ms: float
    maintenance: bool = False
    detail: str = ""


class Exchange(Protocol):
    """One exchange with one account's keys (or none, for public data). Safe for concurrent use on one event loop."""

    slug: str

    async def place(self, request: OrderRequest) -> OrderReport:
        """Send one order, once. Raises OrderRejected, NotSent, AlreadyPlaced or OutcomeUnknown."""

    async def look_up(self, request: OrderRequest) -> OrderReport | None:
        """Find our order by what identifies it there, open or closed. None: a clean "there is no such order".

        Raises ExchangeError when the exchange did not answer clearly, which proves nothing.
        """

    async def cancel(self, request: OrderRequest) -> OrderReport | None:
        """Ask to cancel a placed order. What became of it `look_up` tells, unless the answer already does.

        Raises ExchangeError.
        """

    async def baseline(self, request: OrderRequest) -> Mapping[str, Any] | None:
        """What must be known before sending so that `look_up` can recognise the order; None if its id is enough."""

    async def orders_since(self, symbols: Collection[str], since: float) -> Sequence[SeenOrder]:
        """All orders of the account, open or closed, in these pairs, created at or after `since` (epoch seconds).

        All or nothing: ExchangeError when a part is missing, when `since` is further back than the exchange tells
        (`Traits.lists_back_s`), or when it says something that we do not understand; decision 0012 has what exchanges
        forget. One that lists without a pair gives those of all pairs (`Traits.lists_by_symbol`). At the others no
        symbols means nothing, and a pair that the exchange does not know has no orders. It waits for the request
        limits: minutes where there are many orders, so callers bound it.
        """

    async def order_book(self, symbol: str, depth: int) -> OrderBook:
        """The book now. Raises ExchangeError."""

    async def trades(self, symbol: str) -> RecentTrades:
        """The market's latest trades, as many as it gives at once. Raises ExchangeError.

        Numbers are as the exchange writes them, however absurd.
        """

    async def markets(self) -> Sequence[Market]:
        """All active spot pairs. Raises ExchangeError."""

    async def balances(self) -> Mapping[str, Balance]:
        """The account's money by asset. Raises ExchangeError."""

    async def key_permissions(self) -> KeyPermissions:
        """A harmless private call: whether the keys are accepted, and what they may do. Raises ExchangeError."""

    async def account_fees(self) -> AccountFees | None:
        """What the account pays now; None where the exchange does not tell. Raises ExchangeError."""

    async def ping(self) -> Ping:
        """A harmless public call. Raises ExchangeError."""
