"""What the OpenAPI schema says of every operation alike, and the parameters that several share."""

from typing import Any, Final
from uuid import UUID

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from execution.api import serializers as out
from execution.services.waiting import MAX_WAIT_S

_HEADER: Final = "header"
_PATH: Final = "path"
_ALWAYS = {
    400: "The request is wrong; `fields` names what.",
    401: "No token, or one that does not count.",
    403: "The token lacks the scope.",
    406: "Only application/json is answered.",
    503: "The database cannot be reached; nothing was stored or sent.",
}
_WITH_BODY = {413: "The body is too large.", 415: "The body is not application/json."}
NOT_FOUND = {404: OpenApiResponse(out.ErrorOut, "No such thing, or not yours.")}
OVER = {409: OpenApiResponse(out.ErrorOut, "It was already over.")}
STORING = {
    409: OpenApiResponse(out.ErrorOut, "The first request with this key is still being stored."),
    422: OpenApiResponse(out.ErrorOut, "The key was used with another body; nothing was stored."),
}

_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 100},
    _HEADER,
    description="New for every signal, the same for its retries. Else `id` of the body is the key.",
)
_REPLAYED = OpenApiParameter(
    "Idempotency-Replayed",
    {"type": "string", "enum": ["true"]},
    _HEADER,
    description="The signal was stored before; this is its answer again.",
    response=[200, 202],
)
_IN_PROGRESS = OpenApiParameter("Retry-After", int, _HEADER, description="Seconds.", response=[409], required=True)
_LOCATION = OpenApiParameter("Location", str, _HEADER, description="Path of the signal.", response=[202], required=True)
_FOR_ALL = [
    OpenApiParameter("WWW-Authenticate", str, _HEADER, response=[401], required=True),
    OpenApiParameter("Retry-After", int, _HEADER, description="Seconds.", response=[503], required=True),
]
STORES_SIGNAL = [_KEY, _REPLAYED, _IN_PROGRESS, _LOCATION]
EXECUTES_SIGNAL = [_KEY, _REPLAYED, _IN_PROGRESS]
PAGES = [
    OpenApiParameter("cursor", str, description="From `next` or `previous` of another page."),
    OpenApiParameter(
        "limit", {"type": "integer", "minimum": 1, "maximum": 999_999_999}, description="Entries on a page."
    ),
]
SIGNAL_ID = OpenApiParameter("signal_id", UUID, _PATH)
ORDER_ID = OpenApiParameter("order_id", UUID, _PATH)


def waits(name: str, description: str) -> OpenApiParameter:
    """A time to wait for the end."""
    return OpenApiParameter(name, {"type": "number", "minimum": 0, "maximum": MAX_WAIT_S}, description=description)


def words(name: str, choices: Any) -> OpenApiParameter:
    """A filter that takes one of these."""
    return OpenApiParameter(name, str, enum=[str(choice) for choice in choices])


class Schema(AutoSchema):
    """Adds the errors that any call may meet, unless the view says `documents_its_errors`."""

    def get_override_parameters(self) -> list[Any]:
        """Headers of those errors too."""
        own: list[Any] = super().get_override_parameters()
        return own if getattr(self.view, "documents_its_errors", False) else [*own, *_FOR_ALL]

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        if getattr(self.view, "documents_its_errors", False):
            return bodies
        common = _ALWAYS | (_WITH_BODY if self.method == "POST" and self.get_request_serializer() is not None else {})
        for status, text in common.items():
            if str(status) not in bodies:
                answer = OpenApiResponse(out.ErrorOut, text)
                bodies[str(status)] = self._get_response_for_code(answer, str(status), direction=direction)  # type: ignore[no-untyped-call]
        return dict(sorted(bodies.items()))


def without_trailing_slash(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """It is optional; the documentation shows addresses without it."""
    return [(path.rstrip("/"), regex, method, callback) for path, regex, method, callback in endpoints]
