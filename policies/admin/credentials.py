"""Exchange credentials: keys go in, are frozen, released and replaced, and are never shown."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from policies.admin.base import PolicyAdmin
from policies.admin.changed import ChangedColumn
from policies.admin.dialogs import reason_action
from policies.display.formats import age_since
from policies.display.words import Tone, mode_label, word
from policies.domain.credentials import FIELD_NAMES
from policies.domain.policy import Mode
from policies.forms.credentials import CredentialForm
from policies.models import ExchangeCredential
from policies.models.choices import KeyCheckChoices
from policies.services import set_frozen, store_credential

_CHECK_TONES = {
    KeyCheckChoices.ACCEPTED: Tone.OK,
    KeyCheckChoices.REFUSED: Tone.ACT,
    KeyCheckChoices.DANGEROUS: Tone.ACT,
}
KEYS = ("Keys", {"fields": ("stored", *FIELD_NAMES)})


@admin.register(ExchangeCredential)
class ExchangeCredentialAdmin(ChangedColumn, PolicyAdmin):
    form = CredentialForm
    empty_text = "No keys stored. Paper orders need none."
    list_display = ("user", "exchange", "in_mode", "key", "state", "checked", "label", "changed")
    list_filter = (
        ("exchange", RelatedDropdownFilter),
        ("mode", ChoicesDropdownFilter),
        ("frozen", BooleanRadioFilter),
        ("check_result", ChoicesDropdownFilter),
    )
    list_select_related = ("user", "exchange")
    search_fields = ("user__username", "label", "last_four")
    search_help_text = "User, label or last four"
    ordering = ("-frozen", "user", "exchange")
    actions_row = ("freeze", "release")
    conditional_fields = {
        # On the change form the exchange is no input: its fields were chosen on the server.
        "passphrase": "typeof exchange === 'undefined' || ['okx', 'kucoin'].includes(exchange)",
        "client_id": "typeof exchange === 'undefined' || exchange == 'firi'",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExchangeCredential]:
        """A credential owner sees the own keys only."""
        rows: QuerySet[ExchangeCredential] = super().get_queryset(request).defer("ciphertext")
        return rows if sees_all(request) else rows.filter(user=request.user.pk)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        who = ("Whose, and where", {"fields": ("user", "exchange", "mode", "label")})
        if obj is None:
            return (who, ("Keys", {"fields": FIELD_NAMES}))
        if not self.has_change_permission(request, obj):
            return (who, ("Keys", {"fields": ("stored",)}))
        names = [name for name in FIELD_NAMES if name in CredentialForm(instance=obj).fields]
        return (who, ("Keys", {"fields": ("stored", *names)}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("user", "exchange", "mode", "stored") if obj else ("stored",)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user" and not sees_all(request):
            kwargs["queryset"] = db_field.related_model.objects.filter(pk=request.user.pk)
            kwargs["initial"] = request.user.pk
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @method_decorator(sensitive_post_parameters(*FIELD_NAMES))
    @method_decorator(sensitive_variables())
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().changeform_view(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        reason = form.cleaned_data["reason"]
        if not form.secrets:
            obj.save(update_fields=["label"])
            return
        stored = store_credential(
            user=obj.user,
            exchange=obj.exchange_id,
            mode=Mode(obj.mode),
            secrets=form.secrets,
            by=request.user,  # type: ignore[arg-type]
            label=obj.label,
            reason=reason,
        )
        obj.pk = stored.pk

    def has_freeze_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Freezing makes things safer, so whoever may halt may do it too."""
        return bool(self.has_change_permission(request) or request.user.has_perm("policies.halt"))

    def has_release_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Releasing is a change of the keys."""
        return bool(self.has_change_permission(request))

    @reason_action(
        description="Freeze…",
        permissions=["freeze"],
        title="Freeze these keys",
        text="No further order is sent with them, within a second. Open orders stay at the exchange.",
        submit="Freeze",
        icon="ac_unit",
    )
    def freeze(self, request: HttpRequest, row: ExchangeCredential, reason: str) -> str:
        if row.frozen:
            raise ValidationError(f"These keys are frozen already: “{row.frozen_reason}”.")
        set_frozen(row, frozen=True, reason=reason, by=request.user)  # type: ignore[arg-type]
        return f"{row} is frozen. Nothing more is sent with these keys."

    @reason_action(
        description="Release…",
        permissions=["release"],
        title="Release these keys",
        text="Orders may be sent with them again, within a second.",
        submit="Release",
        icon="lock_open",
    )
    def release(self, request: HttpRequest, row: ExchangeCredential, reason: str) -> str:
        if not row.frozen:
            raise ValidationError("These keys are not frozen.")
        set_frozen(row, frozen=False, reason=reason, by=request.user)  # type: ignore[arg-type]
        return f"{row} is released."

    @display(description="Mode", ordering="mode")  # type: ignore[untyped-decorator]
    def in_mode(self, row: ExchangeCredential) -> SafeString:
        return mode_label(row.mode)

    @display(description="Key")  # type: ignore[untyped-decorator]
    def key(self, row: ExchangeCredential) -> SafeString:
        return format_html('<span class="id">••••{}</span>', row.last_four)

    @display(description="State", ordering="frozen")  # type: ignore[untyped-decorator]
    def state(self, row: ExchangeCredential) -> SafeString:
        return word("FROZEN", Tone.ACT, row.frozen_reason) if row.frozen else word("IN USE", Tone.OK)

    @display(description="Asked the exchange", ordering="checked_at")  # type: ignore[untyped-decorator]
    def checked(self, row: ExchangeCredential) -> SafeString:
        """What the exchange said of the keys, and when."""
        if row.checked_at is None:
            return SafeString('<span class="quiet">not checked yet</span>')
        tone = _CHECK_TONES.get(KeyCheckChoices(row.check_result), Tone.WATCH)
        said = word(row.get_check_result_display().upper(), tone, row.check_detail)
        anywhere = ", from any address" if row.ip_restricted is False else ""
        return format_html("{} {} ago{}", said, age_since(row.checked_at, timezone.now()), anywhere)

    @display(description="Stored")  # type: ignore[untyped-decorator]
    def stored(self, row: ExchangeCredential) -> SafeString:
        """What can be said about keys without showing them."""
        if row.pk is None or row._state.adding:
            return SafeString("–")
        frozen = format_html(" · {} {}", self.state(row), row.frozen_reason) if row.frozen else ""
        return format_html(
            '<span class="id">••••{}</span> · fingerprint <span class="id">{}</span> · version {} · {}{}',
            row.last_four,
            row.fingerprint,
            row.version,
            self.checked(row),
            frozen,
        )


def sees_all(request: HttpRequest) -> bool:
    """Whether this person may see everybody's keys (never the secrets), or only the own ones."""
    return request.user.has_perm("policies.all_credentials")
