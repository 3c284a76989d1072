"""KuCoin's account endpoints: balances, what a key may do, order lists, fills and fees. Lists are newest first."""

from collections.abc import Mapping, Sequence

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.kucoin import errors
from execution.simulator.dialects.kucoin.parameters import find_market, integer, page_size
from execution.simulator.dialects.kucoin.shapes import fill_info, order_info, rate_text, success
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.memory import DAY, remembered
from execution.simulator.engine.orders import Trade
from execution.simulator.http import Response
from execution.simulator.numbers import format_trimmed

_DEFAULT_PAGE, _LARGEST_PAGE = 20, 100
_LONGEST_PERIOD_MS = 7 * 86_400_000
# KuCoin docs, "Get Closed Orders": "from now up to 3 * 24 hours ago".
KEPT = 3 * DAY
_ACCOUNT_TYPE = "trade_hf"


def accounts(exchange: Exchange, call: Call) -> Response:
    """GET /api/v1/accounts, of one currency or all: spot money is in accounts of the type `trade_hf`."""
    asked = call.request.query_params
    rows = []
    for number, (asset, balance) in enumerate(call.account.balances.items(), start=1):
        decimals = exchange.facts.asset_decimals[asset]
        if asked.get("currency", asset) == asset and asked.get("type", _ACCOUNT_TYPE) == _ACCOUNT_TYPE:
            rows.append(
                {
                    "id": str(number),
                    "currency": asset,
                    "type": _ACCOUNT_TYPE,
                    "balance": format_trimmed(balance.total, decimals),
                    "available": format_trimmed(balance.available, decimals),
                    "holds": format_trimmed(balance.held, decimals),
                }
            )
    return success(rows)


def api_key_info(exchange: Exchange, call: Call) -> Response:
    """GET /api/v1/user/api-key: what the key may do (KuCoin docs, "Get Apikey Info")."""
    account = call.account
    info: dict[str, object] = {
        "remark": "trading",
        "apiKey": account.api_key,
        "apiVersion": 3,
        "permission": "General,Spot,Transfer" if account.may_withdraw else "General,Spot",
        "createdAt": 1_700_000_000_000,
        "uid": 1,
        "isMaster": True,
    }
    if account.ip_restricted:
        info["ipWhitelist"] = "203.0.113.7"
    return success(info)


def active_orders(exchange: Exchange, call: Call) -> Response:
    """GET /api/v1/hf/orders/active of one symbol: all of them, in one list. Deprecated since March 2025."""
    market = find_market(exchange, call.request.query_params)
    orders = reversed(call.account.open.values())
    return success([order_info(order) for order in orders if order.market is market])


def active_orders_by_page(exchange: Exchange, call: Call) -> Response:
    """GET /api/v1/hf/orders/active/page of one symbol, in numbered pages."""
    asked = call.request.query_params
    market = find_market(exchange, asked)
    orders = [order for order in reversed(call.account.open.values()) if order.market is market]
    number = integer(asked, "pageNum") or 1
    size = min(integer(asked, "pageSize") or _DEFAULT_PAGE, _LARGEST_PAGE)
    return success(
        {
            "currentPage": number,
            "pageSize": size,
            "totalNum": len(orders),
            "totalPage": -(-len(orders) // size),
            "items": [order_info(order) for order in orders[(number - 1) * size : number * size]],
        }
    )


def done_orders(exchange: Exchange, call: Call) -> Response:
    """GET /api/v1/hf/orders/done of one symbol: what closed in the last three days, the last change first."""
    asked = call.request.query_params
    market = find_market(exchange, asked)
    start, end, last_id = integer(asked, "startAt"), integer(asked, "endAt"), integer(asked, "lastId")
    if start is not None and end is not None and end - start > _LONGEST_PERIOD_MS:
        raise errors.fail(errors.PERIOD_TOO_LONG)
    closed = remembered(call.account.closed, call.now, filled=KEPT, unfilled=KEPT)
    orders = [
        order
        for order in reversed(closed)
        if order.market is market
        and (start is None or order.updated_at // 1000 >= start)
        and (end is None or order.updated_at // 1000 <= end)
    ]
    begin = next((place + 1 for place, order in enumerate(orders) if order.number == last_id), 0)
    page = orders[begin : begin + page_size(asked, _DEFAULT_PAGE, _LARGEST_PAGE)]
    return success({"lastId": page[-1].number if page else 0, "items": [order_info(order) for order in page]})


def fills(exchange: Exchange, call: Call) -> Response:
    """GET /api/v1/hf/fills of one symbol, of one order if `orderId` is given."""
    market, asked = find_market(exchange, call.request.query_params), call.request.query_params
    order_id = asked.get("orderId")
    trades = [
        trade for trade in call.account.trades if trade.order.market is market and order_id in (None, trade.order.id)
    ]
    page = _page(trades, asked)
    return success({"items": [fill_info(trade) for trade in page], "lastId": page[-1].number if page else 0})


def trade_fees(exchange: Exchange, call: Call) -> Response:
    """GET /api/v1/trade-fees of at most ten symbols."""
    names = call.request.query_params.get("symbols", "").split(",")
    if len(names) > 10:
        raise errors.fail(errors.BAD_PARAMETER)
    maker, taker = rate_text(exchange.facts.maker_ppm), rate_text(exchange.facts.taker_ppm)
    return success(
        [
            {
                "symbol": find_market(exchange, {"symbol": name}).spec.facts.wire_id,
                "takerFeeRate": taker,
                "makerFeeRate": maker,
            }
            for name in names
        ]
    )


def _page(trades: Sequence[Trade], asked: Mapping[str, str]) -> list[Trade]:
    """Return one page, newest first: what is older than `lastId`, between `startAt` and `endAt` in milliseconds."""
    last_id, start, end = integer(asked, "lastId"), integer(asked, "startAt"), integer(asked, "endAt")
    matching = [
        trade
        for trade in trades
        if (last_id is None or trade.number < last_id)
        and (start is None or trade.at // 1000 >= start)
        and (end is None or trade.at // 1000 <= end)
    ]
    return matching[::-1][: page_size(asked, _DEFAULT_PAGE, _LARGEST_PAGE)]
