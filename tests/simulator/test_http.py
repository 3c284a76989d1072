"""The HTTP server below everything."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.simulator.http import MalformedRequest, Request, Response, json_response, parse_form, parse_request

REQUEST = b"POST /a/b?x=1&y=%20 HTTP/1.1\r\nHost: h\r\nX-Key:  k \r\nContent-Length: 5\r\n\r\nz=a+b"


def test_a_request_is_parsed_into_its_parts() -> None:
    parsed = parse_request(REQUEST + b"GET /next")

    assert parsed is not None
    request, rest = parsed
    assert (request.method, request.path, request.query, request.body) == ("POST", "/a/b", "x=1&y=%20", b"z=a+b")
    assert request.headers["x-key"] == "k"
    assert request.params == {"x": "1", "y": " ", "z": "a b"}
    assert rest == b"GET /next"


@pytest.mark.parametrize("length", [0, 10, len(REQUEST) - 1])
def test_an_incomplete_request_is_waited_for(length: int) -> None:
    assert parse_request(REQUEST[:length]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET relative HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000,
    ],
)
def test_what_is_not_understood_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedRequest):
        parse_request(data)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\r\n\r\n", b" /a HTTP/1.1\r\n\r\n", b"Content-Length: "]))
def test_no_bytes_do_anything_but_parse_wait_or_be_refused(data: bytes, ending: bytes) -> None:
    with contextlib.suppress(MalformedRequest):
        parse_request(data + ending)


def test_forms_are_decoded_only_where_needed() -> None:
    assert parse_form("a=1&b=%5B%22x%22%5D&c=d+e&f") == {"a": "1", "b": '["x"]', "c": "d e", "f": ""}
    assert parse_form("") == {}


def test_the_query_wins_over_the_body() -> None:
    assert Request("POST", "/?a=query", "HTTP/1.1", {}, b"a=body&b=2").params == {"a": "query", "b": "2"}


@pytest.mark.parametrize(
    ("version", "connection", "is_kept"),
    [("HTTP/1.1", "", True), ("HTTP/1.1", "close", False), ("HTTP/1.0", "", False), ("HTTP/1.0", "Keep-Alive", True)],
)
def test_connections_are_kept_as_the_client_wants(version: str, connection: str, is_kept: bool) -> None:
    assert Request("GET", "/", version, {"connection": connection}, b"").keep_alive is is_kept


def test_answers_are_encoded_with_their_length() -> None:
    assert json_response({"a": 1}, 429, (("Retry-After", "1"),)).encode() == (
        b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: 7\r\n"
        b'Retry-After: 1\r\n\r\n{"a":1}'
    )
    assert Response(204, b"").encode() == b"HTTP/1.1 204 No Content\r\n\r\n"
