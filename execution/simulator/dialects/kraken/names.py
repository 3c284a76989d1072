"""Kraken's names of assets and pairs: XXBT and ZUSD are the ids, XBT and USD the "altnames" of BTC and USD."""

from execution.simulator.dialects.kraken import errors
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.markets import MarketSpec

_ASSET_IDS = {"BTC": "XXBT", "ETH": "XETH", "USD": "ZUSD"}
_ALTNAMES = {"BTC": "XBT"}


def asset_id(asset: str) -> str:
    """ "XXBT" for BTC."""
    return _ASSET_IDS.get(asset, asset)


def asset_altname(asset: str) -> str:
    """ "XBT" for BTC."""
    return _ALTNAMES.get(asset, asset)


def pair_altname(spec: MarketSpec) -> str:
    """ "XBTUSD" for BTC/USD."""
    return asset_altname(spec.base) + asset_altname(spec.quote)


def pair_wsname(spec: MarketSpec) -> str:
    """ "XBT/USD" for BTC/USD."""
    return f"{asset_altname(spec.base)}/{asset_altname(spec.quote)}"


def find_market(exchange: Exchange, name: str) -> Market:
    """Return the market called by its id, altname or wsname. Raises `WireError`: unknown asset pair."""
    for market in exchange.markets.values():
        spec = market.spec
        if name in (spec.facts.wire_id, pair_altname(spec), pair_wsname(spec)):
            return market
    raise errors.fail(errors.UNKNOWN_PAIR)


def find_markets(exchange: Exchange, names: str | None) -> list[Market]:
    """Return the markets of a comma-separated list, or all of them."""
    if names is None:
        return list(exchange.markets.values())
    return [find_market(exchange, name) for name in names.split(",")]
