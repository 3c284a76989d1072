"""The palette (Ctrl+K): straight to a signal, an order, a strategy, a user, a reason code or a page."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from execution.admin.navigation import sidebar
from execution.admin.searching import MIN_PREFIX, id_begins, recently, with_key
from execution.models import Order, Signal
from policies.domain.reasons import MANUAL
from policies.models import Exchange, StrategyPolicy

_EACH = 6


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. No states in titles: they would be old before they are read."""

    title: str
    description: str
    link: str
    icon: str


def search(request: HttpRequest) -> HttpResponse:
    """Unfold's search address, answered by us: checked for permission, not cached, and working without Redis."""
    term = request.GET.get("s", "").strip()
    if not term:
        return HttpResponse()
    hits = find(request, term)
    extended = "extended" in request.GET
    context = {
        "results": Paginator(hits, 100).page(1),
        "page_obj": Paginator(hits, 100),
        "page_counter": 0,
        "execution_time": 0,
        "command_show_history": False,
    }
    template = "command_results" if extended else "search_results"
    response = render(request, f"unfold/helpers/{template}.html", context)
    response["HX-Trigger"] = "search"
    return response


def find(request: HttpRequest, term: str) -> list[Hit]:
    """Rows first, then pages."""
    return [
        *_signals(request, term),
        *_orders(request, term),
        *_named(request, term),
        *_reason_codes(term),
        *_pages(request, term),
    ]


def _signals(request: HttpRequest, term: str) -> list[Hit]:
    if len(term) < MIN_PREFIX or not request.user.has_perm("execution.view_signal"):
        return []
    found = list(Signal.objects.filter(id_begins("pk", term))[:_EACH]) or Signal.objects.filter(with_key(term))[:_EACH]
    return [
        Hit(
            f"Signal {str(row.pk)[:8]}",
            f"{row.side} {row.symbol} {row.strategy_id}",
            reverse("admin:execution_signal_change", args=[row.pk]),
            "bolt",
        )
        for row in found
    ]


def _orders(request: HttpRequest, term: str) -> list[Hit]:
    if len(term) < MIN_PREFIX or not request.user.has_perm("execution.view_order"):
        return []
    of_exchange = Order.objects.filter(recently("created_at"), exchange_order_id=term)
    rows = list(Order.objects.filter(id_begins("pk", term))[:_EACH]) or of_exchange[:_EACH]
    return [
        Hit(
            f"Order {row.client_order_id[:8]}",
            f"{row.side} {row.symbol} at {row.exchange_id} {row.exchange_order_id}",
            reverse("admin:execution_order_change", args=[row.pk]),
            "receipt_long",
        )
        for row in rows
    ]


def _named(request: HttpRequest, term: str) -> list[Hit]:
    """Small tables: here "contains" is fine."""
    users: Any = get_user_model().objects
    sources = (
        ("policies", "strategypolicy", "Strategy", "conversion_path", StrategyPolicy.objects, "strategy_id"),
        ("policies", "exchange", "Exchange", "account_balance", Exchange.objects, "slug"),
        ("auth", "user", "User", "person", users, "username"),
    )
    hits = []
    for app, model, kind, icon, rows, field in sources:
        if request.user.has_perm(f"{app}.view_{model}"):
            found = rows.filter(**{f"{field}__icontains": term}).order_by(field)[:_EACH]
            address = f"admin:{app}_{model}_change"
            hits += [Hit(getattr(row, field), kind, reverse(address, args=[row.pk]), icon) for row in found]
    return hits


def _reason_codes(term: str) -> list[Hit]:
    wanted = term.upper().replace(" ", "_")
    found = [code for code in MANUAL if wanted in code.value][:_EACH]
    return [
        Hit(code.value, MANUAL[code].meaning, reverse("admin:reason", args=[code.value]), "help_center")
        for code in found
    ]


def _pages(request: HttpRequest, term: str) -> list[Hit]:
    items = [item for group in sidebar(request) for item in group["items"] if item["permission"](request)]
    hits = [Hit(item["title"], "page", item["link"], item["icon"]) for item in items]
    if request.user.has_perm("policies.halt"):
        hits.append(Hit("Halt trading", "stops new orders", reverse("admin:halt"), "front_hand"))
    return [hit for hit in hits if term.lower() in hit.title.lower()]
