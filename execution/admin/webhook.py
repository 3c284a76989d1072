"""Webhooks: who may send alerts and what they mean; addresses and secrets are shown once and rotated."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_variables
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from execution.admin.pages import page
from execution.admin.preview_words import told
from execution.admin.webhook_trial import try_body
from execution.admin.webhook_words import OUTCOME_WORDS, address, command_line
from execution.api.parsers import MAX_WEBHOOK_BYTES
from execution.selectors.deliveries import Day, deliveries_today, latest_deliveries
from policies import webhooks
from policies.admin.base import PolicyAdmin
from policies.admin.dialogs import ReasonDialog, find_or_404, reason_action, show_once
from policies.display.words import ago_tag, number, on_off
from policies.forms.webhooks import WebhookForm
from policies.models import Webhook
from policies.models.webhook import TRADINGVIEW_ADDRESSES, WebhookKind

_KINDS = {WebhookKind.TRADINGVIEW: "TradingView", WebhookKind.SIGNED: "Signed"}
_FIXED = ("name", "owner", "kind")
_TRADINGVIEW = {f"{ip}/32" for ip in TRADINGVIEW_ADDRESSES}


class RotateDialog(ReasonDialog):
    """Asks why, and how long the old address stays valid."""

    grace = forms.TypedChoiceField(
        label="The old address works for",
        choices=(
            (0, "no longer: it ends now"),
            (600, "10 more minutes"),
            (3600, "1 more hour"),
            (86_400, "1 more day"),
        ),
        coerce=lambda seconds: timedelta(seconds=int(seconds)),
        initial=0,
        widget=UnfoldAdminSelectWidget,
    )


@admin.register(Webhook)
class WebhookAdmin(PolicyAdmin):
    form = WebhookForm
    empty_text = "No webhook. TradingView and other senders of alerts cannot connect."
    list_display = ("name", "owner", "of_kind", "switch", "from_where", "used", "deliveries_24h", "refused_24h")
    list_filter = (("kind", ChoicesDropdownFilter), ("enabled", BooleanRadioFilter))
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username", "notes")
    search_help_text = "Name, owner or notes"
    ordering = (F("last_used_at").desc(nulls_last=True), "name")
    actions_row = ("deliveries", "send_test", "rotate", "add_secret", "retire_secret", "switch_off")
    actions_detail = ("send_test", "rotate", "add_secret", "retire_secret", "switch_off")
    change_form_outer_before_template = "desk/webhook_now.html"
    fieldsets = (
        ("Whose", {"fields": ("name", "owner", "kind", "enabled", "notes")}),
        ("Who may send", {"fields": ("allowed_ips", "per_minute")}),
        ("What it may trade", {"fields": ("allowed_symbols", "symbol", "strategy_id", "exchange", "defaults")}),
        ("How a body is read", {"fields": ("body_map", "text_template")}),
        ("Repetitions and age", {"fields": ("alert_id_field", "window_s", "time_field", "max_age_s")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        """Without the right to all of them, people see their own only."""
        rows: QuerySet[Webhook] = super().get_queryset(request)
        return rows if sees_all(request) else rows.filter(owner=request.user.pk)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Only those of its kind: the header has room for five buttons beside Halt."""
        signed = self.get_queryset(request).filter(pk=object_id, kind=WebhookKind.SIGNED).exists()
        others = {"rotate"} if signed else {"add_secret", "retire_secret"}
        found = super().get_actions_detail(request, object_id)
        return [item for item in found if item.action_name.removeprefix("policies_webhook_") not in others]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return _FIXED if obj else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "owner" and not sees_all(request):
            kwargs["queryset"] = db_field.related_model.objects.filter(pk=request.user.pk)
            kwargs["initial"] = request.user.pk
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def prepare(self, rows: list[Any]) -> None:
        days = deliveries_today(row.pk for row in rows)
        for row in rows:
            row.day = days.get(row.pk, Day())

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        row = find_or_404(self.get_queryset(request).select_related("owner"), object_id)
        extra = {
            "hook": row,
            "address": address(request, row),
            "command": command_line(request, row, webhooks.body_rules(row)),
            "day": deliveries_today([row.pk]).get(row.pk, Day()),
            "latest": [(delivery, *OUTCOME_WORDS[delivery.outcome]) for delivery in latest_deliveries(row.pk)],
            "secrets": list(row.secrets.defer("ciphertext").filter(retired_at=None)),
            "old_address_works": bool(row.old_token_until and row.old_token_until > timezone.now()),
        }
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    @method_decorator(sensitive_variables())
    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        request.plaintext = webhooks.create_webhook(  # type: ignore[attr-defined]
            obj,
            reason=form.cleaned_data["reason"],
            by=request.user,  # type: ignore[arg-type]
        )

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The one page that ever shows the address or the secret. In no session, message or log, kept by no cache."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"Webhook {obj.name}",
            "opts": self.opts,
            **_once(request, obj, request.plaintext),  # type: ignore[attr-defined]
        }
        return TemplateResponse(
            request, "admin/policy/webhook_once.html", context, headers={"Cache-Control": "no-store"}
        )

    def has_rotate_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """A new address or secret is a change of the webhook."""
        return bool(self.has_change_permission(request))

    def has_switch_off_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Switching off makes things safer, so whoever may halt may do it too."""
        return bool(self.has_change_permission(request) or request.user.has_perm("policies.halt"))

    @action(description="Deliveries", permissions=["view"], icon="inbox")  # type: ignore[untyped-decorator]
    def deliveries(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The list of what came in, filtered."""
        row = find_or_404(self.get_queryset(request), object_id)
        return redirect(f"{reverse('admin:execution_webhookdelivery_changelist')}?{urlencode({'hook': row.pk})}")

    @action(description="Send a test", permissions=["view"], icon="science")  # type: ignore[untyped-decorator]
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A page that says what a pasted body would become. Nothing is stored or sent."""
        row = find_or_404(self.get_queryset(request), object_id)
        body = request.POST.get("body", "")[:MAX_WEBHOOK_BYTES]
        trial = try_body(row, body.encode("utf-8", "replace")) if request.method == "POST" else None
        context = told(trial.told, trial.symbol) if trial is not None and trial.told is not None else {}
        return page(
            request, "desk/webhook_test.html", f"Test {row.name}", opts=self.opts, hook=row, body=body, trial=trial,
            **context,
        )  # fmt: skip

    @reason_action(
        description="Rotate token…",
        permissions=["rotate"],
        title="Give this webhook a new address",
        text="The new address is shown once, right after this. When its time is up, the old one is refused.",
        submit="Rotate",
        icon="autorenew",
        form_class=RotateDialog,
    )
    @method_decorator(sensitive_variables())
    def rotate(self, request: HttpRequest, row: Webhook, reason: str, grace: timedelta) -> HttpResponse:
        token = webhooks.rotate_token(row, grace=grace, reason=reason, by=request.user)  # type: ignore[arg-type]
        return show_once(request, "admin/policy/webhook_once_part.html", **_once(request, row, token))

    @reason_action(
        description="Add secret…",
        permissions=["rotate"],
        title="Give this webhook a second secret",
        text="It is shown once, right after this. Both secrets are good until the old one is retired.",
        submit="Add",
        icon="add_moderator",
    )
    @method_decorator(sensitive_variables())
    def add_secret(self, request: HttpRequest, row: Webhook, reason: str) -> HttpResponse:
        secret = webhooks.add_secret(row, reason=reason, by=request.user)  # type: ignore[arg-type]
        return show_once(request, "admin/policy/webhook_once_part.html", **_once(request, row, secret))

    @reason_action(
        description="Retire old secret…",
        permissions=["rotate"],
        title="Retire the older secret",
        text="What is signed with it is refused within a second, and for good.",
        submit="Retire",
        icon="remove_moderator",
    )
    def retire_secret(self, request: HttpRequest, row: Webhook, reason: str) -> str:
        retired = webhooks.retire_secret(row, reason=reason, by=request.user)  # type: ignore[arg-type]
        return f"The secret {retired.fingerprint} of {row} is retired."

    @reason_action(
        description="Switch off…",
        permissions=["switch_off"],
        title="Switch this webhook off",
        text="Every request is refused within a second. What has already become a signal goes on.",
        submit="Switch off",
        icon="block",
    )
    def switch_off(self, request: HttpRequest, row: Webhook, reason: str) -> str:
        webhooks.switch_off(row, reason=reason, by=request.user)  # type: ignore[arg-type]
        return f"{row} is switched off."

    @display(description="Kind", ordering="kind")  # type: ignore[untyped-decorator]
    def of_kind(self, row: Webhook) -> str:
        return _KINDS[WebhookKind(row.kind)]

    @display(description="Enabled", ordering="enabled")  # type: ignore[untyped-decorator]
    def switch(self, row: Webhook) -> SafeString:
        return on_off(row.enabled)

    @display(description="From")  # type: ignore[untyped-decorator]
    def from_where(self, row: Webhook) -> SafeString | str:
        if not row.allowed_ips:
            return "anywhere"
        others = [network for network in row.allowed_ips if network not in _TRADINGVIEW]
        named = ["TradingView"] if set(row.allowed_ips) >= _TRADINGVIEW else []
        shown = ", ".join([*named, *(others if named else row.allowed_ips)])
        return format_html('<span title="{}">{}</span>', ", ".join(row.allowed_ips), shown)

    @display(description="Last used", ordering="last_used_at")  # type: ignore[untyped-decorator]
    def used(self, row: Webhook) -> SafeString | str:
        return "never" if row.last_used_at is None else ago_tag(row.last_used_at)

    @display(description="24 h")  # type: ignore[untyped-decorator]
    def deliveries_24h(self, row: Webhook) -> SafeString:
        return number(str(row.day.deliveries))  # type: ignore[attr-defined]

    @display(description="Refused 24 h")  # type: ignore[untyped-decorator]
    def refused_24h(self, row: Webhook) -> SafeString:
        return number(str(row.day.refused))  # type: ignore[attr-defined]


def sees_all(request: HttpRequest) -> bool:
    """Whether this person may see everybody's webhooks (never their addresses), or only the own ones."""
    return request.user.has_perm("policies.all_webhooks")


@sensitive_variables()
def _once(request: HttpRequest, row: Webhook, plaintext: str) -> dict[str, Any]:
    signed = row.kind == WebhookKind.SIGNED
    return {
        "row": row,
        "signed": signed,
        "plaintext": plaintext,
        "address": address(request, row, plaintext),
        "command": command_line(request, row, webhooks.body_rules(row), plaintext),
    }
