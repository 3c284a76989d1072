"""How KuCoin writes answers, markets, orders and trades: {"code": "200000", "data": ...}, numbers as short strings."""

from execution.simulator.engine.orders import Order, Status, Trade
from execution.simulator.facts import PPM
from execution.simulator.http import Response, json_response
from execution.simulator.markets import MarketSpec
from execution.simulator.numbers import format_trimmed

_CANCELLED = frozenset({Status.CANCELLED, Status.EXPIRED})


def success(data: object) -> Response:
    """Render a successful answer."""
    return json_response({"code": "200000", "data": data})


def price_text(spec: MarketSpec, price: int) -> str:
    """A price."""
    return format_trimmed(price, spec.price_decimals)


def amount_text(spec: MarketSpec, amount: int) -> str:
    """An amount of the base asset."""
    return format_trimmed(amount, spec.base_decimals)


def quote_text(spec: MarketSpec, amount: int) -> str:
    """An amount of the quote asset, such as funds and fees."""
    return format_trimmed(amount, spec.quote_decimals)


def rate_text(ppm: int) -> str:
    """A fee rate."""
    return format_trimmed(ppm, len(str(PPM)) - 1)


def symbol_info(spec: MarketSpec) -> dict[str, object]:
    """A market, as GET /api/v2/symbols shows it. `quoteMinSize` bounds funds, `minFunds` price times size."""
    facts = spec.facts
    return {
        "symbol": facts.wire_id,
        "name": facts.wire_id,
        "baseCurrency": spec.base,
        "quoteCurrency": spec.quote,
        "feeCurrency": spec.quote,
        "market": "USDS",
        "baseMinSize": facts.min_amount,
        "quoteMinSize": facts.min_notional,
        "baseMaxSize": "10000000000",
        "quoteMaxSize": "99999999",
        "baseIncrement": facts.lot,
        "quoteIncrement": "0.000001",
        "priceIncrement": facts.tick,
        "priceLimitRate": "0.1",
        "minFunds": facts.min_notional,
        "isMarginEnabled": False,
        "enableTrading": True,
        "feeCategory": 1,
        "makerFeeCoefficient": "1.00",
        "takerFeeCoefficient": "1.00",
        "st": False,
        "tradingStartTime": None,
    }


def order_info(order: Order) -> dict[str, object]:
    """An order, as every look-up shows it. A market order by funds has size 0.

    It tells no state of its own: `active`, and `cancelExist` if a part was cancelled, by the owner or by the exchange.
    """
    spec, is_active = order.market.spec, order.status is Status.OPEN
    unfilled, unspent = _remainders(order)
    cancelled = order.status in _CANCELLED
    return {
        "id": order.id,
        "clientOid": order.client_order_id,
        "symbol": spec.facts.wire_id,
        "opType": "DEAL",
        "type": "market" if order.is_market else "limit",
        "side": order.side,
        "price": "0" if order.price is None else price_text(spec, order.price),
        "size": "0" if order.budget is not None else amount_text(spec, order.amount),
        "funds": quote_text(spec, _funds(order)),
        "dealSize": amount_text(spec, order.filled),
        "dealFunds": quote_text(spec, order.notional),
        "remainSize": "0" if cancelled else amount_text(spec, unfilled),
        "remainFunds": "0" if cancelled else quote_text(spec, unspent),
        "cancelledSize": amount_text(spec, unfilled) if cancelled else "0",
        "cancelledFunds": quote_text(spec, unspent) if cancelled else "0",
        "fee": quote_text(spec, order.fee_total),
        "feeCurrency": spec.quote,
        "stp": None,
        "timeInForce": order.time_in_force.value,
        "postOnly": order.post_only,
        "hidden": False,
        "iceberg": False,
        "visibleSize": "0",
        "cancelAfter": 0,
        "channel": "API",
        "remark": order.extra.get("remark"),
        "tags": None,
        "cancelExist": cancelled,
        "tradeType": "TRADE",
        "inOrderBook": is_active,
        "active": is_active,
        "tax": "0",
        "createdAt": order.placed_at // 1000,
        "lastUpdatedAt": order.updated_at // 1000,
    }


def fill_info(trade: Trade) -> dict[str, object]:
    """A trade, as GET /api/v1/hf/fills shows it. `id` grows, and is what `lastId` refers to."""
    order, spec = trade.order, trade.order.market.spec
    facts = spec.exchange
    return {
        "id": trade.number,
        "orderId": order.id,
        "tradeId": int(trade.id),
        "symbol": spec.facts.wire_id,
        "side": order.side,
        "liquidity": "maker" if trade.is_maker else "taker",
        "type": "market" if order.is_market else "limit",
        "forceTaker": False,
        "price": price_text(spec, trade.price),
        "size": amount_text(spec, trade.amount),
        "funds": quote_text(spec, trade.notional),
        "fee": quote_text(spec, trade.fee),
        "feeRate": rate_text(facts.maker_ppm if trade.is_maker else facts.taker_ppm),
        "feeCurrency": trade.fee_asset,
        "stop": "",
        "tradeType": "TRADE",
        "taxRate": "0",
        "tax": "0",
        "createdAt": trade.at // 1000,
    }


def _funds(order: Order) -> int:
    """The quote units an order may spend; 0 for a market order by size."""
    if order.budget is not None:
        return order.budget
    return 0 if order.price is None else order.market.spec.notional(order.price, order.amount)


def _remainders(order: Order) -> tuple[int, int]:
    """Base units not filled, and quote units not spent."""
    unspent = max(0, _funds(order) - order.notional)
    return (0 if order.budget is not None else order.remaining), unspent
