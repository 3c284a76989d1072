"""KuCoin's public stream of order books (docs, "Orderbook - Increment"): changes only, numbered without a hole.

Its client asks `GET /api/v1/market/orderbook/level2_100` for the book and joins the two by sequence.
"""

from collections.abc import Collection

import orjson

from execution.simulator.dialects.kucoin.shapes import amount_text, price_text
from execution.simulator.dialects.kucoin.token import PING_INTERVAL_MS, PING_TIMEOUT_MS, problem_of
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.http import Request
from execution.simulator.streams.feed import read_object
from execution.simulator.streams.watching import Rows, Tampering, Watched

_PATHS = ("/", "/endpoint")
_TOPIC = "/market/level2"
_ALL_LEVELS = 10_000
_MOST_AT_ONCE = 100


class _Subscription:
    """`sequence` is the last one the client has been told of."""

    def __init__(self, market: Market) -> None:
        self.watched = Watched(market, _ALL_LEVELS)
        self.sequence = market.version
        self.watched.snapshot()


class KucoinFeed:
    """One connection, with a token."""

    def __init__(self, exchange: Exchange, request: Request) -> None:
        self.is_there = request.path in _PATHS
        self._params = request.query_params
        self._is_open = False
        self._markets = {market.spec.facts.wire_id: market for market in exchange.markets.values()}
        self._subscriptions: dict[str, _Subscription] = {}

    def opened(self, now: int) -> list[bytes]:
        """A welcome, or why there is none; then nothing is answered."""
        connection = self._params.get("connectId", "")
        if problem := problem_of(self._params.get("token", ""), now):
            return [_error(connection, 401, problem)]
        self._is_open = True
        pace = {"pingInterval": PING_INTERVAL_MS, "pingTimeout": PING_TIMEOUT_MS}
        return [orjson.dumps({"id": connection, "type": "welcome", **pace})]

    def receive(self, text: bytes, now: int) -> list[bytes]:
        """subscribe, unsubscribe and ping."""
        if not self._is_open:
            return []
        message = read_object(text) or {}
        number, kind = str(message.get("id", "")), message.get("type")
        if kind == "ping":
            return [orjson.dumps({"id": number, "type": "pong", "timestamp": now})]
        if kind not in ("subscribe", "unsubscribe"):
            return [_error(number, 415, "type is not supported")]
        topic, _, listed = str(message.get("topic", "")).partition(":")
        wire_ids = listed.split(",")
        unknown = [wire_id for wire_id in wire_ids if topic != _TOPIC or wire_id not in self._markets]
        if unknown:
            return [_error(number, 404, f"topic {topic}:{unknown[0]} is not found")]
        if len(wire_ids) > _MOST_AT_ONCE:
            return [_error(number, 509, f"exceed max subscription count limitation of {_MOST_AT_ONCE} per time")]
        for wire_id in wire_ids:
            if kind == "unsubscribe":
                self._subscriptions.pop(wire_id, None)
            elif wire_id not in self._subscriptions:
                self._subscriptions[wire_id] = _Subscription(self._markets[wire_id])
        return [orjson.dumps({"id": number, "type": "ack"})] if message.get("response") else []

    def updates(self, now: int) -> list[bytes]:
        """Changes."""
        return [
            message
            for wire_id, each in self._subscriptions.items()
            if (message := _update(wire_id, each, now)) is not None
        ]

    def tamper(self, kinds: Collection[Tampering]) -> None:
        """See `Feed`."""
        for each in self._subscriptions.values():
            each.watched.tampering.extend(kinds)


def _update(wire_id: str, subscription: _Subscription, now: int) -> bytes | None:
    watched = subscription.watched
    changes = watched.changes()
    if changes is None:
        return None
    first = subscription.sequence + 1
    last = subscription.sequence = max(watched.market.version, first)
    rows = watched.tampered(*changes)
    if rows is None:
        return None
    bids, asks = (_rows(watched.market, side, last) for side in rows)
    span = {"sequenceStart": first, "sequenceEnd": last}
    data = {"changes": {"asks": asks, "bids": bids}, **span, "symbol": wire_id, "time": now // 1000}
    return orjson.dumps({"type": "message", "topic": f"{_TOPIC}:{wire_id}", "subject": "trade.l2update", "data": data})


def _rows(market: Market, rows: Rows, sequence: int) -> list[tuple[str, str, str]]:
    spec = market.spec
    return [(price_text(spec, price), amount_text(spec, amount), str(sequence)) for price, amount in rows]


def _error(number: str, code: int, text: str) -> bytes:
    return orjson.dumps({"id": number, "type": "error", "code": code, "data": text})
