"""Reading KuCoin's request parameters; every failure is KuCoin's own error. Unknown parameters are ignored."""

from collections.abc import Mapping

import orjson

from execution.simulator.dialects.kucoin import errors
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.engine.orders import Refusal
from execution.simulator.http import Request
from execution.simulator.numbers import MalformedNumber, TooPrecise, parse_scaled, parse_whole


def read_body(request: Request) -> dict[str, str]:
    """Return the fields of a JSON body as text, without those that are null. Raises `WireError`: 415000, 400100."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise errors.fail(errors.UNSUPPORTED_MEDIA_TYPE)
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise errors.fail(errors.BAD_PARAMETER)
    return {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in body.items()
        if value is not None
    }


def find_market(exchange: Exchange, fields: Mapping[str, str]) -> Market:
    """Return the market of the mandatory `symbol`. Raises `WireError`: 400100, 900001."""
    symbol = fields.get("symbol")
    if not symbol:
        raise errors.fail(errors.BAD_PARAMETER)
    for market in exchange.markets.values():
        if market.spec.facts.wire_id == symbol:
            return market
    raise errors.fail(errors.UNKNOWN_SYMBOL)


def one_of(fields: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
    """Return a word of a new order. Raises `WireError` 400100 if it is missing without default, or not allowed."""
    value = fields.get(name) or default
    if value is None:
        raise errors.fail(errors.missing(name))
    if value not in allowed:
        raise errors.fail(errors.BAD_PARAMETER)
    return value


def decimal(fields: Mapping[str, str], name: str, decimals: int, too_precise: Refusal) -> int:
    """Return a mandatory number of a new order in units of 10**-decimals. Raises `WireError`."""
    text = fields.get(name)
    if not text:
        raise errors.fail(errors.missing(name))
    try:
        return parse_scaled(text, decimals)
    except MalformedNumber as e:
        raise errors.fail(errors.BAD_PARAMETER) from e
    except TooPrecise as e:
        raise errors.fail(errors.REFUSALS[too_precise]) from e


def integer(fields: Mapping[str, str], name: str) -> int | None:
    """Return an optional whole number. Raises `WireError`: 400100."""
    text = fields.get(name)
    if text is None:
        return None
    value = parse_whole(text)
    if value is None:
        raise errors.fail(errors.BAD_PARAMETER)
    return value


def page_size(fields: Mapping[str, str], default: int, largest: int) -> int:
    """Return the `limit` of a list. Raises `WireError`: 400100."""
    return min(integer(fields, "limit") or default, largest)
