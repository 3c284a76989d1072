"""The one row of routing settings."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import VERTICAL
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from policies.admin.base import PolicyAdmin
from policies.models import RoutingSettings


@admin.register(RoutingSettings)
class RoutingSettingsAdmin(PolicyAdmin):
    # The choices that can lose money or trade where nobody expects it are spelled out, not hidden in a menu.
    radio_fields = {
        "on_unknown_exchange": VERTICAL,
        "on_all_unhealthy": VERTICAL,
        "beyond_chain": VERTICAL,
        "on_missing_credential": VERTICAL,
        "on_extra_precision": VERTICAL,
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
        ("Arbitrage", {"fields": ("arbitrage_min_profit_bps", "arbitrage_max_notional")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is nothing to list: the row itself opens."""
        return redirect(reverse("admin:policies_routingsettings_change", args=[1]))
