"""The one row of routing settings."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import VERTICAL
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html

from policies.admin.base import PolicyAdmin
from policies.models import RoutingSettings

_OVER_TIME = (
    "Large signals can be traded in slices (TWAP), so that they move the price less. That is off while the first field "
    "is empty; 10000 is a usual threshold. A buy of 12,000 USDT then becomes as many slices as the second field says, "
    "evenly over the third: with 20 and 600, one of about 600 USDT every 30 s for ten minutes. The threshold is in the "
    "quote currency of the pair: 10000 on BTC/NOK is kroner. Exits, stop losses and signals that say how they are to "
    "be traded stay as they are, and the optimal split is not sliced for its size. "
    '<a class="text-link" href="{}">Preview</a> a large order to see what it would become.'
)


@admin.register(RoutingSettings)
class RoutingSettingsAdmin(PolicyAdmin):
    can_be_tried = True
    # The choices that can lose money or trade where nobody expects it are spelled out, not hidden in a menu.
    radio_fields = {
        "on_unknown_exchange": VERTICAL,
        "on_all_unhealthy": VERTICAL,
        "beyond_chain": VERTICAL,
        "on_missing_credential": VERTICAL,
        "on_extra_precision": VERTICAL,
        "arbitrage_one_legged": VERTICAL,
    }
    fieldsets = (
        (
            "When the answer is not clear",
            {
                "fields": (
                    "default_exchange",
                    "on_unknown_exchange",
                    "on_all_unhealthy",
                    "beyond_chain",
                    "on_missing_credential",
                )
            },
        ),
        ("Smart routing", {"fields": ("smart_route", "smart_needs_balance")}),
        ("Size and price", {"fields": ("on_extra_precision", "max_slippage_bps", "price_collar_bps")}),
        (
            "Trading over time",
            {"fields": ("twap_above", "twap_slices", "twap_horizon_s", "schedule_jitter", "passive_horizon_s")},
        ),
        ("Freshness", {"fields": ("book_max_age_s", "signal_max_age_s")}),
        (
            "Arbitrage",
            {
                "fields": (
                    "arbitrage_enabled",
                    "arbitrage_min_profit_bps",
                    "arbitrage_max_notional",
                    "arbitrage_book_max_age_s",
                    "arbitrage_one_legged",
                    "arbitrage_max_loss_bps",
                )
            },
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Trading over time with how to switch it on: it is off in a new installation."""
        description = format_html(_OVER_TIME, reverse("admin:route_preview"))
        return [
            (name, {**options, "description": description} if name == "Trading over time" else options)
            for name, options in self.fieldsets
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is nothing to list: the row itself opens."""
        return redirect(reverse("admin:policies_routingsettings_change", args=[1]))
