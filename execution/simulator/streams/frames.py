"""The websocket wire format (RFC 6455), as much of it as exchange clients use: text, ping, pong and close."""

import base64
import hashlib
from enum import IntEnum
from typing import NamedTuple

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FINAL, _MASKED = 0x80, 0x80
_MAX_PAYLOAD = 1024 * 1024


class Opcode(IntEnum):
    """What a frame is."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class Frame(NamedTuple):
    """One frame as it was received, unmasked."""

    opcode: int
    is_final: bool
    payload: bytes


class MalformedFrame(ValueError):
    """The bytes are not what a websocket client sends."""


def accept_key(key: str) -> str:
    """The server's proof that it has read the client's `Sec-WebSocket-Key`."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


def encode(payload: bytes, opcode: Opcode = Opcode.TEXT) -> bytes:
    """One unmasked frame, as servers send them."""
    size = len(payload)
    if size < 126:
        head = bytes((_FINAL | opcode, size))
    elif size < 65_536:
        head = bytes((_FINAL | opcode, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_FINAL | opcode, 127)) + size.to_bytes(8, "big")
    return head + payload


def read_frame(data: bytes) -> tuple[Frame, bytes] | None:
    """The first frame in `data` and what follows it; None if it is not complete yet. Raises MalformedFrame."""
    if len(data) < 2:
        return None
    size, start = data[1] & 0x7F, 2
    if size >= 126:
        width = 2 if size == 126 else 8
        start += width
        if len(data) < start:
            return None
        size = int.from_bytes(data[2:start], "big")
    if not data[1] & _MASKED or size > _MAX_PAYLOAD:
        raise MalformedFrame("clients mask their frames and keep them small")
    mask, start = data[start : start + 4], start + 4
    if len(data) < start + size:
        return None
    payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data[start : start + size]))
    return Frame(data[0] & 0x0F, bool(data[0] & _FINAL), payload), data[start + size :]
