"""Reading Alpaca's JSON bodies and queries; every failure is Alpaca's own error. Unknown parameters are ignored."""

from collections.abc import Mapping
from datetime import datetime

import orjson

from execution.simulator.dialects.alpaca import errors
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.engine.orders import Refusal
from execution.simulator.http import Request
from execution.simulator.markets import MarketSpec
from execution.simulator.numbers import MalformedNumber, TooPrecise, parse_scaled, parse_whole


def read_body(request: Request) -> dict[str, str]:
    """Return the fields of a JSON body as text, without those that are null. Raises `WireError`: 400 40010000."""
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise errors.fail(errors.BAD_BODY)
    return {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in body.items()
        if value is not None
    }


def find_market(exchange: Exchange, symbol: str | None) -> Market | None:
    """Return the market of a pair, which may be written without its slash as it was once ("BTCUSD")."""
    return next(
        (
            m
            for m in exchange.markets.values()
            if symbol in {m.spec.facts.wire_id, m.spec.facts.wire_id.replace("/", "")}
        ),
        None,
    )


def one_of(fields: Mapping[str, str], name: str, allowed: tuple[str, ...], error: errors.Error | None = None) -> str:
    """Return a word. Raises `WireError` with `error` (or 40010001) for any other, or none."""
    value = fields.get(name, "")
    if value not in allowed:
        raise errors.fail(error or errors.invalid(name))
    return value


def decimal(fields: Mapping[str, str], name: str, decimals: int, spec: MarketSpec, too_precise: Refusal) -> int:
    """Return a mandatory number in units of 10**-decimals. Raises `WireError`: 40010001, 42210000."""
    try:
        return parse_scaled(fields[name], decimals)
    except MalformedNumber as e:
        raise errors.fail(errors.invalid(name)) from e
    except TooPrecise as e:
        raise errors.fail(errors.refused(too_precise, spec)) from e


def page_size(query: Mapping[str, str], name: str, usual: int, largest: int) -> int:
    """Return the size of a page. Raises `WireError`: 40010001."""
    size = parse_whole(query.get(name, str(usual)))
    if not size or size > largest:
        raise errors.fail(errors.invalid(name))
    return size


def moment(query: Mapping[str, str], name: str) -> int | None:
    """Return an optional RFC 3339 time in microseconds. Raises `WireError`: 40010001."""
    text = query.get(name)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as e:
        raise errors.fail(errors.invalid(name)) from e
    if at.tzinfo is None:
        raise errors.fail(errors.invalid(name))
    return round(at.timestamp() * 1_000_000)
