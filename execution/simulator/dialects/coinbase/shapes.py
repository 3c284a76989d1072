"""How Coinbase writes orders and fills. Numbers are strings, times are RFC 3339 with microseconds."""

from datetime import UTC, datetime

from execution.simulator.engine.orders import Order, Status, TimeInForce, Trade
from execution.simulator.numbers import format_scaled, format_trimmed

USER_ID = "9d1f1c3e-6a0f-5d0a-8c25-7f2b0e6a4b11"
_AVERAGE_DECIMALS = 16
STATUS = {
    Status.OPEN: "OPEN",
    Status.FILLED: "FILLED",
    Status.CANCELLED: "CANCELLED",
    # "EXPIRED" is kept for good-till-date orders; an IOC, FOK or market remainder is cancelled.
    Status.EXPIRED: "CANCELLED",
}
_TIMES_IN_FORCE = {
    TimeInForce.GTC: "GOOD_UNTIL_CANCELLED",
    TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
    TimeInForce.FOK: "FILL_OR_KILL",
}


def moment_text(at: int) -> str:
    """Microseconds since the epoch, "2026-04-07T00:28:59.662782Z"."""
    second, micros = divmod(at, 1_000_000)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{micros:06d}Z"


def base_text(order: Order, amount: int) -> str:
    """Base units without superfluous zeros."""
    return format_trimmed(amount, order.market.spec.base_decimals)


def quote_text(order: Order, amount: int) -> str:
    """Quote units without superfluous zeros."""
    return format_trimmed(amount, order.market.spec.quote_decimals)


def price_text(order: Order, price: int) -> str:
    """A price without superfluous zeros."""
    return format_trimmed(price, order.market.spec.price_decimals)


def order_configuration(order: Order) -> dict[str, object]:
    """What was ordered, under the name of its kind."""
    if order.budget is not None:
        return {"market_market_ioc": {"quote_size": quote_text(order, order.budget)}}
    size = {"base_size": base_text(order, order.amount)}
    if order.price is None:
        return {"market_market_ioc": size}
    limit: dict[str, object] = {**size, "limit_price": price_text(order, order.price)}
    if order.time_in_force is TimeInForce.GTC:
        return {"limit_limit_gtc": {**limit, "post_only": order.post_only}}
    return {("sor_limit_ioc" if order.time_in_force is TimeInForce.IOC else "limit_limit_fok"): limit}


def order_info(order: Order) -> dict[str, object]:
    """An order as Get Order and List Orders show it."""
    fees = order.fee_total
    after_fees = order.notional + fees if order.is_buy else order.notional - fees
    held = quote_text(order, order.held) if order.is_buy else base_text(order, order.held)
    return {
        "order_id": order.id,
        "product_id": order.market.spec.facts.wire_id,
        "user_id": USER_ID,
        "order_configuration": order_configuration(order),
        "side": order.side.upper(),
        "client_order_id": order.client_order_id,
        "status": STATUS[order.status],
        "time_in_force": "IMMEDIATE_OR_CANCEL" if order.is_market else _TIMES_IN_FORCE[order.time_in_force],
        "created_time": moment_text(order.placed_at),
        "completion_percentage": str(100 * order.filled // order.amount) if order.amount else "0",
        "filled_size": base_text(order, order.filled),
        "average_filled_price": _average_price(order),
        "fee": "",
        "number_of_fills": str(len(order.trades)),
        "filled_value": quote_text(order, order.notional),
        "pending_cancel": False,
        "size_in_quote": order.budget is not None,
        "total_fees": quote_text(order, fees),
        "size_inclusive_of_fees": False,
        "total_value_after_fees": quote_text(order, after_fees),
        "trigger_status": "INVALID_ORDER_TYPE",
        "order_type": "MARKET" if order.is_market else "LIMIT",
        "reject_reason": "REJECT_REASON_UNSPECIFIED",
        "settled": order.status is not Status.OPEN and bool(order.trades),
        "product_type": "SPOT",
        "reject_message": "",
        "cancel_message": order.reason,
        "order_placement_source": "RETAIL_ADVANCED",
        "outstanding_hold_amount": held,
        "is_liquidation": False,
        "last_fill_time": moment_text(order.trades[-1].at) if order.trades else None,
    }


def fill_info(trade: Trade) -> dict[str, object]:
    """A trade as List Fills shows it. The size of an order by quote amount is in quote."""
    order = trade.order
    in_quote = order.budget is not None
    return {
        "entry_id": f"{trade.number:064x}",
        "trade_id": trade.id,
        "order_id": order.id,
        "trade_time": moment_text(trade.at),
        "trade_type": "FILL",
        "price": price_text(order, trade.price),
        "size": quote_text(order, trade.notional) if in_quote else base_text(order, trade.amount),
        "commission": quote_text(order, trade.fee),
        "product_id": order.market.spec.facts.wire_id,
        "sequence_timestamp": moment_text(trade.at),
        "liquidity_indicator": "MAKER" if trade.is_maker else "TAKER",
        "size_in_quote": in_quote,
        "user_id": USER_ID,
        "side": order.side.upper(),
        "retail_portfolio_id": "",
    }


def _average_price(order: Order) -> str:
    """The average of the fills, cut to sixteen decimals: the fills themselves are exact."""
    if not order.filled:
        return "0"
    spec = order.market.spec
    exponent = _AVERAGE_DECIMALS + spec.base_decimals - spec.quote_decimals
    return format_scaled(order.notional * 10**exponent // order.filled, _AVERAGE_DECIMALS)
