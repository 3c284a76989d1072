"""How Alpaca writes orders and fills. Numbers are strings, times are RFC 3339 with microseconds."""

from datetime import UTC, datetime
from uuid import NAMESPACE_DNS, uuid5

from execution.simulator.engine.orders import Order, Status, Trade
from execution.simulator.markets import MarketSpec
from execution.simulator.numbers import format_trimmed

_AVERAGE_DECIMALS = 9
# An IOC or market remainder is cancelled; "expired" is kept for orders of a day.
_ENDED = {Status.FILLED: "filled", Status.CANCELLED: "canceled", Status.EXPIRED: "canceled"}


def moment_text(at: int) -> str:
    """Microseconds since the epoch, "2026-04-07T00:28:59.662782Z"."""
    second, micros = divmod(at, 1_000_000)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{micros:06d}Z"


def base_text(spec: MarketSpec, amount: int) -> str:
    """Base units without superfluous zeros."""
    return format_trimmed(amount, spec.base_decimals)


def quote_text(spec: MarketSpec, amount: int) -> str:
    """Quote units without superfluous zeros."""
    return format_trimmed(amount, spec.quote_decimals)


def price_text(spec: MarketSpec, price: int) -> str:
    """A price without superfluous zeros."""
    return format_trimmed(price, spec.price_decimals)


def asset_id(name: str) -> str:
    """The UUID of a pair or an asset."""
    return str(uuid5(NAMESPACE_DNS, f"alpaca asset {name}"))


def order_state(order: Order) -> str:
    """The order's status in Alpaca's words."""
    if order.status is Status.OPEN:
        return "partially_filled" if order.filled else "new"
    return _ENDED[order.status]


def order_info(order: Order) -> dict[str, object]:
    """An order as every look-up shows it. It tells no fee: a crypto fee is cut from what the trade brings in."""
    spec, state = order.market.spec, order_state(order)
    by_notional = order.budget is not None
    kind = "market" if order.is_market else "limit"
    return {
        "id": order.id,
        "client_order_id": order.client_order_id,
        "created_at": moment_text(order.placed_at),
        "updated_at": moment_text(order.updated_at),
        "submitted_at": moment_text(order.placed_at),
        "filled_at": _closed_at(order) if state == "filled" else None,
        "expired_at": None,
        "canceled_at": _closed_at(order) if state == "canceled" else None,
        "failed_at": None,
        "replaced_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": asset_id(spec.facts.wire_id),
        "symbol": spec.facts.wire_id,
        "asset_class": "crypto",
        "notional": quote_text(spec, order.budget) if order.budget is not None else None,
        "qty": None if by_notional else base_text(spec, order.amount),
        "filled_qty": base_text(spec, order.filled),
        "filled_avg_price": _average_price(order),
        "order_class": "",
        "order_type": kind,
        "type": kind,
        "side": order.side,
        "time_in_force": order.time_in_force.value.lower(),
        "limit_price": None if order.price is None else price_text(spec, order.price),
        "stop_price": None,
        "status": state,
        "extended_hours": False,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "source": None,
    }


def accepted_order(order: Order) -> dict[str, object]:
    """An order as its placement is answered: before anything has been matched."""
    return {
        **order_info(order),
        "status": "pending_new",
        "updated_at": moment_text(order.placed_at),
        "filled_qty": "0",
        "filled_avg_price": None,
        "filled_at": None,
        "canceled_at": None,
    }


def fill_info(trade: Trade) -> dict[str, object]:
    """A trade as the account's activities show it, with the order's state just after it. It tells no fee."""
    order, spec = trade.order, trade.order.market.spec
    filled = sum(other.amount for other in order.trades if other.number <= trade.number)
    is_last = filled == order.amount
    return {
        "id": trade.id,
        "activity_type": "FILL",
        "transaction_time": moment_text(trade.at),
        "type": "fill" if is_last else "partial_fill",
        "price": price_text(spec, trade.price),
        "qty": base_text(spec, trade.amount),
        "side": order.side,
        "symbol": spec.facts.wire_id,
        "leaves_qty": base_text(spec, order.amount - filled),
        "order_id": order.id,
        "cum_qty": base_text(spec, filled),
        "order_status": "filled" if is_last else "partially_filled",
        "swap_rate": "1",
    }


def _closed_at(order: Order) -> str | None:
    return None if order.closed_at is None else moment_text(order.closed_at)


def _average_price(order: Order) -> str | None:
    """The average of the fills, cut to nine decimals: the fills themselves are exact."""
    if not order.filled:
        return None
    spec = order.market.spec
    exponent = _AVERAGE_DECIMALS + spec.base_decimals - spec.quote_decimals
    return format_trimmed(order.notional * 10**exponent // order.filled, _AVERAGE_DECIMALS)
