"""How Bybit writes markets, orders and executions. Numbers and times are strings, times in milliseconds."""

from execution.simulator.engine.orders import Order, Status, Trade
from execution.simulator.facts import PPM
from execution.simulator.http import Response, json_response
from execution.simulator.markets import MarketSpec
from execution.simulator.numbers import format_trimmed

# Bybit v5 docs, "Enums Definitions", rejectReason.
_REJECT_REASONS = {
    "User requested": "EC_PerCancelRequest",
    "Post only order": "EC_PostOnlyWillTakeLiquidity",
    "Fill or kill": "EC_NoEnoughQtyToFill",
    "No more liquidity": "EC_NoImmediateQtyToFill",
}


def result(payload: object, now: int) -> Response:
    """Render a successful answer."""
    return json_response({"retCode": 0, "retMsg": "OK", "result": payload, "retExtInfo": {}, "time": now // 1000})


def listed(rows: list[dict[str, object]], cursor: str, now: int) -> Response:
    """Render one page of a list."""
    return result({"nextPageCursor": cursor, "category": "spot", "list": rows}, now)


def price_text(spec: MarketSpec, price: int) -> str:
    """A price."""
    return format_trimmed(price, spec.price_decimals)


def amount_text(spec: MarketSpec, amount: int) -> str:
    """An amount of the base asset."""
    return format_trimmed(amount, spec.base_decimals)


def value_text(spec: MarketSpec, notional: int) -> str:
    """An amount of the quote asset."""
    return format_trimmed(notional, spec.quote_decimals)


def fee_text(order: Order, fee: int) -> str:
    """A fee in units of the asset this order pays in."""
    spec = order.market.spec
    return (amount_text if order.fee_asset() == spec.base else value_text)(spec, fee)


def order_status(order: Order) -> str:
    """The status word: on spot a cancelled order that was filled in part has one of its own."""
    if order.status is Status.OPEN:
        return "PartiallyFilled" if order.filled else "New"
    if order.status is Status.FILLED:
        return "Filled"
    return "PartiallyFilledCanceled" if order.filled else "Cancelled"


def time_in_force(order: Order) -> str:
    """Market orders are always IOC."""
    if order.is_market:
        return "IOC"
    return "PostOnly" if order.post_only else order.time_in_force.value


def order_info(order: Order) -> dict[str, object]:
    """An order as order/realtime and order/history show it."""
    spec = order.market.spec
    left = 0 if order.price is None else spec.notional(order.price, order.remaining)
    fee = fee_text(order, order.fee_total)
    return {
        "orderId": order.id,
        "orderLinkId": order.client_order_id or "",
        "blockTradeId": "",
        "symbol": spec.facts.wire_id,
        "price": "0" if order.price is None else price_text(spec, order.price),
        "qty": amount_text(spec, order.amount) if order.budget is None else value_text(spec, order.budget),
        "side": "Buy" if order.is_buy else "Sell",
        "isLeverage": "0",
        "positionIdx": 0,
        "orderStatus": order_status(order),
        "cancelType": "CancelByUser" if order.reason == "User requested" else "UNKNOWN",
        "rejectReason": _REJECT_REASONS.get(order.reason, "EC_NoError"),
        "avgPrice": average_price_text(order),
        "leavesQty": amount_text(spec, order.remaining),
        "leavesValue": value_text(spec, left),
        "cumExecQty": amount_text(spec, order.filled),
        "cumExecValue": value_text(spec, order.notional),
        "cumExecFee": fee,
        "cumFeeDetail": {order.fee_asset(): fee} if order.trades else {},
        "timeInForce": time_in_force(order),
        "orderType": "Market" if order.is_market else "Limit",
        "marketUnit": order.extra.get("marketUnit", ""),
        "stopOrderType": "",
        "orderIv": "",
        "triggerPrice": "0",
        "takeProfit": "",
        "stopLoss": "",
        "triggerDirection": 0,
        "triggerBy": "",
        "lastPriceOnCreated": "",
        "reduceOnly": False,
        "closeOnTrigger": False,
        "placeType": "",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "createdTime": str(order.placed_at // 1000),
        "updatedTime": str(order.updated_at // 1000),
    }


def average_price_text(order: Order) -> str:
    """The average price of the fills, rounded to the tick's decimals; empty before the first."""
    if not order.filled:
        return ""
    spec = order.market.spec
    exponent = spec.price_decimals + spec.base_decimals - spec.quote_decimals
    numerator, denominator = order.notional * 10 ** max(0, exponent), order.filled * 10 ** max(0, -exponent)
    return price_text(spec, (2 * numerator + denominator) // (2 * denominator))


def execution_info(trade: Trade) -> dict[str, object]:
    """A trade as execution/list shows it."""
    order, spec = trade.order, trade.order.market.spec
    ppm = spec.exchange.maker_ppm if trade.is_maker else spec.exchange.taker_ppm
    return {
        "symbol": spec.facts.wire_id,
        "orderId": order.id,
        "orderLinkId": order.client_order_id or "",
        "side": "Buy" if order.is_buy else "Sell",
        "orderPrice": "0" if order.price is None else price_text(spec, order.price),
        "orderQty": amount_text(spec, order.amount),
        "leavesQty": amount_text(spec, order.remaining),
        "orderType": "Market" if order.is_market else "Limit",
        "stopOrderType": "",
        "execFee": fee_text(order, trade.fee),
        "execId": trade.id,
        "execPrice": price_text(spec, trade.price),
        "execQty": amount_text(spec, trade.amount),
        "execType": "Trade",
        "execValue": value_text(spec, trade.notional),
        "execTime": str(trade.at // 1000),
        "feeCurrency": trade.fee_asset,
        "isMaker": trade.is_maker,
        "feeRate": f"{ppm / PPM:g}",
        "tradeIv": "",
        "markIv": "",
        "markPrice": "",
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "closedSize": "",
        "seq": trade.number,
    }


def instrument_info(spec: MarketSpec) -> dict[str, object]:
    """A market as market/instruments-info shows it."""
    facts = spec.facts
    return {
        "symbol": facts.wire_id,
        "baseCoin": spec.base,
        "quoteCoin": spec.quote,
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "utaOnly",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": facts.lot,
            "quotePrecision": format_trimmed(1, spec.quote_decimals),
            "minOrderQty": facts.min_amount,
            "maxOrderQty": "10000",
            "minOrderAmt": facts.min_notional,
            "maxOrderAmt": "8000000",
        },
        "priceFilter": {"tickSize": facts.tick},
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
    }
