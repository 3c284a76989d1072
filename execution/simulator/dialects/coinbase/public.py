"""Coinbase's market data endpoints."""

from execution.simulator.dialects.base import Call, WireError
from execution.simulator.dialects.coinbase import errors
from execution.simulator.dialects.coinbase.parameters import find_market, whole
from execution.simulator.dialects.coinbase.shapes import moment_text
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.http import Response, json_response
from execution.simulator.numbers import format_trimmed

_DEFAULT_TRADES, _LARGEST_TRADES = 100, 1_000
_NAMES = {
    "BTC": "Bitcoin",
    "ETH": "Ethereum",
    "SOL": "Solana",
    "USD": "US Dollar",
    "USDC": "USDC",
    "USDT": "Tether",
}


def time(exchange: Exchange, call: Call) -> Response:
    """GET /v2/time: whole seconds."""
    second = call.now // 1_000_000
    return json_response({"data": {"iso": moment_text(call.now)[:19] + "Z", "epoch": second}})


def brokerage_time(exchange: Exchange, call: Call) -> Response:
    """GET /api/v3/brokerage/time."""
    second, millis = call.now // 1_000_000, call.now // 1_000
    return json_response(
        {"iso": moment_text(call.now)[:19] + "Z", "epochSeconds": str(second), "epochMillis": str(millis)}
    )


def products(exchange: Exchange, call: Call) -> Response:
    """GET /market/products. There are no futures."""
    kind = call.request.query_params.get("product_type", "SPOT")
    rows = [_product(market) for market in exchange.markets.values()] if kind == "SPOT" else []
    return json_response({"products": rows, "num_products": len(rows)})


def product_book(exchange: Exchange, call: Call) -> Response:
    """GET /market/product_book, all levels unless `limit` says how many."""
    product_id = call.request.query_params.get("product_id")
    market = find_market(exchange, product_id)
    if market is None:
        raise WireError(errors.error_response(404, "NOT_FOUND", "valid product_id is required"))
    limit = whole(call, "limit")
    book = {
        "product_id": product_id,
        "bids": _levels(market, "buy", limit),
        "asks": _levels(market, "sell", limit),
        "time": moment_text(call.now),
    }
    return json_response({"pricebook": book, "last": _price(market, market.last_price)})


def ticker(exchange: Exchange, call: Call) -> Response:
    """GET /market/products/{product_id}/ticker: the latest trades, newest first, and the best prices."""
    product_id = call.path_args[0]
    market = find_market(exchange, product_id)
    if market is None:
        raise WireError(errors.error_response(404, "NOT_FOUND", "valid product_id is required"))
    trades = [
        {
            "trade_id": str(number),
            "product_id": product_id,
            "price": _price(market, trade.price),
            "size": format_trimmed(trade.amount, market.spec.base_decimals),
            "time": moment_text(trade.at),
            "side": trade.side.upper(),
            "bid": "",
            "ask": "",
            "exchange": "coinbase",
        }
        for number, trade in market.latest_trades(min(whole(call, "limit") or _DEFAULT_TRADES, _LARGEST_TRADES))
    ]
    (bid, _), *_ = market.book.buys.depth(1) or [(0, 0)]
    (ask, _), *_ = market.book.sells.depth(1) or [(0, 0)]
    return json_response({"trades": trades, "best_bid": _price(market, bid), "best_ask": _price(market, ask)})


def _levels(market: Market, side: str, limit: int | None) -> list[dict[str, str]]:
    rows = market.book.side(side).depth(limit or 1_000)
    size_decimals = market.spec.base_decimals
    return [{"price": _price(market, price), "size": format_trimmed(size, size_decimals)} for price, size in rows]


def _price(market: Market, price: int) -> str:
    return format_trimmed(price, market.spec.price_decimals)


def _product(market: Market) -> dict[str, object]:
    spec, facts = market.spec, market.spec.facts
    return {
        "product_id": facts.wire_id,
        "price": _price(market, market.last_price),
        "volume_24h": format_trimmed(market.volume, spec.base_decimals),
        "base_increment": facts.lot,
        "quote_increment": facts.tick,
        "quote_min_size": facts.min_notional,
        "quote_max_size": "150000000",
        "base_min_size": facts.min_amount,
        "base_max_size": "100000000",
        "base_name": _NAMES.get(spec.base, spec.base),
        "quote_name": _NAMES.get(spec.quote, spec.quote),
        "watched": False,
        "is_disabled": False,
        "new": False,
        "status": "online",
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": False,
        "auction_mode": False,
        "product_type": "SPOT",
        "quote_currency_id": spec.quote,
        "base_currency_id": spec.base,
        "fcm_trading_session_details": None,
        "mid_market_price": "",
        "alias": "",
        "alias_to": [],
        "base_display_symbol": spec.base,
        "quote_display_symbol": spec.quote,
        "view_only": False,
        "price_increment": facts.tick,
        "display_name": facts.wire_id,
        "product_venue": "CBE",
    }
