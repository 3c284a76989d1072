"""The admin site: Unfold's, with the Desk and the pages that belong to no model."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.sites import UnfoldAdminSite

from execution.selectors.halts import current_halts
from policies.snapshot import current_policy


class RoutingAdminSite(UnfoldAdminSite):  # type: ignore[misc]
    site_title = "Routing platform"
    site_header = "Routing platform"
    index_title = "Desk"
    enable_nav_sidebar = True

    def extra_urls(self) -> list[URLPattern]:
        """Every one through `admin_view`: nobody sees them without logging in."""
        from execution.admin import (
            arbitrage,
            attention,
            costs,
            desk,
            exchange_status,
            halt,
            record,
            route_preview,
            trying,
        )

        views = (
            ("desk/part/", desk.desk_part, "desk_part"),
            ("desk/chart/", desk.desk_chart, "desk_chart"),
            ("needs-attention/", attention.needs_attention, "needs_attention"),
            ("needs-attention/part/", attention.attention_part, "attention_part"),
            ("exchange-status/", exchange_status.exchange_status, "exchange_status"),
            ("exchange-status/part/", exchange_status.exchange_status_part, "exchange_status_part"),
            ("exchange-status/history/", exchange_status.exchange_status_history, "exchange_status_history"),
            ("costs/", costs.costs, "costs"),
            ("fees/", costs.fees, "fees"),
            ("arbitrage/", arbitrage.arbitrage, "arbitrage"),
            ("arbitrage/part/", arbitrage.arbitrage_part, "arbitrage_part"),
            ("arbitrage/<int:opportunity>/trade/", arbitrage.arbitrage_trade, "arbitrage_trade"),
            ("route-preview/", route_preview.route_preview, "route_preview"),
            ("what-would-change/<str:model>/<path:pk>/", trying.what_would_change, "what_would_change"),
            ("banner/", halt.banner, "banner"),
            ("halt/", halt.halt, "halt"),
            ("denials/", record.denials, "denials"),
            ("changes/", record.changes, "changes"),
            ("reasons/", record.reasons, "reasons"),
            ("reasons/<str:code>/", record.reason, "reason"),
        )
        return [path(address, self.admin_view(view), name=name) for address, view, name in views]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context: dict[str, Any] = super().each_context(request)
        if self.has_permission(request):
            context["halts"] = current_halts(current_policy())
            context["may_halt_trading"] = request.user.has_perm("policies.halt")
            context["now"] = timezone.now()
        return context

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The palette."""
        from execution.admin.palette import search

        return search(request)
