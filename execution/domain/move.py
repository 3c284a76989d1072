"""What the rules of an order's life read of it, and what they say is known of it next. Pure."""

from dataclasses import Field, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from execution.domain.orders import OrderStatus, OrderType, SignalStatus, TimeInForce
from execution.domain.reports import Trade


class OrderFacts(Protocol):
    """What the rules read of an order, as it was last seen in the database."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def exchange(self) -> str: ...
    @property
    def status(self) -> OrderStatus: ...
    @property
    def order_type(self) -> OrderType: ...
    @property
    def time_in_force(self) -> TimeInForce: ...
    @property
    def filled_amount(self) -> Decimal: ...
    @property
    def exchange_order_id(self) -> str: ...
    @property
    def submitted_at(self) -> datetime: ...
    @property
    def valid_until(self) -> datetime: ...
    @property
    def clean_misses(self) -> int: ...
    @property
    def cancel_requested_at(self) -> datetime | None: ...
    @property
    def cancel_code(self) -> str: ...
    @property
    def cancel_reason(self) -> str: ...


OrderT = TypeVar("OrderT", bound=OrderFacts)


@dataclass(frozen=True, slots=True)
class Move(Generic[OrderT]):
    """What is now known of an order. `order` is the state it was seen in.

    check_at: when to ask the exchange again (None when final). trades: executions that may not be recorded yet.
    clean_misses: look-ups in a row, this one included, that were answered and did not find it.
    """

    order: OrderT
    status: OrderStatus
    at: datetime
    code: str = ""
    detail: str = ""
    exchange_order_id: str = ""
    filled_amount: Decimal | None = None
    trades: tuple[Trade, ...] = ()
    check_at: datetime | None = None
    clean_misses: int = 0
    acknowledged: bool = False
    retry_same_exchange: bool = False
    signal_status: SignalStatus | None = None

    @property
    def filled(self) -> Decimal:
        """Base units filled after this move; never less than before."""
        return max(self.filled_amount or Decimal(0), self.order.filled_amount)
