"""The websocket side of one exchange's port: handshakes, subscriptions' updates, and what goes wrong with them."""

import asyncio
import base64
import binascii
import logging
from collections.abc import Iterable
from http import HTTPStatus

from execution.simulator.http import Connection, Request, Response, html_response
from execution.simulator.simulator import SimulatedExchange, Simulator
from execution.simulator.streams.feed import Feed
from execution.simulator.streams.feeds import FEEDS
from execution.simulator.streams.frames import Frame, MalformedFrame, Opcode, accept_key, encode, read_frame
from execution.simulator.streams.watching import Tampering, without_numbers

logger = logging.getLogger(__name__)

PUSH_S = 0.05
"""How often books are looked at for changes."""


class StreamHub:
    """All websocket connections of one exchange."""

    def __init__(self, simulator: Simulator, slug: str, loop: asyncio.AbstractEventLoop) -> None:
        self._simulator = simulator
        self._slug = slug
        self._loop = loop
        self._sessions: set[_Session] = set()
        self._timer: asyncio.TimerHandle | None = None

    def wants(self, request: Request) -> bool:
        """Whether a request asks for a websocket."""
        return "websocket" in request.headers.get("upgrade", "").lower()

    def open(self, request: Request, connection: Connection) -> None:
        """Shake hands, or refuse: 404 where this exchange has no stream, 503 while streams are refused."""
        exchange = self._simulator.exchanges[self._slug]
        feed = FEEDS[self._slug](exchange.engine, request) if self._slug in FEEDS else None
        exchange.requests["stream"] += 1
        if exchange.settings.down:
            connection.drop()
        elif feed is None or not feed.is_there:
            connection.respond(html_response(HTTPStatus.NOT_FOUND, "Not Found"))
        elif exchange.settings.stream_refused or exchange.settings.maintenance:
            connection.respond(html_response(HTTPStatus.SERVICE_UNAVAILABLE, "Service Unavailable"))
        elif not _is_key(request.headers.get("sec-websocket-key", "")):
            connection.respond(html_response(HTTPStatus.BAD_REQUEST, "Bad Request"))
        else:
            if not self._sessions:
                exchange.streams_to_drop = False
                exchange.tampering.clear()
            session = _Session(connection, exchange, feed, self)
            connection.take_over(_accepted(request), session)
            self._sessions.add(session)
            session.send(feed.opened(self._simulator.clock()))
            self._schedule()

    def received(self, session: "_Session", text: bytes) -> None:
        """Let the feed answer a client's message."""
        session.send(session.feed.receive(text, self._simulator.clock()))

    def forget(self, session: "_Session") -> None:
        """A connection is gone."""
        self._sessions.discard(session)

    def _schedule(self) -> None:
        if self._timer is None and self._sessions:
            self._timer = self._loop.call_later(PUSH_S, self._push)

    def _push(self) -> None:
        self._timer = None
        now = self._simulator.clock()
        exchange = self._simulator.exchanges[self._slug]
        settings = exchange.settings
        self._simulator.advance(exchange, now)
        for session in list(self._sessions):
            # After a reset the books of before are no more, and nobody may go on reading them.
            if session.exchange is not exchange or settings.down or exchange.streams_to_drop:
                session.drop()
            elif not settings.stream_silent:
                session.feed.tamper(exchange.tampering)
                messages = session.feed.updates(now)
                if Tampering.NAN in exchange.tampering:
                    messages = [without_numbers(message) for message in messages]
                session.send(messages, after_s=settings.stream_lag_ms / 1000)
        exchange.streams_to_drop = False
        exchange.tampering.clear()
        self._schedule()


class _Session:
    """One websocket connection. `exchange` is the one it was opened at."""

    def __init__(self, connection: Connection, exchange: SimulatedExchange, feed: Feed, hub: StreamHub) -> None:
        self.exchange = exchange
        self.feed = feed
        self._connection = connection
        self._hub = hub
        self._buffer = b""
        self._parts: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        self._buffer += data
        try:
            while (found := read_frame(self._buffer)) is not None:
                frame, self._buffer = found
                self._handle(frame)
        except MalformedFrame as e:
            logger.info("%s drops a stream: %s", self.exchange.slug, e)
            self.drop()

    def connection_lost(self) -> None:
        """The client has gone."""
        self._hub.forget(self)

    def send(self, messages: Iterable[bytes], *, after_s: float = 0.0) -> None:
        """Send text messages, now or later."""
        data = b"".join(encode(message) for message in messages)
        if not data:
            return
        if after_s:
            asyncio.get_running_loop().call_later(after_s, self._connection.write, data)
        else:
            self._connection.write(data)

    def drop(self) -> None:
        """Close at once, saying nothing."""
        self._hub.forget(self)
        self._connection.drop()

    def _handle(self, frame: Frame) -> None:
        if frame.opcode == Opcode.PING:
            self._connection.write(encode(frame.payload, Opcode.PONG))
        elif frame.opcode == Opcode.CLOSE:
            self._connection.write(encode(frame.payload, Opcode.CLOSE))
            self._connection.close()
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONTINUATION):
            self._parts.append(frame.payload)
            if frame.is_final:
                text, self._parts = b"".join(self._parts), []
                self._hub.received(self, text)


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False


def _accepted(request: Request) -> Response:
    headers = (
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accept_key(request.headers["sec-websocket-key"])),
    )
    return Response(HTTPStatus.SWITCHING_PROTOCOLS, b"", headers=headers)
