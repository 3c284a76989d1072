"""Kraken's websocket v2 `book` channel ("Book" and "Book checksum" of the v2 docs).

Numbers are JSON numbers written with all their decimals: the checksum is over exactly these digits.
"""

import zlib
from collections.abc import Collection
from datetime import UTC, datetime

import orjson

from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.http import Request
from execution.simulator.numbers import format_scaled
from execution.simulator.streams.feed import read_object, texts
from execution.simulator.streams.watching import Rows, Tampering, Watched

_PATH = "/v2"
_DEPTHS = (10, 25, 100, 500, 1000)
_CHECKED_LEVELS = 10
_HEARTBEAT_US = 1_000_000


class KrakenFeed:
    """One connection to `/v2`."""

    def __init__(self, exchange: Exchange, request: Request) -> None:
        self.is_there = request.path == _PATH
        self._markets = {market.spec.symbol: market for market in exchange.markets.values()}
        self._watched: dict[str, Watched] = {}
        self._spoke_at = 0

    def opened(self, now: int) -> list[bytes]:
        """The system's status."""
        self._spoke_at = now
        status = {"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": now}
        return [orjson.dumps({"channel": "status", "type": "update", "data": [status]})]

    def receive(self, text: bytes, now: int) -> list[bytes]:
        """subscribe, unsubscribe and ping."""
        message = read_object(text) or {}
        method, params = message.get("method"), message.get("params")
        times = {"time_in": _iso(now), "time_out": _iso(now), "req_id": message.get("req_id", 0)}
        if method == "ping":
            return [orjson.dumps({"method": "pong", **times})]
        if method not in ("subscribe", "unsubscribe") or not isinstance(params, dict):
            return [orjson.dumps({"error": "Unsupported method", "success": False, **times})]
        messages = []
        for symbol in texts(params.get("symbol")):
            answer = {"method": method, **times}
            if method == "unsubscribe":
                self._watched.pop(symbol, None)
                messages.append(orjson.dumps({**answer, "success": True}))
            else:
                messages += self._subscribe(symbol, params, answer)
        return messages

    def updates(self, now: int) -> list[bytes]:
        """Updates, or a heartbeat after a second without any."""
        messages = []
        for symbol, watched in self._watched.items():
            changes = watched.changes()
            rows = None if changes is None else watched.tampered(*changes)
            if rows is not None:
                messages.append(_message(symbol, "update", watched, rows, now))
        if messages or not self._watched:
            self._spoke_at = now
        elif now - self._spoke_at >= _HEARTBEAT_US:
            self._spoke_at = now
            messages.append(b'{"channel":"heartbeat"}')
        return messages

    def tamper(self, kinds: Collection[Tampering]) -> None:
        """See `Feed`."""
        for each in self._watched.values():
            each.tampering.extend(kinds)

    def _subscribe(self, symbol: str, params: dict[str, object], answer: dict[str, object]) -> list[bytes]:
        depth = params.get("depth", 10)
        error = ""
        if params.get("channel") != "book":
            error = f"Subscription {params.get('channel')} not found"
        elif symbol not in self._markets:
            error = f"Currency pair not supported {symbol}"
        elif not isinstance(depth, int) or depth not in _DEPTHS:
            error = "Subscription depth not supported"
        elif symbol in self._watched:
            error = f"Already subscribed to book on {symbol}"
        if error or not isinstance(depth, int):
            return [orjson.dumps({**answer, "error": error, "success": False, "symbol": symbol})]
        watched = self._watched[symbol] = Watched(self._markets[symbol], depth)
        result = {"channel": "book", "depth": depth, "snapshot": True, "symbol": symbol, "warnings": []}
        return [
            orjson.dumps({**answer, "result": result, "success": True}),
            _message(symbol, "snapshot", watched, watched.snapshot(), None),
        ]


def checksum(market: Market, bids: Rows, asks: Rows) -> int:
    """CRC-32 over the digits of the ten best sells, then of the ten best buys, without leading zeros."""
    digits = ""
    for price, amount in (*asks[:_CHECKED_LEVELS], *bids[:_CHECKED_LEVELS]):
        digits += f"{price}{amount}"
    return zlib.crc32(digits.encode())


def _message(symbol: str, kind: str, watched: Watched, rows: tuple[Rows, Rows], now: int | None) -> bytes:
    market = watched.market
    bids, asks = ([_level(market, price, amount) for price, amount in side] for side in rows)
    data: dict[str, object] = {"symbol": symbol, "bids": bids, "asks": asks}
    data["checksum"] = checksum(market, market.book.buys.depth(10), market.book.sells.depth(10))
    if now is not None:
        data["timestamp"] = _iso(now)
    return orjson.dumps({"channel": "book", "type": kind, "data": [data]})


def _level(market: Market, price: int, amount: int) -> dict[str, object]:
    spec = market.spec
    return {
        "price": orjson.Fragment(format_scaled(price, spec.price_decimals)),
        "qty": orjson.Fragment(format_scaled(amount, spec.base_decimals)),
    }


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
