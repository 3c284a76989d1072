"""Alerts and what was told of them: looked at, taken, closed; a notice that failed is tried again."""

from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import display

from execution.admin.searching import BigTableAdmin
from execution.models import Alert, AlertDelivery
from execution.models.alert import DeliveryState
from execution.services import alerts
from policies.admin.alert_rules import severity_word
from policies.admin.dialogs import dialog_action, reason_action
from policies.display.formats import NOTHING
from policies.display.words import Tone, number, time_tag, word

_STATES = {
    DeliveryState.PENDING: Tone.WATCH,
    DeliveryState.SENT: Tone.OK,
    DeliveryState.FAILED: Tone.ACT,
}


class OpenFilter(DropdownFilter):  # type: ignore[misc]
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("untaken", "Open and taken by nobody"), ("closed", "Closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        chosen = {"open": {"closed_at": None}, "untaken": {"closed_at": None, "taken_by": None}}
        if self.value() == "closed":
            return queryset.exclude(closed_at=None)
        return queryset.filter(**chosen.get(self.value() or "", {}))


@admin.register(Alert)
class AlertAdmin(BigTableAdmin):
    empty_text = "No alerts."
    list_display = ("when", "how_bad", "subject", "scope_key", "times", "taken", "closed")
    list_display_links = ("subject",)
    list_filter = (
        OpenFilter,
        ("severity", ChoicesDropdownFilter),
        ("rule", RelatedDropdownFilter),
        ("opened_at", RangeDateTimeFilter),
    )
    list_select_related = ("rule", "taken_by", "closed_by")
    search_help_text = "Scope, e.g. an exchange, or the name of a rule"
    ordering = (F("closed_at").desc(nulls_first=True), "-opened_at")
    actions_row = ("take_alert", "close_alert")
    actions_detail = ("take_alert", "close_alert")
    fieldsets = (
        ("What", {"fields": ("how_bad", "subject", "evidence", "page", "rule", "scope_key")}),
        ("When", {"fields": ("began_at", "opened_at", "last_seen_at", "times", "closed")}),
        ("Who", {"fields": ("taken", "closed_by", "closed_reason", "told")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        """Without those that have not lasted long enough to be told."""
        rows: QuerySet[Alert] = super().get_queryset(request)
        return rows.exclude(opened_at=None)

    def find(self, rows: QuerySet[Alert], term: str) -> QuerySet[Alert]:
        found = rows.filter(scope_key=term)
        return found if found.exists() else rows.filter(rule__name__iexact=term)

    def has_handle_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whoever may change alerts takes and closes them."""
        return request.user.has_perm("execution.change_alert")

    @dialog_action(
        description="Take",
        permissions=["handle"],
        title="Take this alert",
        text="Everybody sees that you look into it, and it is not repeated any more.",
        submit="Take",
        icon="back_hand",
    )
    def take_alert(self, request: HttpRequest, row: Alert, answers: dict[str, Any]) -> str:
        alerts.take(row.pk, by=request.user)  # type: ignore[arg-type]
        return f"You look into “{row}”."

    @reason_action(
        description="Close…",
        permissions=["handle"],
        title="Close this alert",
        text="While its condition lasts it stays silent. Once it is over and comes back, it opens anew.",
        submit="Close",
        icon="done",
    )
    def close_alert(self, request: HttpRequest, row: Alert, reason: str) -> str:
        alerts.close(row.pk, by=request.user, reason=reason)  # type: ignore[arg-type]
        return f"“{row}” is closed."

    @display(description="Time", ordering="opened_at")  # type: ignore[untyped-decorator]
    def when(self, row: Alert) -> SafeString | str:
        return time_tag(row.opened_at)

    @display(description="Severity", ordering="severity")  # type: ignore[untyped-decorator]
    def how_bad(self, row: Alert) -> SafeString:
        return severity_word(row.severity)

    @display(description="Times")  # type: ignore[untyped-decorator]
    def times(self, row: Alert) -> SafeString:
        """Checks that found it."""
        return number(f"{row.times_seen:,}")

    @display(description="Taken by")  # type: ignore[untyped-decorator]
    def taken(self, row: Alert) -> str:
        return row.taken_by.get_username() if row.taken_by else NOTHING

    @display(description="State", ordering="closed_at")  # type: ignore[untyped-decorator]
    def closed(self, row: Alert) -> SafeString | str:
        return time_tag(row.closed_at) if row.closed_at else word("OPEN", Tone.WATCH if row.taken_by_id else Tone.ACT)

    @display(description="Evidence")  # type: ignore[untyped-decorator]
    def page(self, row: Alert) -> SafeString | str:
        return format_html('<a href="{}">Show it</a>', row.link) if row.link.startswith("/") else NOTHING

    @display(description="Told")  # type: ignore[untyped-decorator]
    def told(self, row: Alert) -> SafeString | str:
        rows = row.deliveries.select_related("channel").defer("channel__ciphertext").order_by("pk")[:50]
        lines = ((one.kind, one.channel.name, word(one.state.upper(), _STATES[one.state]), one.error) for one in rows)  # type: ignore[index]
        return format_html_join("", "<div>{} → {}: {} {}</div>", lines) or "Nobody: the rule has no channel."


@admin.register(AlertDelivery)
class AlertDeliveryAdmin(BigTableAdmin):
    empty_text = "Nothing was to be told."
    list_display = ("when", "about", "kind", "to", "how", "attempts", "next", "error")
    list_display_links = ("when",)
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("channel", RelatedDropdownFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_select_related = ("alert", "channel")
    search_help_text = "Name of a channel"
    ordering = ("-created_at",)
    actions_row = ("retry_notice",)
    actions_detail = ("retry_notice",)
    fieldsets = (
        ("What", {"fields": ("about", "kind", "to", "text")}),
        ("How it went", {"fields": ("how", "attempts", "created_at", "next_at", "sent_at", "give_up_at", "error")}),
    )

    def find(self, rows: QuerySet[AlertDelivery], term: str) -> QuerySet[AlertDelivery]:
        return rows.filter(channel__name__iexact=term)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertDelivery]:
        rows: QuerySet[AlertDelivery] = super().get_queryset(request)
        return rows.select_related("alert", "channel").defer("channel__ciphertext")

    def has_retry_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whoever may change deliveries."""
        return request.user.has_perm("execution.change_alertdelivery")

    @dialog_action(
        description="Retry",
        permissions=["retry"],
        title="Try this notice again",
        text="It is sent as soon as a worker can, and tried for another day.",
        submit="Retry",
        icon="replay",
    )
    def retry_notice(self, request: HttpRequest, row: AlertDelivery, answers: dict[str, Any]) -> str:
        alerts.retry(row.pk, by=request.user)  # type: ignore[arg-type]
        return "It is tried again within seconds."

    @display(description="Time", ordering="created_at")  # type: ignore[untyped-decorator]
    def when(self, row: AlertDelivery) -> SafeString | str:
        return time_tag(row.created_at)

    @display(description="Alert")  # type: ignore[untyped-decorator]
    def about(self, row: AlertDelivery) -> str:
        return row.alert.subject

    @display(description="Channel")  # type: ignore[untyped-decorator]
    def to(self, row: AlertDelivery) -> str:
        return row.channel.name

    @display(description="State", ordering="state")  # type: ignore[untyped-decorator]
    def how(self, row: AlertDelivery) -> SafeString:
        return word(row.state.upper(), _STATES[DeliveryState(row.state)], row.error)

    @display(description="Next try")  # type: ignore[untyped-decorator]
    def next(self, row: AlertDelivery) -> SafeString | str:
        return time_tag(row.next_at) if row.state == DeliveryState.PENDING else NOTHING
