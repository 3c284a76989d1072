"""Alert rules: when somebody is told, of what, and where."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from policies.admin.base import PolicyAdmin
from policies.admin.changed import ChangedColumn
from policies.display.words import Tone, on_off, word
from policies.domain.alerts import MEANINGS, Condition, Severity
from policies.forms.alerts import RuleForm
from policies.models import AlertRule

_TONES = {Severity.INFO: Tone.BUSY, Severity.WARNING: Tone.WATCH, Severity.CRITICAL: Tone.ACT}


def severity_word(severity: str) -> SafeString:
    """`■ CRITICAL`."""
    return word(severity.upper(), _TONES[Severity(severity)])


@admin.register(AlertRule)
class AlertRuleAdmin(ChangedColumn, PolicyAdmin):
    form = RuleForm
    empty_text = "No rule: nobody is told of anything."
    list_display = ("name", "what", "limited", "how_bad", "tells", "switch", "changed")
    list_filter = (
        ("condition", ChoicesDropdownFilter),
        ("severity", ChoicesDropdownFilter),
        ("enabled", BooleanRadioFilter),
    )
    search_fields = ("name",)
    ordering = ("-enabled", "name")
    readonly_fields = ("meanings",)
    fieldsets = (
        ("What", {"fields": ("name", "condition", "scope", "threshold", "severity", "enabled")}),
        ("When", {"fields": ("for_s", "hold_s")}),
        ("Who is told", {"fields": ("channels", "repeat_s", "recovery_notice")}),
        ("The conditions", {"fields": ("meanings",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertRule]:
        rows: QuerySet[AlertRule] = super().get_queryset(request)
        return rows.annotate(told=ArrayAgg("channels__name", filter=None, default=[]))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if isinstance(field, forms.ModelMultipleChoiceField) and field.queryset is not None:
            field.queryset = field.queryset.defer("ciphertext")
        return field

    @display(description="What", ordering="condition")  # type: ignore[untyped-decorator]
    def what(self, row: AlertRule) -> str:
        meaning = MEANINGS[Condition(row.condition)]
        return f"{meaning.label}, more than {row.threshold:,}" if row.threshold is not None else meaning.label

    @display(description="Only", ordering="scope")  # type: ignore[untyped-decorator]
    def limited(self, row: AlertRule) -> str:
        return row.scope or "–"

    @display(description="Severity", ordering="severity")  # type: ignore[untyped-decorator]
    def how_bad(self, row: AlertRule) -> SafeString:
        return severity_word(row.severity)

    @display(description="Tells")  # type: ignore[untyped-decorator]
    def tells(self, row: Any) -> str:
        return ", ".join(sorted(filter(None, row.told))) or "nobody; it is listed"

    @display(description="On", ordering="enabled")  # type: ignore[untyped-decorator]
    def switch(self, row: AlertRule) -> SafeString:
        return on_off(row.enabled)

    @display(description="What each one means")  # type: ignore[untyped-decorator]
    def meanings(self, row: AlertRule) -> SafeString:
        """The table of conditions."""
        lines = (
            (
                meaning.label,
                meaning.meaning,
                f" Threshold: {meaning.threshold}." if meaning.threshold else "",
                f" Can be limited to one {meaning.scope}." if meaning.scope else "",
            )
            for meaning in MEANINGS.values()
        )
        return format_html("<ul>{}</ul>", format_html_join("", "<li><b>{}</b>: {}{}{}</li>", lines))
