"""Middleware of the whole site."""

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse

logger = structlog.get_logger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponse]


class DatabaseUnavailableMiddleware:
    """PostgreSQL gone: answer 503 with a code, at once, instead of an error page. Nothing is sent meanwhile."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, (OperationalError, InterfaceError)):
            return None
        logger.error("database_unavailable", path=request.path, error=str(exception))
        return database_unavailable()


def database_unavailable() -> HttpResponse:
    """The 503 every door answers with while PostgreSQL cannot be reached."""
    body = {
        "code": "DATABASE_UNAVAILABLE",
        "detail": "The database cannot be reached; nothing was stored and nothing was sent. Try again in a moment.",
    }
    return JsonResponse(body, status=503, headers={"Retry-After": "2"})


class HtmxLoginRedirectMiddleware:
    """A poll whose session has ended must load the login page in the whole window, not inside the Desk.

    After logging in, people come back to the page they were on, not to the part that was polled.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if (
            request.headers.get("HX-Request")
            and isinstance(response, HttpResponseRedirect)
            and "/login/" in response.url
        ):
            page = urlsplit(request.headers.get("HX-Current-URL", "")).path
            login = f"{urlsplit(response.url).path}?{urlencode({'next': page})}" if page else response.url
            return HttpResponse(status=204, headers={"HX-Redirect": login})
        return response
