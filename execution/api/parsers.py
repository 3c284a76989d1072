"""JSON bodies: numbers with a point become Decimal, sizes are bounded, NaN and Infinity are refused."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from execution.api.errors import ApiError
from policies.domain.reasons import ReasonCode


class DecimalJSONParser(BaseParser):
    """application/json without floats: 0.1 stays 0.1."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The body as Python data. Raises ParseError (400) or ApiError (413)."""
        limit: int = settings.ENV["MAX_BODY_BYTES"]
        body = stream.read(limit + 1)
        if len(body) > limit:
            # The rest stays unread, so the connection cannot be used again.
            raise ApiError(
                413,
                ReasonCode.BODY_TOO_LARGE,
                f"The body is larger than {limit:,} bytes. Send at most 1,000 signals a batch.",
                headers={"Connection": "close"},
            )
        try:
            return json.loads(body, parse_float=Decimal, parse_constant=_refuse)
        except RecursionError as e:
            raise ParseError("The body is nested too deeply.") from e
        except (ValueError, ArithmeticError) as e:
            raise ParseError(f"The body is not valid JSON: {str(e)[:200]}.") from e


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
