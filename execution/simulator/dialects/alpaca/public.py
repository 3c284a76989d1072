"""Alpaca's clock, assets and order books."""

import re
from datetime import UTC, datetime, timedelta, timezone

from execution.simulator.dialects.alpaca import errors
from execution.simulator.dialects.alpaca.parameters import find_market, moment, page_size
from execution.simulator.dialects.alpaca.shapes import asset_id, base_text, moment_text, price_text
from execution.simulator.dialects.base import Call
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market, PublicTrade
from execution.simulator.http import Response, json_response
from execution.simulator.markets import MarketSpec

_PAIR = re.compile(r"[A-Z]+/[A-Z]+")
_DEEPEST = 1_000
_DAY_US = 86_400_000_000
_EASTERN = timezone(timedelta(hours=-5))


def clock(exchange: Exchange, call: Call) -> Response:
    """GET /v2/clock: the time to the nanosecond, in New York. The rest is about equities; crypto never closes."""
    second, micros = divmod(call.now, 1_000_000)
    at = datetime.fromtimestamp(second, UTC).astimezone(_EASTERN)
    tomorrow = f"{at + timedelta(days=1):%Y-%m-%d}"
    return json_response(
        {
            "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{micros:06d}000-05:00",
            "is_open": False,
            "next_open": f"{tomorrow}T09:30:00-05:00",
            "next_close": f"{tomorrow}T16:00:00-05:00",
        }
    )


def assets(exchange: Exchange, call: Call) -> Response:
    """GET /v2/assets: all are active crypto."""
    query = call.request.query_params
    wanted = query.get("asset_class", "crypto") == "crypto" and query.get("status", "active") == "active"
    return json_response([_asset(market.spec) for market in exchange.markets.values()] if wanted else [])


def latest_orderbooks(exchange: Exchange, call: Call) -> Response:
    """GET /v1beta3/crypto/us/latest/orderbooks: whole books; a pair that is not listed is left out."""
    books = {}
    for symbol in call.request.query_params.get("symbols", "").split(","):
        if not _PAIR.fullmatch(symbol):
            raise errors.fail(errors.bad_symbols(symbol))
        market = find_market(exchange, symbol)
        if market is not None:
            books[symbol] = {
                "b": _levels(market, "buy"),
                "a": _levels(market, "sell"),
                "t": moment_text(call.now),
            }
    return json_response({"orderbooks": books})


def trades(exchange: Exchange, call: Call) -> Response:
    """GET /v1beta3/crypto/us/trades from `start` on (the beginning of the day), oldest first unless asked otherwise.

    The token of a next page is told; there are no further pages here.
    """
    query = call.request.query_params
    start, limit = moment(query, "start"), page_size(query, "limit", 1_000, 10_000)
    if start is None:
        start = call.now - call.now % _DAY_US
    rows, more = {}, False
    for symbol in query.get("symbols", "").split(","):
        if not _PAIR.fullmatch(symbol):
            raise errors.fail(errors.bad_symbols(symbol))
        market = find_market(exchange, symbol)
        if market is None:
            continue
        found = [(number, trade) for number, trade in market.latest_trades(_DEEPEST) if trade.at >= start]
        if query.get("sort", "asc") == "asc":
            found.reverse()
        more |= len(found) > limit
        rows[symbol] = [_trade(market.spec, number, trade) for number, trade in found[:limit]]
    return json_response({"trades": rows, "next_page_token": "bmV4dA==" if more else None})


def _trade(spec: MarketSpec, number: int, trade: PublicTrade) -> dict[str, object]:
    return {
        "i": number,
        "p": float(price_text(spec, trade.price)),
        "s": float(base_text(spec, trade.amount)),
        "t": moment_text(trade.at),
        "tks": trade.side[0].upper(),
    }


def _levels(market: Market, side: str) -> list[dict[str, float]]:
    """Prices and sizes are JSON numbers here."""
    spec, rows = market.spec, market.book.side(side).depth(_DEEPEST)
    return [{"p": float(price_text(spec, price)), "s": float(base_text(spec, size))} for price, size in rows]


def _asset(spec: MarketSpec) -> dict[str, object]:
    facts = spec.facts
    return {
        "id": asset_id(facts.wire_id),
        "class": "crypto",
        "exchange": "CRYPTO",
        "symbol": facts.wire_id,
        "name": f"{spec.base} / {spec.quote}",
        "status": "active",
        "tradable": True,
        "marginable": False,
        "maintenance_margin_requirement": 100,
        "shortable": False,
        "easy_to_borrow": False,
        "fractionable": True,
        "attributes": [],
        "min_order_size": facts.min_amount,
        "min_trade_increment": facts.lot,
        "price_increment": facts.tick,
    }
