"""What came in through webhooks: who sent it, what became of it, and why."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter, MultipleChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from execution.admin.searching import BigTableAdmin, ReasonFilter
from execution.admin.webhook import sees_all
from execution.admin.webhook_words import OUTCOME_WORDS
from execution.models import WebhookDelivery
from policies.display.formats import NOTHING, latency
from policies.display.words import number, time_tag, word
from policies.models import Webhook


class HookFilter(DropdownFilter):  # type: ignore[misc]
    """By webhook, of those the reader may see."""

    title = "webhook"
    parameter_name = "hook"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Webhook.objects.all() if sees_all(request) else Webhook.objects.filter(owner=request.user.pk)
        return [(str(pk), name) for pk, name in rows.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> QuerySet[WebhookDelivery]:
        chosen = self.value() or ""
        return queryset.filter(webhook=int(chosen)) if chosen.isdecimal() else queryset


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(BigTableAdmin):
    empty_text = "Nothing came in. Requests to unknown addresses are not kept."
    list_display = ("when", "hook", "remote_ip", "state", "reason", "its_signal", "message", "took")
    list_display_links = ("when",)
    list_filter = (HookFilter, ("outcome", MultipleChoicesDropdownFilter), ReasonFilter, ("at", RangeDateTimeFilter))
    list_select_related = ("webhook",)
    search_help_text = "Name of the webhook, address or reason code"
    ordering = ("-at",)
    fieldsets = (
        ("What came", {"fields": ("webhook", "at", "remote_ip", "body", "body_hash")}),
        ("What became of it", {"fields": ("outcome", "reason_code", "detail", "its_signal", "took")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        rows: QuerySet[WebhookDelivery] = super().get_queryset(request)
        return rows if sees_all(request) else rows.filter(webhook__owner=request.user.pk)

    def find(self, rows: QuerySet[WebhookDelivery], term: str) -> QuerySet[WebhookDelivery]:
        if term.count(".") == 3 and term.replace(".", "").isdigit():
            return rows.filter(remote_ip__in=[term])
        return rows.filter(reason_code=term) if term.isupper() else rows.filter(webhook__name=term)

    @display(description="Time", ordering="at")  # type: ignore[untyped-decorator]
    def when(self, row: WebhookDelivery) -> SafeString | str:
        return time_tag(row.at)

    @display(description="Webhook")  # type: ignore[untyped-decorator]
    def hook(self, row: WebhookDelivery) -> SafeString:
        link = reverse("admin:policies_webhook_change", args=[row.webhook_id])
        return format_html('<a href="{}">{}</a>', link, row.webhook.name)

    @display(description="Outcome")  # type: ignore[untyped-decorator]
    def state(self, row: WebhookDelivery) -> SafeString:
        return word(*OUTCOME_WORDS[row.outcome])

    @display(description="Reason")  # type: ignore[untyped-decorator]
    def reason(self, row: WebhookDelivery) -> SafeString | str:
        return format_html('<code title="{}">{}</code>', row.detail, row.reason_code) if row.reason_code else NOTHING

    @display(description="Signal")  # type: ignore[untyped-decorator]
    def its_signal(self, row: WebhookDelivery) -> SafeString | str:
        if row.signal_id is None:
            return NOTHING
        link = reverse("admin:execution_signal_change", args=[row.signal_id])
        return format_html('<a href="{}" class="id" title="{}">{}…</a>', link, row.signal_id, str(row.signal_id)[:8])

    @display(description="Body")  # type: ignore[untyped-decorator]
    def message(self, row: WebhookDelivery) -> SafeString | str:
        return format_html('<span title="{}">{}</span>', row.body, row.body[:40]) if row.body else "not kept"

    @display(description="Took")  # type: ignore[untyped-decorator]
    def took(self, row: WebhookDelivery) -> SafeString:
        return number(latency(row.took_ms))
