"""Coinbase's market data stream (Advanced Trade docs, "WebSocket Channels"): level2, and heartbeats every second.

`sequence_num` counts all messages of the connection, whatever they are about. What an unknown pair is answered with is
not documented; the text here is ours.
"""

from collections.abc import Collection

import orjson

from execution.simulator.dialects.coinbase.shapes import moment_text
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.http import Request
from execution.simulator.numbers import format_trimmed
from execution.simulator.streams.feed import read_object, texts
from execution.simulator.streams.watching import Rows, Tampering, Watched

_BOOKS, _BOOK_MESSAGES, _HEARTBEATS = "level2", "l2_data", "heartbeats"
_ALL_LEVELS = 10_000
_HEARTBEAT_US = 1_000_000
_QUIET_US = 90_000_000
"""A connection without heartbeats on which nothing happens for so long is told nothing any more."""


class CoinbaseFeed:
    """One connection to `/`."""

    def __init__(self, exchange: Exchange, request: Request) -> None:
        self.is_there = request.path == "/"
        self._markets = {market.spec.facts.wire_id: market for market in exchange.markets.values()}
        self._watched: dict[str, Watched] = {}
        self._number = self._beats = 0
        self._beat_at: int | None = None
        """When the last heartbeat was sent; None: they are not wanted."""
        self._spoke_at = 0

    def opened(self, now: int) -> list[bytes]:
        """Coinbase says nothing first."""
        self._spoke_at = now
        return []

    def receive(self, text: bytes, now: int) -> list[bytes]:
        """subscribe and unsubscribe; each is answered with all that is subscribed to."""
        message = read_object(text) or {}
        kind, channel, wire_ids = message.get("type"), message.get("channel"), texts(message.get("product_ids"))
        if kind not in ("subscribe", "unsubscribe") or channel not in (_BOOKS, _HEARTBEATS):
            return [_error("malformed request")]
        unknown = [wire_id for wire_id in wire_ids if wire_id not in self._markets]
        if unknown:
            return [_error(f"{unknown[0]} is not a valid product")]
        wanted = kind == "subscribe"
        if channel == _HEARTBEATS:
            self._beat_at = now if wanted else None
            return [self._subscriptions(now)]
        messages = []
        for wire_id in wire_ids:
            self._watched.pop(wire_id, None)
            if wanted:
                watched = self._watched[wire_id] = Watched(self._markets[wire_id], _ALL_LEVELS)
                messages.append(self._book(wire_id, "snapshot", watched.snapshot(), now))
        return [*messages, self._subscriptions(now)]

    def updates(self, now: int) -> list[bytes]:
        """Changes and heartbeats."""
        messages = []
        for wire_id, watched in self._watched.items():
            changes = watched.changes()
            if changes is None:
                continue
            rows = watched.tampered(*changes)
            if rows is None:
                self._number += 1
            else:
                messages.append(self._book(wire_id, "update", rows, now))
        if self._beat_at is not None and now - self._beat_at >= _HEARTBEAT_US:
            self._beat_at = now
            messages.append(self._heartbeat(now))
        if messages:
            self._spoke_at = now
        elif now - self._spoke_at >= _QUIET_US:
            self._watched.clear()
        return messages

    def tamper(self, kinds: Collection[Tampering]) -> None:
        """See `Feed`."""
        for each in self._watched.values():
            each.tampering.extend(kinds)

    def _book(self, wire_id: str, kind: str, rows: tuple[Rows, Rows], now: int) -> bytes:
        market, at = self._markets[wire_id], moment_text(now)
        bids, asks = rows
        updates = [*_levels(market, "bid", bids, at), *_levels(market, "offer", asks, at)]
        return self._message(_BOOK_MESSAGES, {"type": kind, "product_id": wire_id, "updates": updates}, now)

    def _subscriptions(self, now: int) -> bytes:
        subscribed: dict[str, list[str]] = {_BOOKS: list(self._watched)} if self._watched else {}
        if self._beat_at is not None:
            subscribed[_HEARTBEATS] = [_HEARTBEATS]
        return self._message("subscriptions", {"subscriptions": subscribed}, now)

    def _heartbeat(self, now: int) -> bytes:
        self._beats += 1
        return self._message(
            _HEARTBEATS, {"current_time": moment_text(now), "heartbeat_counter": str(self._beats)}, now
        )

    def _message(self, channel: str, event: dict[str, object], now: int) -> bytes:
        head = {"channel": channel, "client_id": "", "timestamp": moment_text(now), "sequence_num": self._number}
        self._number += 1
        return orjson.dumps({**head, "events": [event]})


def _levels(market: Market, side: str, rows: Rows, at: str) -> list[dict[str, str]]:
    spec = market.spec
    return [
        {
            "side": side,
            "event_time": at,
            "price_level": format_trimmed(price, spec.price_decimals),
            "new_quantity": format_trimmed(amount, spec.base_decimals),
        }
        for price, amount in rows
    ]


def _error(text: str) -> bytes:
    return orjson.dumps({"type": "error", "message": text})
