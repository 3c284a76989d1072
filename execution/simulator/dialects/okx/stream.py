"""OKX's public stream of order books (v5 docs, "Order book channel", `books`): a snapshot, then changes.

Each message names the one before it by `prevSeqId`. Numbers have holes. `checksum` is deprecated and 0.
"""

from collections.abc import Collection

import orjson

from execution.simulator.dialects.okx.shapes import amount_text, milliseconds, price_text
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.http import Request
from execution.simulator.streams.feed import read_object
from execution.simulator.streams.watching import Rows, Tampering, Watched

_PATH = "/ws/v5/public"
_CHANNEL, _DEPTH = "books", 400
_CONNECTION = "a4d3ae55"
_REPEAT_US = 60_000_000
"""Where nothing has changed for so long, a message without levels repeats its own number."""

_MALFORMED, _UNKNOWN = "60012", "60018"


class _Subscription:
    """`number` is the one that was counted last, `sent_at` when something was sent."""

    def __init__(self, market: Market, now: int) -> None:
        self.watched = Watched(market, _DEPTH)
        self.number = market.version
        self.sent_at = now


class OkxFeed:
    """One connection to `/ws/v5/public`."""

    def __init__(self, exchange: Exchange, request: Request) -> None:
        self.is_there = request.path == _PATH
        self._markets = {market.spec.facts.wire_id: market for market in exchange.markets.values()}
        self._subscriptions: dict[str, _Subscription] = {}

    def opened(self, now: int) -> list[bytes]:
        """OKX says nothing first."""
        return []

    def receive(self, text: bytes, now: int) -> list[bytes]:
        """subscribe, unsubscribe, and ping, which is no JSON."""
        if text == b"ping":
            return [b"pong"]
        message = read_object(text) or {}
        operation, arguments = message.get("op"), message.get("args")
        if operation not in ("subscribe", "unsubscribe") or not isinstance(arguments, list):
            return [_error(_MALFORMED, f"Illegal request: {text.decode(errors='replace')}")]
        messages = []
        for argument in arguments:
            topic = argument if isinstance(argument, dict) else {}
            if topic.get("channel") != _CHANNEL or topic.get("instId") not in self._markets:
                wrong = f"Wrong URL or channel:{topic.get('channel')},instId:{topic.get('instId')} doesn't exist."
                messages.append(_error(_UNKNOWN, f"{wrong} Please use the correct URL, channel and parameters."))
                continue
            messages.append(orjson.dumps({"event": operation, "arg": topic, "connId": _CONNECTION}))
            if operation == "subscribe":
                messages.append(self._subscribe(str(topic["instId"]), now))
            else:
                self._subscriptions.pop(str(topic["instId"]), None)
        return messages

    def updates(self, now: int) -> list[bytes]:
        """Changes, or once a minute that there are none."""
        messages = []
        for wire_id, subscription in self._subscriptions.items():
            watched = subscription.watched
            changes = watched.changes()
            if changes is None:
                if now - subscription.sent_at >= _REPEAT_US:
                    messages.append(_message(wire_id, "update", subscription, ([], []), subscription.number, now))
                continue
            before = subscription.number
            subscription.number = max(watched.market.version, before + 1)
            rows = watched.tampered(*changes)
            if rows is not None:
                messages.append(_message(wire_id, "update", subscription, rows, before, now))
        return messages

    def tamper(self, kinds: Collection[Tampering]) -> None:
        """See `Feed`."""
        for each in self._subscriptions.values():
            each.watched.tampering.extend(kinds)

    def _subscribe(self, wire_id: str, now: int) -> bytes:
        subscription = self._subscriptions[wire_id] = _Subscription(self._markets[wire_id], now)
        return _message(wire_id, "snapshot", subscription, subscription.watched.snapshot(), -1, now)


def _message(
    wire_id: str, action: str, subscription: _Subscription, rows: tuple[Rows, Rows], before: int, now: int
) -> bytes:
    subscription.sent_at = now
    spec = subscription.watched.market.spec
    bids, asks = (
        [(price_text(spec, price), amount_text(spec, amount), "0", "1" if amount else "0") for price, amount in side]
        for side in rows
    )
    numbers = {"checksum": 0, "seqId": subscription.number, "prevSeqId": before}
    data = {"asks": asks, "bids": bids, "ts": milliseconds(now), **numbers}
    return orjson.dumps({"arg": {"channel": _CHANNEL, "instId": wire_id}, "action": action, "data": [data]})


def _error(code: str, msg: str) -> bytes:
    return orjson.dumps({"event": "error", "code": code, "msg": msg, "connId": _CONNECTION})
