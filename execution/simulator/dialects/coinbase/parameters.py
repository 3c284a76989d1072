"""Reading Coinbase's queries and JSON bodies; every failure is Coinbase's own error."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.coinbase import errors
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.numbers import parse_whole


def read_body(call: Call) -> dict[str, Any]:
    """Return the JSON object of a POST. Raises `WireError`: 400."""
    try:
        body = orjson.loads(call.request.body)
    except orjson.JSONDecodeError as e:
        raise errors.invalid_argument("malformed JSON") from e
    if not isinstance(body, dict):
        raise errors.invalid_argument("malformed JSON")
    return body


def find_market(exchange: Exchange, product_id: object) -> Market | None:
    """Return the market Coinbase calls `product_id`, if it has it."""
    matches = (market for market in exchange.markets.values() if market.spec.facts.wire_id == product_id)
    return next(matches, None)


def all_of(call: Call, name: str) -> set[str]:
    """Return all values of a parameter that may be repeated."""
    return {value for key, value in parse_qsl(call.request.query) if key == name}


def whole(call: Call, name: str, default: int | None = None) -> int | None:
    """Return an optional whole number of the query. Raises `WireError`: 400."""
    text = call.request.query_params.get(name)
    if not text:
        return default
    value = parse_whole(text)
    if value is None:
        raise errors.invalid_argument(f"invalid {name}")
    return value


def moment(call: Call, name: str) -> int | None:
    """Return an optional RFC 3339 time of the query in microseconds. Raises `WireError`: 400."""
    text = call.request.query_params.get(name)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as e:
        raise errors.invalid_argument(f"invalid {name}") from e
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return int(at.replace(microsecond=0).timestamp()) * 1_000_000 + at.microsecond
