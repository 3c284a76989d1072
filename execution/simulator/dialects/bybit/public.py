"""Bybit's market data endpoints."""

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.bybit import errors
from execution.simulator.dialects.bybit.parameters import find_market, integer, require_spot
from execution.simulator.dialects.bybit.shapes import amount_text, instrument_info, listed, price_text, result
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.http import Response

# Bybit v5 docs, "Get Orderbook", spot.
_DEFAULT_DEPTH, _LARGEST_DEPTH = 1, 200
_MOST_TRADES = 60
_FIRST_TRADE = 22 * 10**17


def time(exchange: Exchange, call: Call) -> Response:
    """GET /v5/market/time."""
    return result({"timeSecond": str(call.now // 1_000_000), "timeNano": str(call.now * 1000)}, call.now)


def system_status(exchange: Exchange, call: Call) -> Response:
    """GET /v5/system/status: the maintenance windows; none."""
    return result({"list": []}, call.now)


def maintenance_status(now: int) -> Response:
    """The same while one is going on."""
    window = {
        "id": "f9d6842d-5331-11f0-8fd3-c241b123dd9e",
        "title": "System maintenance",
        "state": "ongoing",
        "begin": str(now // 1000),
        "end": str(now // 1000 + 3_600_000),
        "href": "",
        "serviceTypes": [2],
        "product": [2],
        "uidSuffix": [],
        "maintainType": 1,
        "env": 1,
    }
    return result({"list": [window]}, now)


def instruments(exchange: Exchange, call: Call) -> Response:
    """GET /v5/market/instruments-info, of one symbol or all; spot has no pages."""
    params = call.request.query_params
    require_spot(params)
    markets = list(exchange.markets.values())
    if "symbol" in params:
        markets = [find_market(exchange, params["symbol"], errors.UNSUPPORTED_SYMBOL)]
    return listed([instrument_info(market.spec) for market in markets], "", call.now)


def order_book(exchange: Exchange, call: Call) -> Response:
    """GET /v5/market/orderbook."""
    params = call.request.query_params
    require_spot(params)
    market = find_market(exchange, params.get("symbol"), errors.UNSUPPORTED_SYMBOL)
    depth = min(integer(params, "limit", _DEFAULT_DEPTH), _LARGEST_DEPTH)
    now_ms = call.now // 1000
    return result(
        {
            "s": market.spec.facts.wire_id,
            "b": _rows(market, "buy", depth),
            "a": _rows(market, "sell", depth),
            "ts": now_ms,
            "u": market.version,
            "seq": market.version,
            "cts": now_ms,
        },
        call.now,
    )


def recent_trades(exchange: Exchange, call: Call) -> Response:
    """GET /v5/market/recent-trade: newest first, of spot 60 at most."""
    params = call.request.query_params
    require_spot(params)
    market = find_market(exchange, params.get("symbol"), errors.UNSUPPORTED_SYMBOL)
    spec = market.spec
    rows = [
        {
            "execId": str(_FIRST_TRADE + number),
            "symbol": spec.facts.wire_id,
            "price": price_text(spec, trade.price),
            "size": amount_text(spec, trade.amount),
            "side": trade.side.capitalize(),
            "time": str(trade.at // 1000),
            "isBlockTrade": False,
            "isRPITrade": False,
            "seq": str(number),
        }
        for number, trade in market.latest_trades(min(integer(params, "limit", _MOST_TRADES), _MOST_TRADES))
    ]
    return result({"category": "spot", "list": rows}, call.now)


def _rows(market: Market, side: str, depth: int) -> list[tuple[str, str]]:
    rows = market.book.side(side).depth(depth)
    return [(price_text(market.spec, price), amount_text(market.spec, amount)) for price, amount in rows]
