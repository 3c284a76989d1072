"""Alpaca's clock, assets and order books."""

import re
from datetime import UTC, datetime, timedelta, timezone

from execution.simulator.dialects.alpaca import errors
from execution.simulator.dialects.alpaca.parameters import find_market
from execution.simulator.dialects.alpaca.shapes import asset_id, base_text, moment_text, price_text
from execution.simulator.dialects.base import Call
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.http import Response, json_response
from execution.simulator.markets import MarketSpec

_PAIR = re.compile(r"[A-Z]+/[A-Z]+")
_DEEPEST = 1_000
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
