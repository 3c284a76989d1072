"""Reading what a request to OKX says. Parameters OKX does not know are ignored; "" is the same as absent."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import orjson

from execution.simulator.dialects.okx import errors
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.http import Request
from execution.simulator.numbers import parse_whole

_LARGEST_PAGE = 100

Item = TypeVar("Item")


def read_body(request: Request) -> dict[str, str]:
    """Return the fields of a JSON body as text. Raises `WireError`: 50000, 50002, 50006."""
    if not request.body:
        raise errors.fail(errors.NO_BODY)
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise errors.fail(errors.BAD_CONTENT_TYPE)
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError as e:
        raise errors.fail(errors.BAD_JSON) from e
    if not isinstance(body, dict):
        raise errors.fail(errors.BAD_JSON)
    return {name: value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in body.items()}


def required(params: dict[str, str], name: str) -> str:
    """Return a mandatory parameter. Raises `WireError`: 50014."""
    value = params.get(name, "")
    if not value:
        raise errors.fail(errors.missing(name))
    return value


def find_market(exchange: Exchange, wire_id: str) -> Market | None:
    """Return the market OKX calls `wire_id`."""
    return next((market for market in exchange.markets.values() if market.spec.facts.wire_id == wire_id), None)


def asked_market(exchange: Exchange, params: dict[str, str]) -> Market:
    """Return the market of a mandatory `instId`. Raises `WireError`: 50014, 51001."""
    market = find_market(exchange, required(params, "instId"))
    if market is None:
        raise errors.fail(errors.UNKNOWN_INSTRUMENT)
    return market


def whole(params: dict[str, str], name: str) -> int | None:
    """Return an optional whole number. Raises `WireError`: 51000."""
    text = params.get(name, "")
    if not text:
        return None
    value = parse_whole(text)
    if value is None:
        raise errors.fail(errors.malformed(name))
    return value


def page(
    items: Sequence[Item], params: dict[str, str], *, key: Callable[[Item], int], at: Callable[[Item], int]
) -> list[Item]:
    """Return one page of a history, newest first: 100 at most.

    `after` asks for ids below it and `before` for ids above it; `begin` and `end` bound the time in ms, inclusive.
    """
    after, before = whole(params, "after"), whole(params, "before")
    begin, end = whole(params, "begin"), whole(params, "end")
    limit = min(whole(params, "limit") or _LARGEST_PAGE, _LARGEST_PAGE)
    matching = [
        item
        for item in items
        if (after is None or key(item) < after)
        and (before is None or key(item) > before)
        and (begin is None or at(item) // 1000 >= begin)
        and (end is None or at(item) // 1000 <= end)
    ]
    return sorted(matching, key=key, reverse=True)[:limit]
