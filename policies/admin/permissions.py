"""Trading permissions: what each user may trade, where, and how much at once."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter, RelatedDropdownFilter
from unfold.decorators import display

from policies.admin.base import PolicyAdmin, PolicyInline
from policies.admin.changed import ChangedColumn
from policies.admin.dialogs import HaltRow
from policies.display.words import on_off
from policies.domain.numbers import money
from policies.domain.policy import Scope
from policies.forms.permissions import OrderSizeFormSet, TradingPermissionForm
from policies.models import OrderSizeLimit, TradingPermission

_SHOWN = 3


class OrderSizeInline(PolicyInline):
    model = OrderSizeLimit
    formset = OrderSizeFormSet
    fields = ("currency", "max_notional")
    verbose_name_plural = "largest order, one row per quote currency"


@admin.register(TradingPermission)
class TradingPermissionAdmin(HaltRow, ChangedColumn, PolicyAdmin):
    form = TradingPermissionForm
    halt_scope = Scope.USER
    empty_text = "Nobody may trade yet: users without a row here are denied NO_PERMISSION."
    list_display = ("user", "trades", "where", "what", "sizes", "changed")
    list_filter = (("enabled", BooleanRadioFilter), ("exchanges", RelatedDropdownFilter))
    list_select_related = ("user",)
    search_fields = ("user__username",)
    search_help_text = "User"
    ordering = ("user__username",)
    actions_row = ("halt",)
    inlines = (OrderSizeInline,)
    conditional_fields = {"exchanges": "all_exchanges == false"}
    fieldsets = (
        ("Who", {"fields": ("user", "enabled", "arbitrage")}),
        ("Where and what", {"fields": ("all_exchanges", "exchanges", "pairs")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[TradingPermission]:
        rows: QuerySet[TradingPermission] = super().get_queryset(request)
        return rows.prefetch_related("exchanges", "order_sizes")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("user",) if obj else ()

    def halt_target(self, row: TradingPermission) -> str:
        return str(row.user_id)

    @display(description="Trading", ordering="enabled")  # type: ignore[untyped-decorator]
    def trades(self, row: TradingPermission) -> SafeString:
        return on_off(row.enabled)

    @display(description="Exchanges")  # type: ignore[untyped-decorator]
    def where(self, row: TradingPermission) -> str:
        return "all" if row.all_exchanges else _few([exchange.pk for exchange in row.exchanges.all()])

    @display(description="Pairs")  # type: ignore[untyped-decorator]
    def what(self, row: TradingPermission) -> str:
        return _few(row.pairs) if row.pairs else "all"

    @display(description="Largest order")  # type: ignore[untyped-decorator]
    def sizes(self, row: TradingPermission) -> str:
        return _few([f"{money(size.max_notional)} {size.currency}" for size in row.order_sizes.all()])


def _few(names: list[str]) -> str:
    if not names:
        return "none"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
