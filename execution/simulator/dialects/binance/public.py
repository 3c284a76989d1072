"""Binance's market data endpoints."""

from collections.abc import Callable

import orjson

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.binance import errors
from execution.simulator.dialects.binance.parameters import find_market, integer, market_by_wire_id
from execution.simulator.dialects.binance.shapes import amount_text, price_text, quote_text, symbol_info
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.http import Response, json_response

_DAY_MS = 86_400_000
_DEFAULT_DEPTH = 100
_LARGEST_DEPTH = 5_000
_DEFAULT_TRADES, _LARGEST_TRADES = 500, 1_000


def ping(exchange: Exchange, call: Call) -> Response:
    """GET /api/v3/ping."""
    return json_response({})


def time(exchange: Exchange, call: Call) -> Response:
    """GET /api/v3/time."""
    return json_response({"serverTime": call.now // 1000})


def system_status(exchange: Exchange, call: Call) -> Response:
    """GET /sapi/v1/system/status."""
    return json_response({"status": 0, "msg": "normal"})


def exchange_info(exchange: Exchange, call: Call) -> Response:
    """GET /api/v3/exchangeInfo, for all symbols or the asked ones."""
    markets, _ = _asked_markets(exchange, call)
    limits = (
        ("REQUEST_WEIGHT", "MINUTE", 1, 6_000),
        ("ORDERS", "SECOND", 10, 100),
        ("ORDERS", "DAY", 1, 200_000),
        ("RAW_REQUESTS", "MINUTE", 5, 61_000),
    )
    return json_response(
        {
            "timezone": "UTC",
            "serverTime": call.now // 1000,
            "rateLimits": [
                {"rateLimitType": kind, "interval": interval, "intervalNum": count, "limit": limit}
                for kind, interval, count, limit in limits
            ],
            "exchangeFilters": [],
            "symbols": [symbol_info(market.spec) for market in markets],
        }
    )


def depth(exchange: Exchange, call: Call) -> Response:
    """GET /api/v3/depth."""
    market = find_market(exchange, call)
    limit = min(integer(call.request.params, "limit") or _DEFAULT_DEPTH, _LARGEST_DEPTH)
    return json_response(
        {
            "lastUpdateId": market.version,
            "bids": _rows(market, "buy", limit),
            "asks": _rows(market, "sell", limit),
        }
    )


def aggregate_trades(exchange: Exchange, call: Call) -> Response:
    """GET /api/v3/aggTrades: the newest, oldest first. Every trade is an aggregate of its own here."""
    market = find_market(exchange, call)
    spec = market.spec
    limit = min(integer(call.request.params, "limit") or _DEFAULT_TRADES, _LARGEST_TRADES)
    rows = [
        {
            "a": number,
            "p": price_text(spec, trade.price),
            "q": amount_text(spec, trade.amount),
            "f": number,
            "l": number,
            "T": trade.at // 1000,
            "m": trade.side == "sell",
            "M": True,
        }
        for number, trade in market.latest_trades(limit)
    ]
    return json_response(rows[::-1])


def ticker_24h(exchange: Exchange, call: Call) -> Response:
    """GET /api/v3/ticker/24hr: one object for `symbol`, a list otherwise."""
    return _tickers(exchange, call, lambda market: _ticker_24h(market, call.now // 1000))


def book_ticker(exchange: Exchange, call: Call) -> Response:
    """GET /api/v3/ticker/bookTicker."""
    return _tickers(exchange, call, _best)


def ticker_price(exchange: Exchange, call: Call) -> Response:
    """GET /api/v3/ticker/price."""
    return _tickers(
        exchange,
        call,
        lambda market: {
            "symbol": market.spec.facts.wire_id,
            "price": price_text(market.spec, market.last_price),
        },
    )


def _asked_markets(exchange: Exchange, call: Call) -> tuple[list[Market], bool]:
    """Return the markets a request is about, and whether it named exactly one by `symbol`."""
    params = call.request.params
    if "symbol" in params:
        return [find_market(exchange, call)], True
    if "symbols" not in params:
        return list(exchange.markets.values()), False
    try:
        symbols = orjson.loads(params["symbols"])
    except orjson.JSONDecodeError:
        symbols = None
    if not isinstance(symbols, list):
        raise errors.fail(errors.illegal_characters("symbols", '["BTCUSDT","BNBUSDT"]'))
    return [market_by_wire_id(exchange, symbol) for symbol in symbols], False


def _tickers(exchange: Exchange, call: Call, render: Callable[[Market], dict[str, object]]) -> Response:
    markets, is_single = _asked_markets(exchange, call)
    rows = [render(market) for market in markets]
    return json_response(rows[0] if is_single else rows)


def _rows(market: Market, side: str, limit: int) -> list[tuple[str, str]]:
    spec = market.spec
    rows = market.book.side(side).depth(limit)
    return [(price_text(spec, price), amount_text(spec, amount)) for price, amount in rows]


def _best(market: Market) -> dict[str, object]:
    spec = market.spec
    (bid, bid_amount), *_ = market.book.buys.depth(1) or [(0, 0)]
    (ask, ask_amount), *_ = market.book.sells.depth(1) or [(0, 0)]
    return {
        "symbol": spec.facts.wire_id,
        "bidPrice": price_text(spec, bid),
        "bidQty": amount_text(spec, bid_amount),
        "askPrice": price_text(spec, ask),
        "askQty": amount_text(spec, ask_amount),
    }


def _ticker_24h(market: Market, now_ms: int) -> dict[str, object]:
    spec = market.spec
    change = market.last_price - market.open_price
    return {
        **_best(market),
        "priceChange": price_text(spec, change),
        "priceChangePercent": f"{change * 100 / market.open_price:.3f}",
        "weightedAvgPrice": price_text(spec, market.last_price),
        "prevClosePrice": price_text(spec, market.open_price),
        "lastPrice": price_text(spec, market.last_price),
        "lastQty": amount_text(spec, market.recent[-1].amount if market.recent else 0),
        "openPrice": price_text(spec, market.open_price),
        "highPrice": price_text(spec, market.high),
        "lowPrice": price_text(spec, market.low),
        "volume": amount_text(spec, market.volume),
        "quoteVolume": quote_text(spec, market.turnover),
        "openTime": now_ms - _DAY_MS,
        "closeTime": now_ms,
        "firstId": -1,
        "lastId": -1,
        "count": market.trade_count,
    }
