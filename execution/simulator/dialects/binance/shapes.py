"""How Binance writes markets, orders and trades. All numbers are strings with eight decimals."""

from execution.simulator.engine.orders import Order, Status, Trade
from execution.simulator.markets import MarketSpec
from execution.simulator.numbers import format_scaled, rescale

WIRE_DECIMALS = 8
ZERO = "0.00000000"
_FINAL = {Status.FILLED: "FILLED", Status.CANCELLED: "CANCELED", Status.EXPIRED: "EXPIRED"}


def price_text(spec: MarketSpec, price: int) -> str:
    """A price."""
    return format_scaled(rescale(price, spec.price_decimals, WIRE_DECIMALS), WIRE_DECIMALS)


def amount_text(spec: MarketSpec, amount: int) -> str:
    """An amount of the base asset."""
    return format_scaled(rescale(amount, spec.base_decimals, WIRE_DECIMALS), WIRE_DECIMALS)


def quote_text(spec: MarketSpec, notional: int) -> str:
    """An amount of the quote asset."""
    return format_scaled(rescale(notional, spec.quote_decimals, WIRE_DECIMALS), WIRE_DECIMALS)


def order_type(order: Order) -> str:
    """MARKET, LIMIT, or LIMIT_MAKER for post-only."""
    if order.is_market:
        return "MARKET"
    return "LIMIT_MAKER" if order.post_only else "LIMIT"


def order_status(order: Order) -> str:
    """The status word."""
    if order.status is Status.OPEN:
        return "PARTIALLY_FILLED" if order.filled else "NEW"
    return _FINAL[order.status]


def order_body(order: Order) -> dict[str, object]:
    """What every answer about an order has in common."""
    spec = order.market.spec
    return {
        "symbol": spec.facts.wire_id,
        "orderId": order.number,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "price": ZERO if order.price is None else price_text(spec, order.price),
        "origQty": amount_text(spec, order.amount),
        "executedQty": amount_text(spec, order.filled),
        "origQuoteOrderQty": ZERO if order.budget is None else quote_text(spec, order.budget),
        "cummulativeQuoteQty": quote_text(spec, order.notional),
        "status": order_status(order),
        "timeInForce": order.time_in_force.value,
        "type": order_type(order),
        "side": "BUY" if order.is_buy else "SELL",
        "selfTradePreventionMode": "NONE",
    }


def queried_order(order: Order) -> dict[str, object]:
    """An order as GET order, openOrders and allOrders show it."""
    placed_at = order.placed_at // 1000
    return {
        **order_body(order),
        "stopPrice": ZERO,
        "icebergQty": ZERO,
        "time": placed_at,
        "updateTime": order.updated_at // 1000,
        "isWorking": True,
        "workingTime": placed_at,
    }


def fill(trade: Trade) -> dict[str, object]:
    """A trade inside the FULL answer of a new order."""
    spec = trade.order.market.spec
    return {
        "price": price_text(spec, trade.price),
        "qty": amount_text(spec, trade.amount),
        "commission": commission_text(trade),
        "commissionAsset": trade.fee_asset,
        "tradeId": trade.number,
    }


def account_trade(trade: Trade) -> dict[str, object]:
    """A trade as GET myTrades shows it."""
    spec = trade.order.market.spec
    return {
        "symbol": spec.facts.wire_id,
        "id": trade.number,
        "orderId": trade.order.number,
        "orderListId": -1,
        "price": price_text(spec, trade.price),
        "qty": amount_text(spec, trade.amount),
        "quoteQty": quote_text(spec, trade.notional),
        "commission": commission_text(trade),
        "commissionAsset": trade.fee_asset,
        "time": trade.at // 1000,
        "isBuyer": trade.order.is_buy,
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def commission_text(trade: Trade) -> str:
    """A fee in units of its own asset."""
    spec = trade.order.market.spec
    return (amount_text if trade.fee_asset == spec.base else quote_text)(spec, trade.fee)


def symbol_info(spec: MarketSpec) -> dict[str, object]:
    """A market as exchangeInfo shows it."""
    facts = spec.facts
    largest = "9000.00000000"
    return {
        "symbol": facts.wire_id,
        "status": "TRADING",
        "baseAsset": spec.base,
        "baseAssetPrecision": WIRE_DECIMALS,
        "quoteAsset": spec.quote,
        "quotePrecision": WIRE_DECIMALS,
        "quoteAssetPrecision": WIRE_DECIMALS,
        "baseCommissionPrecision": WIRE_DECIMALS,
        "quoteCommissionPrecision": WIRE_DECIMALS,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": price_text(spec, spec.tick),
                "maxPrice": "1000000.00000000",
                "tickSize": price_text(spec, spec.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": amount_text(spec, spec.min_amount),
                "maxQty": largest,
                "stepSize": amount_text(spec, spec.lot),
            },
            {"filterType": "MARKET_LOT_SIZE", "minQty": ZERO, "maxQty": largest, "stepSize": ZERO},
            {
                "filterType": "NOTIONAL",
                "minNotional": quote_text(spec, spec.min_notional),
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }
