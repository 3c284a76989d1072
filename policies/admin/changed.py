"""The column that says when a policy row was last changed."""

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from policies.display.words import ago_tag


class ChangedColumn:
    """For lists of rows with a history."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        key = rows.model._meta.pk.attname
        newest = rows.model.history.filter(**{key: OuterRef("pk")}).order_by("-history_date")
        annotated: QuerySet[Any] = rows.annotate(changed_at=Subquery(newest.values("history_date")[:1]))
        return annotated

    @display(description="Changed", ordering="changed_at")  # type: ignore[untyped-decorator]
    def changed(self, row: Any) -> SafeString | str:
        """How long ago; a row that is as installed has a dash."""
        return ago_tag(row.changed_at)
