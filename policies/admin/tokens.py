"""API tokens: made here, shown once, revoked for good."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_variables
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from policies.admin.base import PolicyAdmin
from policies.admin.dialogs import reason_action
from policies.display.words import Tone, ago_tag, time_tag, word
from policies.forms.tokens import TokenForm
from policies.models import ApiToken
from policies.services import create_token, revoke_token


class StateFilter(DropdownFilter):  # type: ignore[misc]
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Live"), ("expired", "Expired"), ("revoked", "Revoked"), ("unused", "Live and never used")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> QuerySet[ApiToken]:
        live = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        chosen = {
            "live": live,
            "expired": Q(revoked_at=None, expires_at__lte=timezone.now()),
            "revoked": Q(revoked_at__isnull=False),
            "unused": live & Q(last_used_at=None),
        }.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(chosen)


@admin.register(ApiToken)
class ApiTokenAdmin(PolicyAdmin):
    form = TokenForm
    empty_text = "No token. Clients cannot connect."
    list_display = ("name", "user", "begins_with", "may", "from_where", "expires", "used", "state")
    list_filter: tuple[type[SimpleListFilter] | tuple[str, Any], ...] = (StateFilter, ("user", RelatedDropdownFilter))
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username")
    search_help_text = "Name, user or beginning of the token"
    ordering = (F("revoked_at").desc(nulls_first=True), F("last_used_at").desc(nulls_last=True))
    actions_row = ("revoke",)
    fieldsets = (
        ("Whose", {"fields": ("name", "user")}),
        ("What it may do", {"fields": ("scopes", "allowed_ips", "expires_at")}),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A token is never edited: make another, revoke this one."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_view_permission(request, obj) or super().has_change_permission(request, obj))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.fieldsets
        shown = ("state", "begins_with", "may", "from_where", "expires_at", "created_at", "last_used_at")
        return (("Whose", {"fields": ("name", "user")}), ("Token", {"fields": shown}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("state", "begins_with", "may", "from_where", "created_at", "last_used_at")

    @method_decorator(sensitive_variables())
    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        token, request.plaintext_token = create_token(  # type: ignore[attr-defined]
            user=obj.user,
            name=obj.name,
            scopes=form.cleaned_data["scopes"],
            by=request.user,  # type: ignore[arg-type]
            expires_at=obj.expires_at,
            allowed_ips=form.cleaned_data["allowed_ips"],
        )
        ApiToken.history.filter(id=token.pk).update(history_change_reason=form.cleaned_data["reason"])
        obj.pk = token.pk

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The one page that ever shows the token. It is in no session, message or log, and not kept by the browser."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"Token {obj.name}",
            "opts": self.opts,
            "token": request.plaintext_token,  # type: ignore[attr-defined]
            "row": obj,
        }
        return TemplateResponse(request, "admin/policy/token_once.html", context, headers={"Cache-Control": "no-store"})

    def has_revoke_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whoever may change tokens, and whoever may halt: revoking makes things safer."""
        return bool(super().has_change_permission(request) or request.user.has_perm("policies.halt"))

    @reason_action(
        description="Revoke…",
        permissions=["revoke"],
        title="Revoke this token",
        text="The client is refused within a second, and for good. What it has already submitted goes on.",
        submit="Revoke",
        icon="block",
    )
    def revoke(self, request: HttpRequest, row: ApiToken, reason: str) -> str:
        if row.revoked_at is not None:
            raise ValidationError("This token is revoked already.")
        revoke_token(row, reason=reason, by=request.user)  # type: ignore[arg-type]
        return f"Token {row} is revoked."

    @display(description="Begins with")  # type: ignore[untyped-decorator]
    def begins_with(self, row: ApiToken) -> SafeString:
        return format_html('<span class="id">{}…</span>', row.prefix)

    @display(description="May")  # type: ignore[untyped-decorator]
    def may(self, row: ApiToken) -> str:
        return ", ".join(row.scopes)

    @display(description="From")  # type: ignore[untyped-decorator]
    def from_where(self, row: ApiToken) -> str:
        return ", ".join(row.allowed_ips) or "anywhere"

    @display(description="Expires", ordering="expires_at")  # type: ignore[untyped-decorator]
    def expires(self, row: ApiToken) -> SafeString | str:
        return "never" if row.expires_at is None else time_tag(row.expires_at)

    @display(description="Last used", ordering="last_used_at")  # type: ignore[untyped-decorator]
    def used(self, row: ApiToken) -> SafeString | str:
        return "never" if row.last_used_at is None else ago_tag(row.last_used_at)

    @display(description="State")  # type: ignore[untyped-decorator]
    def state(self, row: ApiToken) -> SafeString:
        if row.revoked_at is not None:
            return word("REVOKED", Tone.OFF)
        return word("LIVE", Tone.OK) if row.is_live(timezone.now()) else word("EXPIRED", Tone.OFF)
