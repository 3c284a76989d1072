"""Every error of the API has one shape, `{"code", "detail", "fields"?}`; codes are those of policies.domain.reasons."""

from collections.abc import Mapping
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from policies.domain.reasons import ReasonCode, sentence

logger = structlog.get_logger(__name__)


class ApiError(exceptions.APIException):
    """An error answer with a code of ours."""

    def __init__(
        self,
        status: int,
        code: ReasonCode,
        detail: str = "",
        *,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status_code = status
        self.code = code
        self.text = detail or sentence(code)
        self.fields = fields
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        body: dict[str, Any] = {"code": self.code.value, "detail": self.text}
        if self.fields:
            body["fields"] = dict(self.fields)
        return body


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Turn what a view raised into our shape. None lets Django answer 500 (and log it)."""
    ours = _as_api_error(error)
    if ours is None:
        return None
    return Response(ours.body(), status=ours.status_code, headers=dict(ours.headers))


_BY_CLASS: dict[type[Exception], tuple[int, ReasonCode]] = {
    exceptions.ParseError: (400, ReasonCode.INVALID_JSON),
    exceptions.NotAuthenticated: (401, ReasonCode.NOT_AUTHENTICATED),
    exceptions.AuthenticationFailed: (401, ReasonCode.NOT_AUTHENTICATED),
    exceptions.PermissionDenied: (403, ReasonCode.SCOPE_MISSING),
    PermissionDenied: (403, ReasonCode.SCOPE_MISSING),
    exceptions.NotFound: (404, ReasonCode.NOT_FOUND),
    Http404: (404, ReasonCode.NOT_FOUND),
    exceptions.MethodNotAllowed: (405, ReasonCode.METHOD_NOT_ALLOWED),
    exceptions.UnsupportedMediaType: (415, ReasonCode.UNSUPPORTED_MEDIA_TYPE),
    exceptions.NotAcceptable: (406, ReasonCode.UNSUPPORTED_MEDIA_TYPE),
}
_KEEP_DETAIL = (exceptions.ParseError, exceptions.AuthenticationFailed, exceptions.PermissionDenied)


def _as_api_error(error: Exception) -> ApiError | None:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, exceptions.ValidationError):
        return from_validation(error)
    if isinstance(error, (OperationalError, InterfaceError)):
        logger.error("database_unavailable", error=str(error))
        return ApiError(503, ReasonCode.DATABASE_UNAVAILABLE, headers={"Retry-After": "2"})
    for cls, (status, code) in _BY_CLASS.items():
        if isinstance(error, cls):
            detail = str(getattr(error, "detail", "")) if isinstance(error, _KEEP_DETAIL) else ""
            headers = {"WWW-Authenticate": "Token"} if status == 401 else {}
            return ApiError(status, code, detail, headers=headers)
    return None


def from_validation(error: exceptions.ValidationError) -> ApiError:
    """Field errors; a code of ours on a field (such as UNKNOWN_SYMBOL) becomes the code of the whole answer."""
    fields: dict[str, str] = {}
    code = ReasonCode.INVALID_REQUEST
    details = error.detail if isinstance(error.detail, dict) else {"": error.detail}
    for name, problems in details.items():
        flat = _flat(problems)
        fields[name] = " ".join(str(problem) for problem in flat)
        for problem in flat:
            if getattr(problem, "code", "") in ReasonCode.__members__:
                code = ReasonCode[problem.code]
    general = [text for name, text in fields.items() if name in {"", "non_field_errors"}]
    named = {name: text for name, text in fields.items() if name not in {"", "non_field_errors"}}
    detail = " ".join([*general, *(f"{name}: {text}" for name, text in named.items())])
    return ApiError(400, code, detail, fields=named)


def _flat(problems: Any) -> list[Any]:
    if isinstance(problems, dict):
        return [item for value in problems.values() for item in _flat(value)]
    if isinstance(problems, (list, tuple)):
        return [item for value in problems for item in _flat(value)]
    return [problems]


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 outside the views (an unknown host): JSON for the API, Django's page for people."""
    if request.path.startswith("/api/"):
        return _json(400, ReasonCode.INVALID_REQUEST)
    from django.views.defaults import bad_request as page

    return page(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 outside the views: JSON for the API, Django's page for people."""
    if request.path.startswith("/api/"):
        return _json(404, ReasonCode.NOT_FOUND)
    from django.views.defaults import page_not_found

    return page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: JSON for the API, Django's page for people."""
    if request.path.startswith("/api/"):
        return _json(500, ReasonCode.INTERNAL_ERROR)
    from django.views.defaults import server_error as page

    return page(request)


def _json(status: int, code: ReasonCode) -> HttpResponse:
    return JsonResponse({"code": code.value, "detail": sentence(code)}, status=status)
