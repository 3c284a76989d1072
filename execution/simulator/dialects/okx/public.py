"""OKX's market data endpoints."""

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.okx import errors
from execution.simulator.dialects.okx.parameters import asked_market, required, whole
from execution.simulator.dialects.okx.shapes import amount_text, instrument, milliseconds, price_text, result
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.http import Response
from execution.simulator.numbers import format_trimmed

_DEFAULT_DEPTH, _LARGEST_DEPTH = 1, 400
_DEFAULT_TRADES, _LARGEST_TRADES = 100, 500
_INSTRUMENT_TYPES = frozenset({"SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION"})


def time(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/public/time."""
    return result([{"ts": milliseconds(call.now)}])


def status(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/system/status: nothing is planned."""
    return result([])


def ongoing_maintenance(now: int) -> Response:
    """Report a maintenance that is going on."""
    return result(
        [
            {
                "begin": milliseconds(now),
                "end": "",
                "href": "",
                "scheDesc": "",
                "serviceType": "5",
                "state": "ongoing",
                "system": "unified",
                "title": "Trading system upgrade",
            }
        ]
    )


def instruments(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/public/instruments: spot only; other types have none."""
    params = call.request.query_params
    if required(params, "instType") not in _INSTRUMENT_TYPES:
        raise errors.fail(errors.malformed("instType"))
    if params["instType"] != "SPOT":
        return result([])
    markets = [asked_market(exchange, params)] if params.get("instId") else exchange.markets.values()
    return result([instrument(market.spec) for market in markets])


def books(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/market/books: rows of price, size, a deprecated 0, and how many orders."""
    params = call.request.query_params
    market, size = asked_market(exchange, params), whole(params, "sz") or _DEFAULT_DEPTH
    if size > _LARGEST_DEPTH:
        raise errors.fail(errors.malformed("sz"))
    asks, bids = _rows(market, "sell", size), _rows(market, "buy", size)
    return result([{"asks": asks, "bids": bids, "seqId": market.version, "ts": milliseconds(call.now)}])


def trades(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/market/trades of one instrument, newest first."""
    params = call.request.query_params
    market, limit = asked_market(exchange, params), whole(params, "limit") or _DEFAULT_TRADES
    spec = market.spec
    return result(
        [
            {
                "instId": spec.facts.wire_id,
                "side": trade.side,
                "sz": amount_text(spec, trade.amount),
                "source": "0",
                "px": price_text(spec, trade.price),
                "tradeId": str(number),
                "ts": milliseconds(trade.at),
            }
            for number, trade in market.latest_trades(min(limit, _LARGEST_TRADES))
        ]
    )


def ticker(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/market/ticker of one instrument."""
    return result([_ticker(asked_market(exchange, call.request.query_params), call.now)])


def tickers(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/market/tickers of all spot instruments."""
    markets = exchange.markets.values() if required(call.request.query_params, "instType") == "SPOT" else ()
    return result([_ticker(market, call.now) for market in markets])


def _rows(market: Market, side: str, size: int) -> list[tuple[str, str, str, str]]:
    spec = market.spec
    rows = market.book.side(side).depth(size)
    return [(price_text(spec, price), amount_text(spec, amount), "0", "1") for price, amount in rows]


def _ticker(market: Market, now: int) -> dict[str, object]:
    spec = market.spec
    (bid, bid_amount), *_ = market.book.buys.depth(1) or [(0, 0)]
    (ask, ask_amount), *_ = market.book.sells.depth(1) or [(0, 0)]
    return {
        "instType": "SPOT",
        "instId": spec.facts.wire_id,
        "last": price_text(spec, market.last_price),
        "lastSz": amount_text(spec, market.recent[-1].amount if market.recent else 0),
        "askPx": price_text(spec, ask),
        "askSz": amount_text(spec, ask_amount),
        "bidPx": price_text(spec, bid),
        "bidSz": amount_text(spec, bid_amount),
        "open24h": price_text(spec, market.open_price),
        "high24h": price_text(spec, market.high),
        "low24h": price_text(spec, market.low),
        "volCcy24h": format_trimmed(market.turnover, spec.quote_decimals),
        "vol24h": amount_text(spec, market.volume),
        "ts": milliseconds(now),
    }
