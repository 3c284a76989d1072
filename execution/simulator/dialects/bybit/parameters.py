"""Reading Bybit's request parameters; every failure is Bybit's own error. Unknown parameters are ignored."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import orjson

from execution.simulator.dialects.bybit import errors
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.http import Request
from execution.simulator.numbers import MalformedNumber, TooPrecise, parse_scaled, parse_whole

Item = TypeVar("Item")


def read_body(request: Request) -> dict[str, str]:
    """Return the members of a JSON body as text. Raises `WireError`: 10001."""
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise errors.fail(errors.MALFORMED_BODY)
    return {name: value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in body.items()}


def require_spot(params: dict[str, str]) -> None:
    """Raise `WireError` 10001 for any other product."""
    if params.get("category") != "spot":
        raise errors.fail(errors.ILLEGAL_CATEGORY)


def find_market(exchange: Exchange, symbol: str | None, unknown: errors.Error) -> Market:
    """Return the market Bybit calls `symbol`. Raises `WireError` with the error of this endpoint."""
    for market in exchange.markets.values():
        if market.spec.facts.wire_id == symbol:
            return market
    raise errors.fail(unknown)


def one_of(params: dict[str, str], name: str, allowed: tuple[str, ...], error: errors.Error) -> str:
    """Return a word. Raises `WireError` with `error` for any other, or none."""
    value = params.get(name, "")
    if value not in allowed:
        raise errors.fail(error)
    return value


def decimal(params: dict[str, str], name: str, decimals: int, too_long: errors.Error) -> int:
    """Return a mandatory number in units of 10**-decimals. Raises `WireError`: 170105, 170130, `too_long`."""
    text = params.get(name)
    if not text:
        raise errors.fail(errors.missing(name))
    try:
        return parse_scaled(text, decimals)
    except MalformedNumber as e:
        raise errors.fail(errors.invalid(name)) from e
    except TooPrecise as e:
        raise errors.fail(too_long) from e


def integer(params: dict[str, str], name: str, default: int) -> int:
    """Return an optional whole number. Raises `WireError`: 170130."""
    value = parse_whole(params.get(name, str(default)))
    if value is None:
        raise errors.fail(errors.invalid(name))
    return value


def page(
    items: Sequence[Item], params: dict[str, str], id_of: Callable[[Item], str], *, usual: int, largest: int
) -> tuple[list[Item], str]:
    """Return one page and the cursor of the next, empty on the last. A cursor names the last item it has shown."""
    size = max(1, min(integer(params, "limit", usual), largest))
    cursor, start = params.get("cursor"), 0
    if cursor:
        start = next((i + 1 for i, item in enumerate(items) if id_of(item) == cursor), len(items))
    rows = list(items[start : start + size])
    return rows, id_of(rows[-1]) if start + size < len(items) else ""
