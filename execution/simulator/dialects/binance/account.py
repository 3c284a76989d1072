"""Binance's account endpoints: balances, order lists, trades and fees."""

from itertools import islice

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.binance import errors
from execution.simulator.dialects.binance.parameters import find_market, integer, page_size
from execution.simulator.dialects.binance.shapes import account_trade, queried_order
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.memory import DAY, remembered
from execution.simulator.facts import PPM
from execution.simulator.http import Response, json_response
from execution.simulator.numbers import format_scaled

_LONGEST_PERIOD_MS = 86_400_000
# Binance spot REST docs, "Query order": what was never filled is archived after 90 days.
KEPT_UNFILLED = 90 * DAY


def open_orders(exchange: Exchange, call: Call) -> Response:
    """GET /api/v3/openOrders, of one symbol or all."""
    symbol = find_market(exchange, call).spec.symbol if "symbol" in call.request.params else None
    orders = call.account.open.values()
    return json_response([queried_order(o) for o in orders if symbol in (None, o.market.spec.symbol)])


def all_orders(exchange: Exchange, call: Call) -> Response:
    """GET /api/v3/allOrders of one symbol, oldest first; the most recent page unless orderId or startTime is given."""
    market = find_market(exchange, call)
    known = remembered(call.account.orders, call.now, unfilled=KEPT_UNFILLED)
    orders = (order for order in reversed(known) if order.market is market)
    start, end, first_id = (
        integer(call.request.params, "startTime"),
        integer(call.request.params, "endTime"),
        integer(call.request.params, "orderId"),
    )
    if start is not None and end is not None and end - start > _LONGEST_PERIOD_MS:
        raise errors.fail(errors.PERIOD_TOO_LONG)
    if end is not None:
        orders = (order for order in orders if order.placed_at // 1000 <= end)
    if start is None and first_id is None:
        page = list(islice(orders, page_size(call)))[::-1]
    else:
        matching = [o for o in orders if o.number >= (first_id or 0) and o.placed_at // 1000 >= (start or 0)]
        page = matching[::-1][: page_size(call)]
    return json_response([queried_order(order) for order in page])


def my_trades(exchange: Exchange, call: Call) -> Response:
    """GET /api/v3/myTrades of one symbol, oldest first; the most recent page unless fromId or startTime is given."""
    market = find_market(exchange, call)
    trades = (trade for trade in reversed(call.account.trades) if trade.order.market is market)
    order_id, end = integer(call.request.params, "orderId"), integer(call.request.params, "endTime")
    start, first_id = integer(call.request.params, "startTime"), integer(call.request.params, "fromId")
    if order_id is not None:
        trades = (trade for trade in trades if trade.order.number == order_id)
    if end is not None:
        trades = (trade for trade in trades if trade.at // 1000 <= end)
    if start is None and first_id is None:
        page = list(islice(trades, page_size(call)))[::-1]
    else:
        matching = [t for t in trades if t.number >= (first_id or 0) and t.at // 1000 >= (start or 0)]
        page = matching[::-1][: page_size(call)]
    return json_response([account_trade(trade) for trade in page])


def balances(exchange: Exchange, call: Call) -> Response:
    """GET /api/v3/account."""
    facts, omit_zero = exchange.facts, call.request.params.get("omitZeroBalances") == "true"
    rows = []
    for asset, decimals in facts.asset_decimals.items():
        balance = call.account.balance(asset)
        if balance.total or not omit_zero:
            free, locked = format_scaled(balance.available, decimals), format_scaled(balance.held, decimals)
            rows.append({"asset": asset, "free": free, "locked": locked})
    return json_response(
        {
            "makerCommission": facts.maker_ppm // 100,
            "takerCommission": facts.taker_ppm // 100,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {
                "maker": f"{facts.maker_ppm / PPM:.8f}",
                "taker": f"{facts.taker_ppm / PPM:.8f}",
                "buyer": "0.00000000",
                "seller": "0.00000000",
            },
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": call.now // 1000,
            "accountType": "SPOT",
            "balances": rows,
            "permissions": ["SPOT"],
        }
    )


def trade_fee(exchange: Exchange, call: Call) -> Response:
    """GET /sapi/v1/asset/tradeFee, of one symbol or all."""
    markets = [find_market(exchange, call)] if "symbol" in call.request.params else exchange.markets.values()
    maker, taker = f"{exchange.facts.maker_ppm / PPM:g}", f"{exchange.facts.taker_ppm / PPM:g}"
    return json_response(
        [
            {"symbol": market.spec.facts.wire_id, "makerCommission": maker, "takerCommission": taker}
            for market in markets
        ]
    )


def api_restrictions(exchange: Exchange, call: Call) -> Response:
    """GET /sapi/v1/account/apiRestrictions: what the key may do."""
    account = call.account
    return json_response(
        {
            "ipRestrict": account.ip_restricted,
            "createTime": 1_700_000_000_000,
            "enableReading": True,
            "enableSpotAndMarginTrading": True,
            "enableWithdrawals": account.may_withdraw,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": False,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enablePortfolioMarginTrading": False,
        }
    )
