"""Firi's market data endpoints."""

from itertools import islice

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.firi import errors
from execution.simulator.dialects.firi.shapes import amount_text, iso, price_text, quote_text
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.http import Response, json_response
from execution.simulator.numbers import format_scaled, parse_whole, rescale

_TICKER_DECIMALS = 16
_DEFAULT_COUNT, _LARGEST_COUNT = 100, 1_000


def time(exchange: Exchange, call: Call) -> Response:
    """GET /time: epoch seconds."""
    return json_response({"time": call.now // 1_000_000})


def all_markets(exchange: Exchange, call: Call) -> Response:
    """GET /v2/markets."""
    markets = exchange.markets.values()
    return json_response([{"id": market.spec.facts.wire_id, **_statistics(market)} for market in markets])


def market(exchange: Exchange, call: Call) -> Response:
    """GET /v2/markets/{market}."""
    return json_response(_statistics(find_market(exchange, call.path_args[0])))


def tickers(exchange: Exchange, call: Call) -> Response:
    """GET /v2/markets/tickers."""
    markets = exchange.markets.values()
    return json_response([{"market": market.spec.facts.wire_id, **_ticker(market)} for market in markets])


def ticker(exchange: Exchange, call: Call) -> Response:
    """GET /v2/markets/{market}/ticker."""
    return json_response(_ticker(find_market(exchange, call.path_args[0])))


def depth(exchange: Exchange, call: Call) -> Response:
    """GET /v2/markets/{market}/depth?bids=&asks=."""
    found = find_market(exchange, call.path_args[0])
    return json_response({side: _rows(found, side, read_count(call, side)) for side in ("bids", "asks")})


def history(exchange: Exchange, call: Call) -> Response:
    """GET /v2/markets/{market}/history: recent trades, newest first."""
    found = find_market(exchange, call.path_args[0])
    spec = found.spec
    return json_response(
        [
            {
                "type": "bid" if trade.side == "buy" else "ask",
                "amount": amount_text(spec, trade.amount),
                "price": price_text(spec, trade.price),
                "created_at": iso(trade.at),
                "total": quote_text(spec, trade.notional),
            }
            for trade in islice(reversed(found.recent), read_count(call))
        ]
    )


def find_market(exchange: Exchange, name: str) -> Market:
    """Return the market with this id, whatever its case. Raises `WireError`."""
    for found in exchange.markets.values():
        if found.spec.facts.wire_id == name.upper():
            return found
    raise errors.fail(errors.MARKET_NOT_FOUND)


def read_count(call: Call, name: str = "count") -> int:
    """Return a list length from the query: 100, at most 1000. Raises `WireError`."""
    count = parse_whole(call.request.query_params.get(name, str(_DEFAULT_COUNT)))
    if count is None:
        raise errors.fail(errors.INVALID_COUNT)
    return min(count, _LARGEST_COUNT)


def _statistics(market: Market) -> dict[str, str]:
    """A market nobody trades in shows zeros, except for the last price."""
    spec = market.spec
    is_quiet = not market.spec.facts.depth_usd and not market.trade_count
    change = 0.0 if is_quiet else (market.last_price - market.open_price) * 100 / market.open_price
    return {
        "last": price_text(spec, market.last_price),
        "high": "0" if is_quiet else price_text(spec, market.high),
        "low": "0" if is_quiet else price_text(spec, market.low),
        "volume": "0" if is_quiet else amount_text(spec, market.volume),
        "change": "0" if is_quiet else f"{change:.2f}",
    }


def _ticker(market: Market) -> dict[str, str]:
    (bid, _), *_ = market.book.buys.depth(1) or [(0, 0)]
    (ask, _), *_ = market.book.sells.depth(1) or [(0, 0)]
    return {
        "bid": _long_price(market, bid),
        "ask": _long_price(market, ask),
        "spread": _long_price(market, max(0, ask - bid)),
    }


def _long_price(market: Market, price: int) -> str:
    return format_scaled(rescale(price, market.spec.price_decimals, _TICKER_DECIMALS), _TICKER_DECIMALS)


def _rows(market: Market, side: str, count: int) -> list[tuple[str, str]]:
    spec, book = market.spec, market.book
    rows = (book.buys if side == "bids" else book.sells).depth(count)
    return [(price_text(spec, price), amount_text(spec, amount)) for price, amount in rows]
