"""JSON bodies: numbers with a point become Decimal; size and depth are bounded.

Refused: NaN and Infinity, a name given twice, and half a surrogate pair, which no answer could repeat.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from execution.api.errors import ApiError
from policies.domain.reasons import ReasonCode

MAX_DEPTH = 50
MAX_WEBHOOK_BYTES = 65_536
"""A signal with all its fields is below 2 kB."""


def read_bounded(stream: Any, limit: int, advice: str) -> bytes:
    """The body, if it is not larger than `limit`. Raises ApiError (413)."""
    body: bytes = stream.read(limit + 1)
    if len(body) > limit:
        # The rest stays unread, so the connection cannot be used again.
        raise ApiError(
            413,
            ReasonCode.BODY_TOO_LARGE,
            f"The body is larger than {limit:,} bytes. {advice}",
            headers={"Connection": "close"},
        )
    return body


class RawParser(BaseParser):
    """The bytes of the body, whatever it is called: alerts come as JSON, as text, or without a content type."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The body. Raises ApiError (413)."""
        return read_bounded(stream, MAX_WEBHOOK_BYTES, "Send one signal.")


class DecimalJSONParser(BaseParser):
    """application/json without floats: 0.1 stays 0.1."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The body as Python data. Raises ParseError (400) or ApiError (413)."""
        body = read_bounded(stream, settings.ENV["MAX_BODY_BYTES"], "Send at most 1,000 signals a batch.")
        try:
            text = body.decode("utf-8-sig")
            found = json.loads(text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_object)
            if "\\u" in text or text.count("{") + text.count("[") > MAX_DEPTH:
                _check(found)
        except RecursionError as e:
            raise ParseError("The body is nested too deeply.") from e
        except (ValueError, ArithmeticError) as e:
            raise ParseError(f"The body is not valid JSON: {str(e)[:200]}.") from e
        return found


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Readers differ in which one counts; a signal must mean one thing.
        raise ValueError("a name is given twice in one object")
    return found


def _check(value: Any) -> None:
    """Walks without recursion: depth is what is in doubt."""
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, str):
            if not _is_whole(item):
                raise ValueError("a text holds half a surrogate pair")
        elif isinstance(item, dict):
            waiting += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} deep")


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
