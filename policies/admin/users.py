"""Users and groups. Only a superuser hands out rights: otherwise whoever may edit users could make themselves one."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from policies.admin.base import DeskAdmin
from policies.admin.dialogs import HaltRow
from policies.display.words import ago_tag, on_off
from policies.domain.policy import Scope

admin.site.unregister([User, Group])
RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(User)
class UserAdmin(HaltRow, DjangoUserAdmin, DeskAdmin):  # type: ignore[type-arg,misc]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    halt_scope = Scope.USER
    list_display = ("username", "person", "active", "may_log_in", "roles", "seen")
    list_filter = (
        ("is_active", BooleanRadioFilter),
        ("is_staff", BooleanRadioFilter),
        ("groups", RelatedDropdownFilter),
    )
    search_fields = ("username", "email", "first_name", "last_name")
    search_help_text = "Name or e-mail"
    ordering = ("username",)
    actions_row = ("halt",)
    list_filter_submit = True

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        own = ("last_login", "date_joined")
        return own if request.user.is_superuser else (*own, *RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if isinstance(obj, User) and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    @display(description="Name")  # type: ignore[untyped-decorator]
    def person(self, row: User) -> str:
        return row.get_full_name() or row.email or "–"

    @display(description="Account", ordering="is_active")  # type: ignore[untyped-decorator]
    def active(self, row: User) -> SafeString:
        return on_off(row.is_active)

    @display(description="Admin", ordering="is_staff")  # type: ignore[untyped-decorator]
    def may_log_in(self, row: User) -> str:
        return "superuser" if row.is_superuser else "yes" if row.is_staff else "no"

    @display(description="Roles")  # type: ignore[untyped-decorator]
    def roles(self, row: User) -> str:
        return ", ".join(group.name for group in row.groups.all()) or "–"

    @display(description="Last login", ordering="last_login")  # type: ignore[untyped-decorator]
    def seen(self, row: User) -> SafeString | str:
        return ago_tag(row.last_login)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, DeskAdmin):  # type: ignore[misc]
    empty_text = "No roles. `manage.py create_roles` makes the usual ones."

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)
