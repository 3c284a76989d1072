"""How OKX writes instruments, orders and fills. Numbers are strings without trailing zeros, times are ms as strings."""

from execution.simulator.dialects.okx.errors import Error
from execution.simulator.engine.orders import Order, Status, Trade
from execution.simulator.http import Response, json_response
from execution.simulator.markets import MarketSpec
from execution.simulator.numbers import format_trimmed

_SHOWN_AVERAGE_DECIMALS = 10
_LISTED_AT = "1548133413000"
# OKX v5 docs, "Get order details": cancelSource.
_CANCEL_SOURCES = {
    "User requested": "1",
    "Fill or kill": "13",
    "No more liquidity": "14",
    "Post only order": "31",
}


def result(data: list[dict[str, object]]) -> Response:
    """Render a successful answer."""
    return json_response({"code": "0", "data": data, "msg": ""})


def operation_result(item: dict[str, object], now: int, error: Error | None = None) -> Response:
    """Render what became of a placement or cancellation: always HTTP 200, the reason is in the item's `sCode`."""
    outcome = {"sCode": "0", "sMsg": ""} if error is None else {"sCode": error.code, "sMsg": error.msg}
    return json_response(
        {
            "code": "0" if error is None else "1",
            "data": [{**item, **outcome, "ts": milliseconds(now)}],
            "inTime": str(now),
            "msg": "" if error is None else "All operations failed",
            "outTime": str(now),
        }
    )


def milliseconds(at: int) -> str:
    """Microseconds as OKX's text of milliseconds."""
    return str(at // 1000)


def price_text(spec: MarketSpec, price: int) -> str:
    """A price."""
    return format_trimmed(price, spec.price_decimals)


def amount_text(spec: MarketSpec, amount: int) -> str:
    """An amount of the base asset."""
    return format_trimmed(amount, spec.base_decimals)


def charged_text(spec: MarketSpec, fee: int, asset: str) -> str:
    """A fee in units of its own asset: negative, because it is taken from the account."""
    return format_trimmed(-fee, spec.exchange.asset_decimals[asset])


def order_type(order: Order) -> str:
    """`ordType`: it holds the time in force as well."""
    if order.is_market:
        return "market"
    if order.post_only:
        return "post_only"
    return {"IOC": "ioc", "FOK": "fok"}.get(order.time_in_force.value, "limit")


def order_state(order: Order) -> str:
    """`state`: whatever OKX itself ended (a remainder of IOC, FOK, market) is "canceled" too."""
    if order.status is Status.OPEN:
        return "partially_filled" if order.filled else "live"
    return "filled" if order.status is Status.FILLED else "canceled"


def order_details(order: Order) -> dict[str, object]:
    """An order as Order details, Order List and Order history show it."""
    spec, last = order.market.spec, order.trades[-1] if order.trades else None
    return {
        "accFillSz": amount_text(spec, order.filled),
        "avgPx": average_price_text(order),
        "cTime": milliseconds(order.placed_at),
        "cancelSource": _CANCEL_SOURCES.get(order.reason, ""),
        "category": "normal",
        "ccy": "",
        "clOrdId": order.client_order_id or "",
        "fee": charged_text(spec, order.fee_total, order.fee_asset()),
        "feeCcy": order.fee_asset(),
        "fillPx": "" if last is None else price_text(spec, last.price),
        "fillSz": "0" if last is None else amount_text(spec, last.amount),
        "fillTime": "" if last is None else milliseconds(last.at),
        "instId": spec.facts.wire_id,
        "instType": "SPOT",
        "lever": "",
        "ordId": order.id,
        "ordType": order_type(order),
        "pnl": "0",
        "posSide": "net",
        "px": "" if order.price is None else price_text(spec, order.price),
        "rebate": "0",
        "rebateCcy": spec.quote if order.is_buy else spec.base,
        "reduceOnly": "false",
        "side": order.side,
        "source": "",
        "state": order_state(order),
        "stpMode": "cancel_maker",
        "sz": size_text(order),
        "tag": order.extra.get("tag", ""),
        "tdMode": "cash",
        "tgtCcy": order.extra.get("tgtCcy", ""),
        "tradeId": "" if last is None else last.id,
        "tradeQuoteCcy": spec.quote,
        "uTime": milliseconds(order.updated_at),
    }


def size_text(order: Order) -> str:
    """The ordered size, in quote for market orders by value."""
    spec = order.market.spec
    if order.budget is not None:
        return format_trimmed(order.budget, spec.quote_decimals)
    return amount_text(spec, order.amount)


def average_price_text(order: Order) -> str:
    """The average price of the fills, or "" before the first."""
    if not order.filled:
        return ""
    spec = order.market.spec
    exponent = _SHOWN_AVERAGE_DECIMALS + spec.base_decimals - spec.quote_decimals
    numerator, denominator = order.notional * 10 ** max(0, exponent), order.filled * 10 ** max(0, -exponent)
    return format_trimmed(numerator // denominator, _SHOWN_AVERAGE_DECIMALS)


def bill_id(trade: Trade) -> int:
    """The number histories are paged by: its own for each side of a trade, while both share the trade id."""
    return trade.number * 2 + trade.is_maker


def fill_details(trade: Trade) -> dict[str, object]:
    """A trade as Transaction details show it."""
    order, spec = trade.order, trade.order.market.spec
    return {
        "billId": str(bill_id(trade)),
        "clOrdId": order.client_order_id or "",
        "execType": "M" if trade.is_maker else "T",
        "fee": charged_text(spec, trade.fee, trade.fee_asset),
        "feeCcy": trade.fee_asset,
        "fillPx": price_text(spec, trade.price),
        "fillSz": amount_text(spec, trade.amount),
        "fillTime": milliseconds(trade.at),
        "instId": spec.facts.wire_id,
        "instType": "SPOT",
        "ordId": order.id,
        "posSide": "net",
        "side": order.side,
        "tag": order.extra.get("tag", ""),
        "tradeId": trade.id,
        "ts": milliseconds(trade.at),
    }


def instrument(spec: MarketSpec) -> dict[str, object]:
    """A market as Get instruments shows it. There is no minimum value of an order, only `minSz`."""
    facts = spec.facts
    return {
        "alias": "",
        "baseCcy": spec.base,
        "category": "1",
        "ctMult": "",
        "ctType": "",
        "ctVal": "",
        "ctValCcy": "",
        "expTime": "",
        "instFamily": "",
        "instId": facts.wire_id,
        "instType": "SPOT",
        "lever": "10" if spec.quote == "USDT" else "",
        "listTime": _LISTED_AT,
        "lotSz": facts.lot,
        "maxLmtAmt": "20000000",
        "maxLmtSz": "9999999999",
        "maxMktAmt": "1000000",
        "maxMktSz": "1000000",
        "minSz": facts.min_amount,
        "optType": "",
        "quoteCcy": spec.quote,
        "ruleType": "normal",
        "settleCcy": "",
        "state": "live",
        "stk": "",
        "tickSz": facts.tick,
        "uly": "",
    }
