"""Alert channels: where notices go. Secrets go in and are never shown; a test says at once whether it works."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import display

from execution.services import alerts
from policies.admin.base import PolicyAdmin
from policies.admin.changed import ChangedColumn
from policies.admin.dialogs import dialog_action
from policies.alerts import store_channel
from policies.display.words import Tone, ago_tag, on_off, word
from policies.domain.alert_targets import FIELDS, SECRET_NAMES
from policies.domain.alerts import ChannelKind
from policies.forms.alerts import ChannelForm
from policies.models import AlertChannel


@admin.register(AlertChannel)
class AlertChannelAdmin(ChangedColumn, PolicyAdmin):
    form = ChannelForm
    empty_text = "No channel: alerts are listed here, and nobody is told."
    list_display = ("name", "kind", "where", "secret", "switch", "last", "changed")
    list_filter = (("kind", ChoicesDropdownFilter), ("enabled", BooleanRadioFilter))
    search_fields = ("name",)
    ordering = ("name",)
    actions_row = ("send_test_notice",)
    actions_detail = ("send_test_notice",)
    conditional_fields = {
        field.name: f"typeof kind === 'undefined' || kind == '{kind.value}'"
        for kind, fields in FIELDS.items()
        for field in fields
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertChannel]:
        rows: QuerySet[AlertChannel] = super().get_queryset(request)
        return rows if request.method == "POST" else rows.defer("ciphertext")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        what = ("What", {"fields": ("name", "kind", "enabled")})
        if obj is None:
            names = tuple(field.name for fields in FIELDS.values() for field in fields)
        elif not self.has_change_permission(request, obj):
            return (what, ("Where", {"fields": ("where", "secret", "last")}))
        else:
            names = ("secret", "last", *(field.name for field in FIELDS[ChannelKind(obj.kind)]))
        return (what, ("Where", {"fields": names}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("kind", "where", "secret", "last") if obj else ()

    @method_decorator(sensitive_post_parameters(*SECRET_NAMES))
    @method_decorator(sensitive_variables())
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().changeform_view(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        store_channel(obj, form.target, reason=form.cleaned_data["reason"], by=request.user)  # type: ignore[arg-type]

    def has_test_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whoever may change a channel may try it."""
        return bool(self.has_change_permission(request))

    @dialog_action(
        description="Send a test…",
        permissions=["test"],
        title="Send a test",
        text="A notice that says so goes there now. Its result is shown here; that takes 10 s at the most.",
        submit="Send",
        icon="send",
    )
    def send_test_notice(self, request: HttpRequest, row: AlertChannel, answers: dict[str, Any]) -> str:
        error = alerts.send_test(row, by=request.user)  # type: ignore[arg-type]
        if error:
            raise ValidationError(f"Not sent: {error}")
        return f"{row} accepted the test."

    @display(description="Where")  # type: ignore[untyped-decorator]
    def where(self, row: AlertChannel) -> str:
        shown = ("recipients", "telegram_chat")
        return next((row.settings[name] for name in shown if row.settings.get(name)), row.get_kind_display())

    @display(description="Secret")  # type: ignore[untyped-decorator]
    def secret(self, row: AlertChannel) -> SafeString:
        return format_html('<span class="id">{}</span>', row.secret_shown or "–")

    @display(description="On", ordering="enabled")  # type: ignore[untyped-decorator]
    def switch(self, row: AlertChannel) -> SafeString:
        return on_off(row.enabled)

    @display(description="Last result", ordering="last_at")  # type: ignore[untyped-decorator]
    def last(self, row: AlertChannel) -> SafeString | str:
        if row.last_at is None:
            return "never used"
        said = word("SENT", Tone.OK) if row.last_ok else word("FAILED", Tone.ACT, row.last_error)
        return format_html("{} {} {}", said, ago_tag(row.last_at), row.last_error)
