"""KuCoin's market data endpoints."""

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.kucoin import errors
from execution.simulator.dialects.kucoin.parameters import find_market
from execution.simulator.dialects.kucoin.shapes import amount_text, price_text, success, symbol_info
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.http import Response

_TRADES = 100
_DEPTHS = {"level2_20": 20, "level2_100": 100}


def timestamp(exchange: Exchange, call: Call) -> Response:
    """GET /api/v1/timestamp: milliseconds."""
    return success(call.now // 1000)


def status(exchange: Exchange, call: Call) -> Response:
    """GET /api/v1/status."""
    return service_status("open", "")


def service_status(word: str, msg: str) -> Response:
    """Report a service status: open, close or cancelonly."""
    return success({"status": word, "msg": msg})


def currencies(exchange: Exchange, call: Call) -> Response:
    """GET /api/v3/currencies."""
    return success(
        [
            {
                "currency": asset,
                "name": asset,
                "fullName": asset,
                "precision": decimals,
                "confirms": None,
                "contractAddress": None,
                "isMarginEnabled": False,
                "isDebitEnabled": False,
                "chains": [],
            }
            for asset, decimals in exchange.facts.asset_decimals.items()
        ]
    )


def symbols(exchange: Exchange, call: Call) -> Response:
    """GET /api/v2/symbols."""
    return success([symbol_info(market.spec) for market in exchange.markets.values()])


def ticker(exchange: Exchange, call: Call) -> Response:
    """GET /api/v1/market/stats: the last 24 hours of one symbol."""
    market = find_market(exchange, call.request.query_params)
    spec = market.spec
    (bid, _), *_ = market.book.buys.depth(1) or [(0, 0)]
    (ask, _), *_ = market.book.sells.depth(1) or [(0, 0)]
    return success(
        {
            "time": call.now // 1000,
            "symbol": spec.facts.wire_id,
            "buy": price_text(spec, bid),
            "sell": price_text(spec, ask),
            "changePrice": price_text(spec, market.last_price - market.open_price),
            "high": price_text(spec, market.high),
            "low": price_text(spec, market.low),
            "vol": amount_text(spec, market.volume),
            "last": price_text(spec, market.last_price),
        }
    )


def histories(exchange: Exchange, call: Call) -> Response:
    """GET /api/v1/market/histories: the last hundred trades, oldest first, with times in nanoseconds."""
    market = find_market(exchange, call.request.query_params)
    spec = market.spec
    rows = [
        {
            "sequence": str(number),
            "price": price_text(spec, trade.price),
            "size": amount_text(spec, trade.amount),
            "side": trade.side,
            "time": trade.at * 1000,
        }
        for number, trade in market.latest_trades(_TRADES)
    ]
    return success(rows[::-1])


def part_order_book(exchange: Exchange, call: Call) -> Response:
    """GET /api/v1/market/orderbook/level2_20 and level2_100."""
    depth = _DEPTHS.get(call.path_args[0])
    if depth is None:
        raise errors.fail(errors.URL_NOT_FOUND)
    return success(_book(find_market(exchange, call.request.query_params), depth, call.now))


def _book(market: Market, depth: int, now: int) -> dict[str, object]:
    return {
        "time": now // 1000,
        "sequence": str(market.version),
        "bids": _rows(market, "buy", depth),
        "asks": _rows(market, "sell", depth),
    }


def _rows(market: Market, side: str, depth: int) -> list[tuple[str, str]]:
    spec = market.spec
    rows = market.book.side(side).depth(depth)
    return [(price_text(spec, price), amount_text(spec, amount)) for price, amount in rows]
