"""What an exchange says of one order of ours, in plain data."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from execution.domain.orders import OrderStatus


class Verdict(Enum):
    """What the answer to a placement proves about the order, when it is not the order itself."""

    REJECTED = "rejected"
    NOT_SENT = "not sent"
    ALREADY_PLACED = "already placed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution. amount: base units. fee: in `fee_asset`; negative is a rebate. at: epoch seconds."""

    trade_id: str
    amount: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    at: float
    maker: bool | None = None


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What the exchange says of one order of ours.

    filled_amount: base units so far, always the sum of executions we know one by one: an order whose executions are
    not all known yet is reported as still working. trades: all executions, or those since `OrderRequest.filled`.
    """

    exchange_order_id: str
    status: OrderStatus
    filled_amount: Decimal = Decimal(0)
    trades: tuple[Trade, ...] = ()
    detail: str = ""
