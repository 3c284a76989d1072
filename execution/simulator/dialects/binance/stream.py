"""Binance's websocket streams of order books: diff depth and partial depth ("WebSocket Streams" of the spot docs).

The diff stream has no snapshot: its client asks `GET /api/v3/depth` and joins the two by update ids.
"""

from collections.abc import Collection

import orjson

from execution.simulator.dialects.binance.shapes import amount_text, price_text
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.http import Request
from execution.simulator.streams.feed import read_object, texts
from execution.simulator.streams.watching import Rows, Tampering, Watched

_LARGEST_DEPTH = 5_000
_PARTIAL = {"depth5": 5, "depth10": 10, "depth20": 20}
_RATES = ("", "100ms", "1000ms")


class _Subscription:
    """`last_id` is the update id the client has been told of last. partial: whole books instead of changes."""

    def __init__(self, market: Market, depth: int, *, is_partial: bool) -> None:
        self.watched = Watched(market, depth)
        self.is_partial = is_partial
        self.last_id = market.version
        self.watched.snapshot()


class BinanceFeed:
    """One connection to `/ws/<anything>`."""

    def __init__(self, exchange: Exchange, request: Request) -> None:
        path = request.path
        self.is_there = path == "/ws" or path.startswith("/ws/")
        self._markets = {market.spec.facts.wire_id.lower(): market for market in exchange.markets.values()}
        self._subscriptions: dict[str, _Subscription] = {}
        self._subscribe(path.removeprefix("/ws/").split("/"))

    def opened(self, now: int) -> list[bytes]:
        """Binance says nothing first."""
        return []

    def receive(self, text: bytes, now: int) -> list[bytes]:
        """SUBSCRIBE and UNSUBSCRIBE; names that mean nothing are taken in silence, as there."""
        message = read_object(text)
        if message is None:
            return [orjson.dumps({"error": {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}})]
        names = texts(message.get("params"))
        if message.get("method") == "SUBSCRIBE":
            self._subscribe(names)
        elif message.get("method") == "UNSUBSCRIBE":
            for name in names:
                self._subscriptions.pop(name, None)
        else:
            error = {"code": 2, "msg": "Invalid request: unknown variant"}
            return [orjson.dumps({"error": error, "id": message.get("id")})]
        return [orjson.dumps({"result": None, "id": message.get("id")})]

    def updates(self, now: int) -> list[bytes]:
        """depthUpdate events, and whole partial books."""
        return [message for each in self._subscriptions.values() if (message := _update(each, now)) is not None]

    def tamper(self, kinds: Collection[Tampering]) -> None:
        """See `Feed`."""
        for each in self._subscriptions.values():
            each.watched.tampering.extend(kinds)

    def _subscribe(self, names: list[str]) -> None:
        for name in names:
            wire_id, _, stream = name.partition("@")
            kind, _, rate = stream.partition("@")
            market = self._markets.get(wire_id)
            if market is None or rate not in _RATES or name in self._subscriptions:
                continue
            if kind == "depth":
                self._subscriptions[name] = _Subscription(market, _LARGEST_DEPTH, is_partial=False)
            elif kind in _PARTIAL:
                self._subscriptions[name] = _Subscription(market, _PARTIAL[kind], is_partial=True)


def _update(subscription: _Subscription, now: int) -> bytes | None:
    watched, market = subscription.watched, subscription.watched.market
    changes = watched.changes()
    if changes is None:
        return None
    first_id, subscription.last_id = subscription.last_id + 1, max(market.version, subscription.last_id + 1)
    rows = watched.tampered(*(watched.snapshot() if subscription.is_partial else changes))
    if rows is None:
        return None
    bids, asks = (_texts(market, side) for side in rows)
    if subscription.is_partial:
        return orjson.dumps({"lastUpdateId": subscription.last_id, "bids": bids, "asks": asks})
    event = {"e": "depthUpdate", "E": now // 1000, "s": market.spec.facts.wire_id}
    return orjson.dumps({**event, "U": first_id, "u": subscription.last_id, "b": bids, "a": asks})


def _texts(market: Market, rows: Rows) -> list[tuple[str, str]]:
    return [(price_text(market.spec, price), amount_text(market.spec, amount)) for price, amount in rows]
