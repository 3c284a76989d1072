"""Query parameters: what is not understood is refused, never ignored."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from execution.api.errors import ApiError
from execution.services.waiting import MAX_WAIT_S
from policies.domain.reasons import ReasonCode
from policies.snapshot import current_policy


class _Pages(CursorPagination):
    """Keyset pages: no COUNT, no offset. A cursor that this API has not given is refused."""

    page_size_query_param = "limit"
    page_size_query_description = "Entries on a page; a larger number than the most gives the most."

    def decode_cursor(self, request: Request) -> Any:
        """The position the cursor stands for. Raises ValidationError."""
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                self.check_position(str(cursor.position))
        except (NotFound, ValueError):
            raise ValidationError({"cursor": ["Is none of this API's; take it from `next` or `previous`."]}) from None
        return cursor

    def check_position(self, position: str) -> None:
        """Raises ValueError for what cannot be compared with the first column of the order."""

    def get_page_size(self, request: Request) -> int | None:
        """`limit`, at most `max_page_size`."""
        text = request.query_params.get("limit")
        if text is not None and not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text)):
            raise ValidationError({"limit": ["Must be a whole number above 0."]})
        return super().get_page_size(request)


class Newest(_Pages):
    """Newest first."""

    page_size = 50
    max_page_size = 500

    def check_position(self, position: str) -> None:
        """An instant."""
        if datetime.fromisoformat(position).tzinfo is None:
            raise ValueError(position)


class ByReceipt(Newest):
    """Signals."""

    ordering: Any = ("-received_at", "pk")


class ByCreation(Newest):
    """Orders."""

    ordering: Any = ("-created_at", "pk")


class ByEnd(Newest):
    """Costs of orders."""

    ordering: Any = ("-at", "pk")


class BySymbol(_Pages):
    """Pairs; a pair's exchanges are together."""

    page_size = 200
    max_page_size = 1000
    ordering: Any = ("symbol", "exchange_id")

    def check_position(self, position: str) -> None:
        """A pair, or anything that sorts like one."""
        if not position.isprintable():
            raise ValueError(position)


def page(request: Request, view: Any, queryset: QuerySet[Any], serializer: Any) -> Response:
    """One page of the view's `pagination_class`."""
    paginator = view.pagination_class()
    rows = paginator.paginate_queryset(queryset, request, view)
    answer: Response = paginator.get_paginated_response(serializer(rows, many=True).data)
    return answer


def text(request: Request, name: str) -> str | None:
    """A word to compare with, or None."""
    value = request.query_params.get(name)
    if value and not value.isprintable():
        raise ValidationError({name: ["Holds characters that cannot be printed."]})
    return value or None


def choice(request: Request, name: str, choices: Iterable[str]) -> str | None:
    """One of the choices, or None."""
    value = request.query_params.get(name) or None
    if value is not None and value not in choices:
        raise ValidationError({name: [f"Must be one of {', '.join(choices)}."]})
    return value


def exchange(request: Request) -> str | None:
    """The slug of an exchange of ours, or None."""
    value = request.query_params.get("exchange") or None
    if value is not None and value not in current_policy().exchanges:
        raise ApiError(400, ReasonCode.UNKNOWN_EXCHANGE)
    return value


def instant(request: Request, name: str) -> datetime | None:
    """A date and time, or None."""
    value = request.query_params.get(name)
    if not value:
        return None
    try:
        found: datetime = serializers.DateTimeField().run_validation(value)
    except ValidationError as e:
        raise ValidationError({name: e.detail}) from None
    return found


def seconds(request: Request, name: str, *, default: float) -> float:
    """A time to wait."""
    value = request.query_params.get(name)
    if value is None:
        return default
    try:
        found = float(value)
    except ValueError:
        found = -1
    if not 0 <= found <= MAX_WAIT_S:
        raise ValidationError({name: [f"Must be a number of seconds from 0 to {MAX_WAIT_S:g}."]})
    return found


def uuid(value: str) -> UUID:
    """An id from the path; what is no id names nothing."""
    try:
        return UUID(value)
    except ValueError:
        raise NotFound from None
