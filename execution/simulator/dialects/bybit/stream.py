"""Bybit's public spot stream of order books (v5 docs, "Orderbook"): a snapshot, then deltas whose `u` grows by one."""

from collections.abc import Collection

import orjson

from execution.simulator.dialects.bybit.shapes import amount_text, price_text
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request
from execution.simulator.streams.feed import read_object, texts
from execution.simulator.streams.watching import Rows, Tampering, Watched

_PATH = "/v5/public/spot"
_DEPTHS = {"1": 1, "50": 50, "200": 200, "1000": 1000}


class BybitFeed:
    """One connection to `/v5/public/spot`."""

    def __init__(self, exchange: Exchange, request: Request) -> None:
        self.is_there = request.path == _PATH
        self._markets = {market.spec.facts.wire_id: market for market in exchange.markets.values()}
        self._watched: dict[str, Watched] = {}
        self._update_ids: dict[str, int] = {}

    def opened(self, now: int) -> list[bytes]:
        """Bybit says nothing first."""
        return []

    def receive(self, text: bytes, now: int) -> list[bytes]:
        """subscribe, unsubscribe and ping."""
        message = read_object(text) or {}
        operation, topics = message.get("op"), texts(message.get("args"))
        answer = {"success": True, "ret_msg": "", "conn_id": "c0ffee00", "req_id": message.get("req_id", "")}
        if operation == "ping":
            return [orjson.dumps({**answer, "ret_msg": "pong", "op": "ping"})]
        if operation == "subscribe":
            return self._subscribe(topics, {**answer, "op": "subscribe"}, now)
        if operation == "unsubscribe":
            for topic in topics:
                self._watched.pop(topic, None)
            return [orjson.dumps({**answer, "op": "unsubscribe"})]
        return [orjson.dumps({**answer, "success": False, "ret_msg": "Request not authorized"})]

    def updates(self, now: int) -> list[bytes]:
        """Deltas."""
        messages = []
        for topic, watched in self._watched.items():
            changes = watched.changes()
            if changes is None:
                continue
            self._update_ids[topic] += 1
            rows = watched.tampered(*changes)
            if rows is not None:
                messages.append(self._message(topic, "delta", rows, now))
        return messages

    def tamper(self, kinds: Collection[Tampering]) -> None:
        """See `Feed`."""
        for each in self._watched.values():
            each.tampering.extend(kinds)

    def _subscribe(self, topics: list[str], answer: dict[str, object], now: int) -> list[bytes]:
        """All or nothing; a topic that is subscribed already is refused."""
        for topic in topics:
            if topic in self._watched:
                refusal = {"success": False, "ret_msg": f"error:already subscribed,topic:{topic}"}
                return [orjson.dumps({**answer, **refusal})]
            parts = topic.split(".")
            if len(parts) != 3 or parts[0] != "orderbook" or parts[1] not in _DEPTHS or parts[2] not in self._markets:
                refusal = {"success": False, "ret_msg": f"error:handler not found,topic:{topic}"}
                return [orjson.dumps({**answer, **refusal})]
        messages = [orjson.dumps(answer)]
        for topic in topics:
            _, depth, wire_id = topic.split(".")
            watched = self._watched[topic] = Watched(self._markets[wire_id], _DEPTHS[depth])
            self._update_ids[topic] = watched.market.version + 1
            messages.append(self._message(topic, "snapshot", watched.snapshot(), now))
        return messages

    def _message(self, topic: str, kind: str, rows: tuple[Rows, Rows], now: int) -> bytes:
        market = self._watched[topic].market
        bids, asks = (
            [(price_text(market.spec, price), amount_text(market.spec, amount)) for price, amount in side]
            for side in rows
        )
        data = {"s": market.spec.facts.wire_id, "b": bids, "a": asks}
        ids = {"u": self._update_ids[topic], "seq": market.version}
        return orjson.dumps(
            {"topic": topic, "type": kind, "ts": now // 1000, "data": {**data, **ids}, "cts": now // 1000}
        )
