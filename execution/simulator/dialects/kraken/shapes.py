"""How Kraken writes orders and trades. Times are seconds with a fraction, numbers are strings."""

from execution.simulator.dialects.kraken import names
from execution.simulator.engine.orders import Order, Status, Trade
from execution.simulator.http import Response, json_response
from execution.simulator.markets import MarketSpec
from execution.simulator.numbers import format_scaled, rescale

_PRICE_DECIMALS = 5
_COST_DECIMALS = 5
_ZERO = "0.00000"
_STATUS = {
    Status.OPEN: "open",
    Status.FILLED: "closed",
    Status.CANCELLED: "canceled",
    # "expired" is kept for good-till-date orders; an IOC, FOK or market remainder is cancelled.
    Status.EXPIRED: "canceled",
}


def result(payload: object) -> Response:
    """Render a successful answer."""
    return json_response({"error": [], "result": payload})


def price_text(spec: MarketSpec, price: int) -> str:
    """A price with five decimals, as in books, tickers and trades."""
    return format_scaled(rescale(price, spec.price_decimals, _PRICE_DECIMALS), _PRICE_DECIMALS)


def cost_text(spec: MarketSpec, cost: int) -> str:
    """A cost or fee; Kraken cuts it to `cost_decimals`."""
    return format_scaled(rescale(cost, spec.quote_decimals, _COST_DECIMALS), _COST_DECIMALS)


def seconds(at: int) -> float:
    """Microseconds as Kraken's float seconds."""
    return at / 1_000_000


def is_in_quote(order: Order) -> bool:
    """Whether the order's volumes are in the quote asset (oflag `viqc`)."""
    return order.budget is not None


def volume_text(order: Order) -> str:
    """The ordered volume, in quote for `viqc` orders."""
    spec = order.market.spec
    if order.budget is not None:
        return format_scaled(rescale(order.budget, spec.quote_decimals, 8), 8)
    return format_scaled(order.amount, spec.base_decimals)


def describe(order: Order) -> str:
    """The sentence of an order: "buy 0.01000000 XBTUSD @ limit 50000.0"."""
    spec = order.market.spec
    kind = "market" if order.price is None else f"limit {format_scaled(order.price, spec.price_decimals)}"
    return f"{order.side} {volume_text(order)} {names.pair_altname(spec)} @ {kind}"


def order_info(order: Order, *, with_trades: bool) -> dict[str, object]:
    """An order as QueryOrders, OpenOrders and ClosedOrders show it."""
    spec = order.market.spec
    executed = (
        cost_text(spec, order.notional) if is_in_quote(order) else format_scaled(order.filled, spec.base_decimals)
    )
    info: dict[str, object] = {
        "refid": None,
        "userref": int(order.extra["userref"]) if "userref" in order.extra else None,
        "status": _STATUS[order.status],
        "opentm": seconds(order.placed_at),
        "starttm": 0,
        "expiretm": 0,
        "descr": _description(order),
        "vol": volume_text(order),
        "vol_exec": executed,
        "cost": cost_text(spec, order.notional),
        "fee": cost_text(spec, order.fee_total),
        "price": average_price_text(order),
        "stopprice": _ZERO,
        "limitprice": _ZERO,
        "misc": "",
        "oflags": order.extra["oflags"],
    }
    if order.client_order_id is not None:
        info["cl_ord_id"] = order.client_order_id
    if order.closed_at is not None:
        info["reason"] = order.reason or None
        info["closetm"] = seconds(order.closed_at)
    if with_trades:
        info["trades"] = [trade.id for trade in order.trades]
    return info


def _description(order: Order) -> dict[str, object]:
    spec = order.market.spec
    return {
        "pair": names.pair_altname(spec),
        "type": order.side,
        "ordertype": "market" if order.is_market else "limit",
        "price": "0" if order.price is None else format_scaled(order.price, spec.price_decimals),
        "price2": "0",
        "leverage": "none",
        "order": describe(order),
        "close": "",
    }


def average_price_text(order: Order) -> str:
    """The average price of the fills, rounded to the pair's decimals: the fills themselves are more exact."""
    if not order.filled:
        return _ZERO
    spec = order.market.spec
    exponent = spec.price_decimals + spec.base_decimals - spec.quote_decimals
    numerator, denominator = order.notional * 10 ** max(0, exponent), order.filled * 10 ** max(0, -exponent)
    return format_scaled((2 * numerator + denominator) // (2 * denominator), spec.price_decimals)


def trade_info(trade: Trade) -> dict[str, object]:
    """A trade as TradesHistory and QueryTrades show it."""
    order, spec = trade.order, trade.order.market.spec
    return {
        "ordertxid": order.id,
        "postxid": "TKH2SE-M7IF5-CFI7LT",
        "pair": spec.facts.wire_id,
        "time": seconds(trade.at),
        "type": order.side,
        "ordertype": "market" if order.is_market else "limit",
        "price": price_text(spec, trade.price),
        "cost": cost_text(spec, trade.notional),
        "fee": cost_text(spec, trade.fee),
        "vol": format_scaled(trade.amount, spec.base_decimals),
        "margin": _ZERO,
        "misc": "",
        "trade_id": trade.number,
        "maker": trade.is_maker,
    }
