"""The sidebar: what a person may open, with the counts that call for a look."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from execution.admin.costs import SEES_COSTS, SEES_FEES
from execution.admin.desk import SEES_DESK, may_see_page
from execution.domain.orders import OrderStatus
from execution.models import Alert, Order
from execution.selectors.attention import ALL, attention
from execution.selectors.chains import all_chains_now
from execution.selectors.denials import denied_unusually_often
from execution.selectors.exchange_status import all_statuses, is_trouble
from execution.selectors.facts import current_facts
from execution.selectors.shared import shared
from policies.snapshot import current_policy

BADGES_S = 1


@dataclass(frozen=True, slots=True)
class Badges:
    """Counts beside the menu's items; zero shows nothing. attention: by the page that the items are about."""

    attention: Mapping[str, int] = field(default_factory=dict)
    halts: int = 0
    denials: int = 0
    doubtful: int = 0
    exchanges: int = 0
    chains_elsewhere: int = 0
    chains_nowhere: int = 0
    frozen: int = 0
    alerts: int = 0


def badges() -> Badges:
    """The counts as of at most a second ago, for all viewers together."""
    return shared("badges", BADGES_S, _count)


def _count() -> Badges:
    policy, facts, now = current_policy(), current_facts(), timezone.now()
    chains = all_chains_now(policy, facts, now).values()
    return Badges(
        attention=Counter(item.page for item in attention(policy, facts, now, ALL)),
        halts=len(policy.states),
        denials=denied_unusually_often(),
        doubtful=Order.objects.filter(status__in=(OrderStatus.UNKNOWN, OrderStatus.NEEDS_ATTENTION)).count(),
        exchanges=sum(is_trouble(status) for status in all_statuses(policy, facts, now)),
        chains_elsewhere=sum(bool(chain.exchange) and not chain.is_primary for chain in chains),
        chains_nowhere=sum(not chain.exchange for chain in chains),
        frozen=sum(credential.frozen for credential in policy.credentials.values()),
        alerts=Alert.objects.filter(closed_at=None, taken_by=None, opened_at__isnull=False).count(),
    )


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """UNFOLD's SIDEBAR navigation."""
    count = badges() if request.user.has_perm(SEES_DESK) else Badges()
    return [
        {"items": _first(request, count)},
        {"title": "Trading", "items": _trading(request, count)},
        {"title": "Routing", "items": _routing(request, count)},
        {"title": "Access", "collapsible": True, "items": _access(request, count)},
        {"title": "Record", "collapsible": True, "items": _record(request, count)},
    ]


def _first(request: HttpRequest, count: Badges) -> list[dict[str, Any]]:
    return [
        _item(request, "Desk", "dashboard", "index", "", exact=True),
        _item(
            request,
            "Needs attention",
            "notification_important",
            "needs_attention",
            SEES_DESK,
            badge=sum(n for about, n in count.attention.items() if may_see_page(request, about)),
            variant="danger",
            style="solid",
        ),
        _model(request, "Kill switch", "emergency_home", "policies_tradingstate", count.halts, "danger"),
    ]


def _trading(request: HttpRequest, count: Badges) -> list[dict[str, Any]]:
    return [
        _model(request, "Signals", "bolt", "execution_signal"),
        _model(request, "Orders", "receipt_long", "execution_order", count.doubtful),
        _model(request, "Positions and PnL", "account_balance_wallet", "execution_position"),
        _model(
            request,
            "Arbitrage trades",
            "swap_horiz",
            "execution_arbitragetrade",
            count.attention.get("execution_arbitragetrade", 0),
            "danger",
        ),
        _item(request, "Costs", "price_check", "costs", SEES_COSTS),
        _item(request, "Fees of accounts", "percent", "fees", SEES_FEES),
        _item(request, "Denials", "block", "denials", SEES_DESK, badge=count.denials, variant="warning"),
    ]


def _routing(request: HttpRequest, count: Badges) -> list[dict[str, Any]]:
    chains, variant = (count.chains_nowhere, "danger") if count.chains_nowhere else (count.chains_elsewhere, "warning")
    return [
        _item(request, "Exchange status", "monitoring", "exchange_status", SEES_DESK, badge=count.exchanges),
        _item(request, "Arbitrage", "compare_arrows", "arbitrage", SEES_DESK),
        _model(request, "Exchanges", "account_balance", "policies_exchange"),
        _model(request, "Strategies", "conversion_path", "policies_strategypolicy"),
        _item(request, "Route preview", "travel_explore", "route_preview", SEES_DESK),
        _model(request, "Routing strategies", "balance", "policies_routingstrategy"),
        _model(request, "Failover chains", "low_priority", "policies_failoverchain", chains, variant),
        _model(request, "Trading permissions", "person_check", "policies_tradingpermission"),
        _model(request, "Preferences", "favorite", "policies_tradingpreference"),
        _model(request, "Routing settings", "tune", "policies_routingsettings"),
    ]


def _access(request: HttpRequest, count: Badges) -> list[dict[str, Any]]:
    return [
        _model(request, "Exchange credentials", "key", "policies_exchangecredential", count.frozen),
        _model(request, "API tokens", "vpn_key", "policies_apitoken"),
        _model(request, "Webhooks", "webhook", "policies_webhook"),
        _model(request, "Alert rules", "notifications", "policies_alertrule"),
        _model(request, "Alert channels", "send", "policies_alertchannel"),
        _model(request, "Users", "person", "auth_user"),
        _model(request, "Roles", "group", "auth_group"),
    ]


def _record(request: HttpRequest, count: Badges) -> list[dict[str, Any]]:
    return [
        _item(request, "Policy changes", "history", "changes", SEES_DESK),
        _model(request, "Health log", "monitor_heart", "execution_healthevent"),
        _model(request, "Alerts", "campaign", "execution_alert", count.alerts, "danger"),
        _model(request, "Alert deliveries", "outgoing_mail", "execution_alertdelivery"),
        _model(request, "Accounts compared", "fact_check", "execution_reconciliation"),
        _model(request, "Orphan orders", "help_clinic", "execution_orphan"),
        _model(request, "Differences", "balance", "execution_bookbreak"),
        _model(request, "Fees paid", "payments", "execution_feetotal"),
        _model(request, "Listed pairs", "list_alt", "execution_market"),
        _item(request, "Reason codes", "help_center", "reasons", ""),
    ]


def _model(
    request: HttpRequest, title: str, icon: str, model: str, badge: int = 0, variant: str = "warning"
) -> dict[str, Any]:
    """A list of rows, for those who may look at them."""
    app, _, name = model.partition("_")
    return _item(request, title, icon, f"{model}_changelist", f"{app}.view_{name}", badge=badge, variant=variant)


def _item(
    request: HttpRequest,
    title: str,
    icon: str,
    view: str,
    permission: str,
    *,
    badge: int = 0,
    variant: str = "warning",
    style: str = "",
    exact: bool = False,
) -> dict[str, Any]:
    link = reverse(f"admin:{view}")
    return {
        "title": title,
        "icon": icon,
        "link": link,
        "active": _is_here(link, exact=exact),
        "permission": _may(permission),
        "badge": badge,
        "badge_variant": variant,
        "badge_style": style,
    }


def _is_here(link: str, *, exact: bool) -> Callable[[HttpRequest], bool]:
    return lambda request: request.path == link if exact else request.path.startswith(link)


def _may(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: not permission or request.user.has_perm(permission)
