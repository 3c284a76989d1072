"""Kraken's market data endpoints."""

from datetime import UTC, datetime

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.kraken import errors, names
from execution.simulator.dialects.kraken.shapes import price_text, result
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.http import Response
from execution.simulator.markets import MarketSpec
from execution.simulator.numbers import format_scaled, format_trimmed, parse_whole, rescale

_DEFAULT_DEPTH, _LARGEST_DEPTH = 100, 500
_MOST_TRADES = 1_000
_DISPLAY_DECIMALS = {"USD": 2, "USDT": 4}
_LISTED_DECIMALS = {"BTC": 10, "ETH": 10, "SOL": 8, "USD": 4, "USDT": 8}


def time(exchange: Exchange, call: Call) -> Response:
    """Time."""
    at = _utc(call.now)
    return result({"unixtime": call.now // 1_000_000, "rfc1123": at.strftime("%a, %d %b %y %H:%M:%S +0000")})


def system_status(exchange: Exchange, call: Call) -> Response:
    """SystemStatus."""
    return status_response("online", call.now)


def status_response(status: str, now: int) -> Response:
    """Report a system status."""
    return result({"status": status, "timestamp": _utc(now).strftime("%Y-%m-%dT%H:%M:%SZ")})


def assets(exchange: Exchange, call: Call) -> Response:
    """Assets."""
    return result(
        {
            names.asset_id(asset): {
                "aclass": "currency",
                "altname": names.asset_altname(asset),
                "decimals": _LISTED_DECIMALS.get(asset, 8),
                "display_decimals": _DISPLAY_DECIMALS.get(asset, 5),
                "status": "enabled",
            }
            for asset in exchange.facts.asset_decimals
        }
    )


def asset_pairs(exchange: Exchange, call: Call) -> Response:
    """AssetPairs, all or the asked ones."""
    markets = names.find_markets(exchange, call.request.params.get("pair"))
    return result({market.spec.facts.wire_id: _pair_info(market.spec) for market in markets})


def ticker(exchange: Exchange, call: Call) -> Response:
    """Ticker, of all pairs or the asked ones."""
    markets = names.find_markets(exchange, call.request.params.get("pair"))
    return result({market.spec.facts.wire_id: _ticker(market) for market in markets})


def depth(exchange: Exchange, call: Call) -> Response:
    """Depth of one pair."""
    params = call.request.params
    market = names.find_market(exchange, params.get("pair", ""))
    count, second = parse_whole(params.get("count", str(_DEFAULT_DEPTH))), call.now // 1_000_000
    if count is None:
        raise errors.fail(errors.invalid_argument("count"))
    count = min(count, _LARGEST_DEPTH)
    sides = {"asks": _rows(market, "sell", count, second), "bids": _rows(market, "buy", count, second)}
    return result({market.spec.facts.wire_id: sides})


def trades(exchange: Exchange, call: Call) -> Response:
    """Trades of one pair, oldest first; `last` is the newest one's time in nanoseconds."""
    params = call.request.params
    market, count = names.find_market(exchange, params.get("pair", "")), parse_whole(params.get("count", "1000"))
    if count is None:
        raise errors.fail(errors.invalid_argument("count"))
    spec = market.spec
    found = market.latest_trades(min(count, _MOST_TRADES))[::-1]
    rows = [
        [
            price_text(spec, trade.price),
            format_scaled(trade.amount, spec.base_decimals),
            trade.at / 1_000_000,
            trade.side[0],
            "m",
            "",
            number,
        ]
        for number, trade in found
    ]
    last = found[-1][1].at if found else call.now
    return result({spec.facts.wire_id: rows, "last": str(last * 1000)})


def _rows(market: Market, side: str, count: int, second: int) -> list[tuple[str, str, int]]:
    spec = market.spec
    rows = market.book.side(side).depth(count)
    return [(price_text(spec, price), _volume_text(spec, amount), second) for price, amount in rows]


def _volume_text(spec: MarketSpec, amount: int) -> str:
    return format_trimmed(amount, spec.base_decimals, keep=3)


def _pair_info(spec: MarketSpec) -> dict[str, object]:
    facts, fees = spec.facts, spec.exchange
    return {
        "altname": names.pair_altname(spec),
        "wsname": names.pair_wsname(spec),
        "aclass_base": "currency",
        "base": names.asset_id(spec.base),
        "aclass_quote": "currency",
        "quote": names.asset_id(spec.quote),
        "lot": "unit",
        "cost_decimals": fees.fee_decimals,
        "pair_decimals": spec.price_decimals,
        "lot_decimals": spec.amount_decimals,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, fees.taker_ppm / 10_000]],
        "fees_maker": [[0, fees.maker_ppm / 10_000]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": facts.min_amount,
        "costmin": facts.min_notional,
        "tick_size": facts.tick,
        "status": "online",
    }


def _ticker(market: Market) -> dict[str, object]:
    spec = market.spec
    (bid, bid_amount), *_ = market.book.buys.depth(1) or [(0, 0)]
    (ask, ask_amount), *_ = market.book.sells.depth(1) or [(0, 0)]
    last, volume = price_text(spec, market.last_price), format_scaled(market.volume, spec.base_decimals)
    low, high = price_text(spec, market.low), price_text(spec, market.high)
    last_amount = market.recent[-1].amount if market.recent else 0
    return {
        "a": _best(spec, ask, ask_amount),
        "b": _best(spec, bid, bid_amount),
        "c": [last, format_scaled(last_amount, spec.base_decimals)],
        "v": [volume, volume],
        "p": [last, last],
        "t": [market.trade_count, market.trade_count],
        "l": [low, low],
        "h": [high, high],
        "o": price_text(spec, market.open_price),
    }


def _best(spec: MarketSpec, price: int, amount: int) -> list[str]:
    whole = str(rescale(amount, spec.base_decimals, 0))
    return [price_text(spec, price), whole, _volume_text(spec, amount)]


def _utc(now: int) -> datetime:
    return datetime.fromtimestamp(now / 1_000_000, UTC)
