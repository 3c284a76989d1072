"""Every address of the admin, from its registry: what the access tests walk through."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.urls import reverse

PAGES = (
    "index",
    "desk_part",
    "desk_chart",
    "needs_attention",
    "attention_part",
    "exchange_status",
    "exchange_status_part",
    "exchange_status_history",
    "costs",
    "fees",
    "arbitrage",
    "arbitrage_part",
    "banner",
    "halt",
    "route_preview",
    "denials",
    "changes",
    "reasons",
)


@dataclass(frozen=True)
class Address:
    name: str
    path: str


def all_addresses() -> list[Address]:
    """Lists, forms, histories, deletions and actions of every model, and the pages that belong to none."""
    found = [Address(name, reverse(f"admin:{name}")) for name in PAGES]
    found.append(Address("arbitrage_trade", reverse("admin:arbitrage_trade", args=[1])))
    found.append(Address("reason", reverse("admin:reason", args=["ORDER_VALUE"])))
    found.append(Address("would_change", reverse("admin:what_would_change", args=["routingsettings", 1])))
    found.append(Address("search", reverse("admin:search") + "?s=binance&extended=1"))
    found.append(Address("preview", reverse("admin:policies_failoverchain_preview")))
    for model, model_admin in admin.site._registry.items():
        found += of_model(model, model_admin)
    return found


def of_model(model: Any, model_admin: Any) -> list[Address]:
    info = f"{model._meta.app_label}_{model._meta.model_name}"
    row = model._default_manager.first()
    assert row is not None, f"the seeded desk has no {info}"
    found = [Address(f"{info}_{view}", reverse(f"admin:{info}_{view}")) for view in ("changelist", "add")]
    for view in ("change", "history", "delete"):
        found.append(Address(f"{info}_{view}", reverse(f"admin:{info}_{view}", args=[row.pk])))
    rows = [*model_admin._get_base_actions_row(), *model_admin._get_base_actions_detail()]
    for action in rows:
        found.append(Address(action.action_name, reverse(f"admin:{action.action_name}", args=[row.pk])))
    return found
