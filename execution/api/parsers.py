"""Bodies: of bounded size; JSON as `policies.domain.strict_json` reads it."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from execution.api.errors import ApiError
from policies.domain import strict_json
from policies.domain.reasons import ReasonCode

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
            return strict_json.loads(body.decode("utf-8-sig"))
        except ValueError as e:
            raise ParseError(f"The body is not valid JSON: {str(e)[:200]}.") from e
