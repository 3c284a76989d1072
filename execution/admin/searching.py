"""Search in big tables: by the beginning of an id, or by whole words. Never "contains", which reads every row."""

import re
import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter
from unfold.paginator import InfinitePaginator

from policies.admin.base import ReadOnlyAdmin
from policies.domain.reasons import MANUAL

MIN_PREFIX = 6
SEARCHED_DAYS = 7
_HEX = re.compile(r"[0-9a-f]{6,32}")


def id_range(text: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """The ids that begin with `text` (dashes do not matter), or None if that is no beginning of an id."""
    digits = text.strip().lower().replace("-", "")
    if not _HEX.fullmatch(digits):
        return None
    return uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))


def id_begins(field: str, text: str) -> Q:
    """A condition that an index on the id answers; matches nothing if `text` is no beginning of an id."""
    bounds = id_range(text)
    return Q(pk__in=[]) if bounds is None else Q(**{f"{field}__range": bounds})


def recently(field: str) -> Q:
    """What has no index is looked for in the last week only: in a year of rows it would take too long."""
    return Q(**{f"{field}__gt": timezone.now() - timedelta(days=SEARCHED_DAYS)})


def user_named(term: str) -> int | None:
    """The id of the user with exactly this name."""
    found: int | None = get_user_model().objects.filter(username=term).values_list("pk", flat=True).first()
    return found


def with_key(term: str) -> Q:
    """Signals with this idempotency key; keys belong to a user, so the index wants the users named."""
    return Q(user__in=list(get_user_model().objects.values_list("pk", flat=True)), idempotency_key=term)


class BigTableAdmin(ReadOnlyAdmin):
    """Pages without counting, search by `find`."""

    paginator = InfinitePaginator
    show_full_result_count = False
    search_fields = ("pk",)

    def find(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """The rows that a search term means here: the first meaning that finds any."""
        raise NotImplementedError

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (self.find(queryset, term) if term else queryset), False


class ReasonFilter(DropdownFilter):  # type: ignore[misc]
    """By reason code."""

    title = "reason"
    parameter_name = "reason_code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code.value, code.value) for code in sorted(MANUAL)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(reason_code=self.value()) if self.value() else queryset
