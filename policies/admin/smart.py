"""Routing strategies, and what users prefer."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from policies.admin.base import PolicyAdmin
from policies.admin.changed import ChangedColumn
from policies.display.words import number
from policies.domain.numbers import plain
from policies.forms.smart import RoutingStrategyForm, TradingPreferenceForm
from policies.models import RoutingStrategy, TradingPreference


@admin.register(RoutingStrategy)
class RoutingStrategyAdmin(ChangedColumn, PolicyAdmin):
    can_be_tried = True
    form = RoutingStrategyForm
    empty_text = "No routing strategy. `manage.py migrate` installs them."
    list_display = ("label", "counts", "slowest", "liquidity_wanted", "legs", "changed")
    list_display_links = ("label",)
    ordering = ("name",)
    fieldsets = (
        (
            "Points",
            {
                "fields": (
                    ("price", "cost"),
                    ("fees", "liquidity"),
                    ("latency", "reliability"),
                    ("load", "pair"),
                ),
                "description": "Weights; only their ratio counts. The optimal split reads them where an order must "
                "stay whole: a limit that rests, or all or nothing.",
            },
        ),
        ("Who is compared", {"fields": (("max_latency_ms", "fast_below_ms"), "min_liquidity")}),
        (
            "Expected costs of the optimal split",
            {
                "fields": (
                    ("volatility_percent", "late_factor"),
                    ("stale_factor", "reject_bps"),
                    ("leg_bps", "max_legs"),
                ),
                "description": "In basis points of the order, beside price and fee. 0 switches a term off.",
            },
        ),
        ("Notes", {"fields": ("notes",)}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @display(description="Strategy", ordering="name")  # type: ignore[untyped-decorator]
    def label(self, row: RoutingStrategy) -> str:
        return row.get_name_display()

    @display(description="What counts")  # type: ignore[untyped-decorator]
    def counts(self, row: RoutingStrategy) -> str:
        if row.pk == "optimal_split":
            return "expected cost in bps"
        return ", ".join(f"{name} {weight}" for name, weight in row.terms().weights())

    @display(description="Slowest")  # type: ignore[untyped-decorator]
    def slowest(self, row: RoutingStrategy) -> SafeString:
        return number(f"{row.max_latency_ms} ms" if row.max_latency_ms else "–")

    @display(description="Least liquidity")  # type: ignore[untyped-decorator]
    def liquidity_wanted(self, row: RoutingStrategy) -> SafeString:
        return number(f"{plain(row.min_liquidity)} ×" if row.min_liquidity else "–")

    @display(description="Most parts")  # type: ignore[untyped-decorator]
    def legs(self, row: RoutingStrategy) -> SafeString:
        return number("1" if row.pk != "optimal_split" else str(row.max_legs or "all"))


@admin.register(TradingPreference)
class TradingPreferenceAdmin(ChangedColumn, PolicyAdmin):
    can_be_tried = True
    form = TradingPreferenceForm
    empty_text = "Nobody prefers anything: signals follow their strategy, or go to the default exchange."
    list_display = ("user", "prefers", "routing", "risk_tolerance", "changed")
    list_filter = (("routing_strategy", ChoicesDropdownFilter), ("risk_tolerance", ChoicesDropdownFilter))
    list_select_related = ("user",)
    search_fields = ("user__username",)
    search_help_text = "User"
    ordering = ("user__username",)
    fieldsets = (
        ("Who", {"fields": ("user",)}),
        ("What is preferred", {"fields": ("preferred_exchanges", "routing_strategy", "risk_tolerance")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("user",) if obj else ()

    @display(description="Exchanges")  # type: ignore[untyped-decorator]
    def prefers(self, row: TradingPreference) -> str:
        return ", ".join(row.preferred_exchanges) or "any"

    @display(description="Routing", ordering="routing_strategy")  # type: ignore[untyped-decorator]
    def routing(self, row: TradingPreference) -> str:
        return row.get_routing_strategy_display() if row.routing_strategy else "default exchange"
