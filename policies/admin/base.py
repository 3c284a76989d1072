"""What every page of the admin has in common.

Policy is never deleted, only switched off; every change of it carries a reason and is refused when the row changed
meanwhile. What the machine writes can be looked at and nothing else.
"""

from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminTextareaWidget

from policies.forms.base import PlainModelForm, PolicyForm
from policies.selectors import history


class PreparedList(ChangeList):  # type: ignore[misc]
    """A list whose rows the admin completes with figures from elsewhere, all at once.

    They are put on the rows, never on the admin: one admin object serves all threads.
    """

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list: list[Any] = list(self.result_list)
        self.model_admin.prepare(self.result_list)


class DeskAdmin(ModelAdmin):  # type: ignore[misc]
    """Lists and pages as wide as the window, without bulk actions and without deleting."""

    actions = None
    list_fullwidth = True
    list_filter_submit = True
    list_disable_select_all = True
    list_per_page = 50
    empty_text = ""
    """What an empty list says; every admin has its own."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PreparedList]:
        return PreparedList

    def prepare(self, rows: list[Any]) -> None:
        """Complete the rows of a list that is about to be shown."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AtExchange:
    """The column that names the exchange, without a query per row."""

    @display(description="Exchange", ordering="exchange")  # type: ignore[untyped-decorator]
    def at_exchange(self, row: Any) -> str:
        """Its slug."""
        return str(row.exchange_id)


class WithHistory:
    """The page with every change of a row."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Every change with its fields, reason and author. To be read only."""
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))  # type: ignore[attr-defined]
        if row is None:
            raise Http404
        if not self.has_view_or_change_permission(request, row):  # type: ignore[attr-defined]
            raise PermissionDenied
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": f"History of {row}",
            "opts": self.opts,  # type: ignore[attr-defined]
            "object": row,
            "changes": history.changes(type(row), row.pk),
            **(extra_context or {}),
        }
        return render(request, "admin/policy/history.html", context)


class PlainChoices:
    """No "add", "change" and "view" buttons beside a choice: what can be chosen has a page of its own."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        for link in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
            if hasattr(getattr(field, "widget", None), link):
                setattr(field.widget, link, False)
        return field


class PolicyAdmin(WithHistory, PlainChoices, DeskAdmin):
    """Rows that people edit."""

    form = PolicyForm
    can_be_tried = False
    """Whether its form can be tried on the latest decisions before it is saved (`execution.admin.trying`)."""
    warn_unsaved_form = True
    change_form_after_template = "admin/policy/reason.html"
    formfield_overrides = {models.TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 2})}}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        extra = {"show_save_and_add_another": False, **(extra_context or {})}
        if self.can_be_tried and object_id is not None:
            extra["try_at"] = reverse("admin:what_would_change", args=[self.opts.model_name, unquote(object_id)])
        return super().changeform_view(request, object_id, form_url, extra)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """On saving, the row stays locked from the check of its version to the commit."""
        row = super().get_object(request, object_id, from_field)
        if row is not None and request.method == "POST":
            list(self.model._base_manager.select_for_update().filter(pk=row.pk).values_list("pk"))
            row.refresh_from_db()
        return row

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        row = super().save_form(request, form, change)
        # One time for all rows of this save: the history shows them as one change.
        request.saved_at = timezone.now()  # type: ignore[attr-defined]
        sign(row, form.cleaned_data["reason"], request)
        return row

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        for row_form in formset.forms:
            sign(row_form.instance, form.cleaned_data["reason"], request)
        super().save_formset(request, form, formset, change)


class PolicyInline(PlainChoices, TabularInline):  # type: ignore[misc]
    """Rows that belong to a policy row and are edited with it."""

    form = PlainModelForm
    extra = 0
    hide_title = True
    show_change_link = False


class ReadOnlyAdmin(DeskAdmin):
    """Rows that the machine writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        return super().change_view(request, object_id, form_url, extra_context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """People did nothing to these rows; what the machine did is on their own pages."""
        raise Http404


def sign(row: models.Model, reason: str, request: HttpRequest) -> None:
    """Note on the row who changes it, when and why; simple_history keeps it."""
    row._change_reason = reason  # type: ignore[attr-defined]
    row._history_user = request.user  # type: ignore[attr-defined]
    row._history_date = request.saved_at  # type: ignore[attr-defined]
