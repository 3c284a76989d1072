"""What an exchange's stream must provide: one `Feed` per websocket connection."""

from collections.abc import Collection
from typing import Protocol

import orjson

from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request
from execution.simulator.streams.watching import Tampering


class Feed(Protocol):
    """One connection's subscriptions in the exchange's own words. Messages are the bytes of texts."""

    is_there: bool
    """Whether the exchange has a stream at this path."""

    def __init__(self, exchange: Exchange, request: Request) -> None:
        """`request`: the one that asks for the connection."""

    def opened(self, now: int) -> list[bytes]:
        """What the exchange says first. `now` in microseconds, here as below."""

    def receive(self, text: bytes, now: int) -> list[bytes]:
        """Answer a message of the client."""

    def updates(self, now: int) -> list[bytes]:
        """What has changed since the last time."""

    def tamper(self, kinds: Collection[Tampering]) -> None:
        """Let these go wrong with the next updates of every subscription."""


def read_object(text: bytes) -> dict[str, object] | None:
    """A client's message; None if it is no JSON object."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return message if isinstance(message, dict) else None


def texts(value: object) -> list[str]:
    """The strings of a list; anything else is left out."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
