"""A small HTTP/1.1 server on asyncio protocols: one synchronous handler per request, answered now, later or never.

About 20 microseconds per request, an order of magnitude below a web framework, and a fault can drop or keep a
connection exactly when it wants. No pipelining of answers, no TLS, no chunked request bodies.
"""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple, Protocol, cast
from urllib.parse import unquote_plus

import orjson

from execution.simulator.numbers import parse_whole

logger = logging.getLogger(__name__)

_MAX_HEAD = 64 * 1024
_MAX_BODY = 4 * 1024 * 1024
_MAX_UNREAD = 4 * 1024 * 1024
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Response(NamedTuple):
    """An answer, ready to be written."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    def encode(self) -> bytes:
        """Return the bytes on the wire."""
        head = f"Content-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n"
        if self.status in (HTTPStatus.NO_CONTENT, HTTPStatus.SWITCHING_PROTOCOLS):
            head = ""
        for name, value in self.headers:
            head += f"{name}: {value}\r\n"
        return b"%b%b\r\n%b" % (_STATUS_LINES[self.status], head.encode(), self.body)


def json_response(payload: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Render a JSON answer."""
    return Response(status, orjson.dumps(payload), headers=headers)


def html_response(status: int, text: str) -> Response:
    """Render the HTML page a proxy in front of an exchange would send."""
    page = f"<!DOCTYPE html>\n<html><head><title>{text}</title></head><body><pre>{text}</pre></body></html>\n"
    return Response(status, page.encode(), content_type="text/html; charset=utf-8")


class Request:
    """A parsed request. Header names are lower-case; the query and the body stay raw, because they are signed raw."""

    __slots__ = ("_params", "body", "headers", "keep_alive", "method", "path", "query")

    def __init__(self, method: str, target: str, version: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        self.body = body
        connection = headers.get("connection", "").lower()
        self.keep_alive = connection != "close" and (version != "HTTP/1.0" or connection == "keep-alive")
        self._params: dict[str, str] | None = None

    @property
    def params(self) -> dict[str, str]:
        """Parameters of the form body and the query; the query wins."""
        if self._params is None:
            self._params = parse_form(self.body.decode("utf-8", "replace"))
            self._params.update(parse_form(self.query))
        return self._params

    @property
    def query_params(self) -> dict[str, str]:
        """Parameters of the query only, for JSON APIs."""
        return parse_form(self.query)


def parse_form(text: str) -> dict[str, str]:
    """Decode `a=1&b=2`; several times faster than urllib's parser on what exchange clients send."""
    pairs: dict[str, str] = {}
    for part in text.split("&") if text else ():
        name, _, value = part.partition("=")
        if "%" in part or "+" in part:
            name, value = unquote_plus(name), unquote_plus(value)
        pairs[name] = value
    return pairs


class MalformedRequest(ValueError):
    """The bytes are not a request this server understands."""


class Takeover(Protocol):
    """What reads a connection that speaks HTTP no longer."""

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""

    def connection_lost(self) -> None:
        """The client has gone."""


class Connection(asyncio.Protocol):
    """One client connection: reads requests, hands them to the handler one by one."""

    def __init__(self, handler: Callable[[Request, "Connection"], None], open_connections: set["Connection"]) -> None:
        self._handler = handler
        self._open = open_connections
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._request: Request | None = None
        self._takeover: Takeover | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the transport; a late answer is then dropped."""
        self._transport = None
        self._open.discard(self)
        if self._takeover is not None:
            self._takeover.connection_lost()

    def data_received(self, data: bytes) -> None:
        """Collect bytes; start the next request unless one is still being answered."""
        if self._takeover is not None:
            self._takeover.data_received(data)
            return
        self._buffer = self._buffer + data if self._buffer else data
        if self._request is None:
            self._start_next()

    def respond(self, response: Response) -> None:
        """Answer the current request. A client that has gone away is ignored."""
        request, self._request = self._request, None
        if self._transport is None:
            return
        self._transport.write(response.encode())
        if request is None or not request.keep_alive:
            self._transport.close()
        elif self._buffer:
            self._start_next()

    def take_over(self, response: Response, takeover: Takeover) -> None:
        """Answer the current request, which was one for another protocol, and hand the connection on."""
        self._request, self._takeover = None, takeover
        self.write(response.encode())
        rest, self._buffer = self._buffer, b""
        if rest:
            takeover.data_received(rest)

    def write(self, data: bytes) -> None:
        """Write bytes of another protocol. A client that has gone is ignored; one that does not read is dropped."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() > _MAX_UNREAD:
            self._transport.abort()
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close the connection once everything is written."""
        if self._transport is not None:
            self._transport.close()

    def drop(self) -> None:
        """Close the connection at once, answering nothing."""
        if self._transport is not None:
            self._transport.abort()

    def _start_next(self) -> None:
        try:
            parsed = parse_request(self._buffer)
        except MalformedRequest as e:
            self.respond(html_response(HTTPStatus.BAD_REQUEST, str(e)))
            return
        if parsed is None:
            return
        request, self._buffer = parsed
        self._request = request
        self.run(lambda: self._handler(request, self))

    def run(self, part: Callable[[], None]) -> None:
        """Run a part of answering the current request; if it breaks, answer 500.

        The edge of the process: one broken request must not take the exchanges down.
        """
        try:
            part()
        except Exception:
            logger.exception("answering %s failed", self._request.path if self._request else "a request")
            self.respond(html_response(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error"))


def parse_request(data: bytes) -> tuple[Request, bytes] | None:
    """Return the first request in `data` and what follows it, or None if it is not complete yet."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > _MAX_HEAD:
            raise MalformedRequest("the request head is too large")
        return None
    start_line, *lines = data[:end].decode("latin-1").split("\r\n")
    words = start_line.split(" ")
    if len(words) != 3 or not words[1].startswith("/"):
        raise MalformedRequest("the request line must be: METHOD /path HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    size = _body_size(headers)
    body_start = end + 4
    if len(data) < body_start + size:
        return None
    body = data[body_start : body_start + size]
    return Request(words[0], words[1], words[2], headers, body), data[body_start + size :]


def _body_size(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise MalformedRequest("chunked request bodies are not supported")
    size = parse_whole(headers.get("content-length", "0"))
    if size is None or size > _MAX_BODY:
        raise MalformedRequest("the content length is invalid or too large")
    return size
