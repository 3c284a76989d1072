"""The banner on every page, and the halt dialog that every page can open."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from execution.admin.pages import needs, page, part
from execution.domain.router import Facts
from execution.selectors.exchange_status import all_statuses
from execution.selectors.facts import current_facts
from execution.selectors.halts import (
    current_halts,
    live_orders_by_exchange,
    live_strategies,
    on_their_way,
    scope_name,
)
from execution.services.cancel import cancel_open_orders
from policies.domain.policy import Policy, Scope, TradingStatus
from policies.forms.halt import CHOSEN, HaltForm
from policies.models import StrategyPolicy, TradingState
from policies.services import set_trading_state
from policies.snapshot import current_policy, refresh

_LISTED = 10
_SUGGESTIONS = 200


@needs("")
def banner(request: HttpRequest) -> HttpResponse:
    """What is halted now; nothing at all when everything is active.

    Read anew every time: right after a halt, what this process knew a moment ago would show nothing.
    """
    return part(request, "desk/banner.html", halts=current_halts(refresh()), now=timezone.now())


@needs("policies.halt", methods=("GET", "HEAD", "POST"))
def halt(request: HttpRequest) -> HttpResponse:
    """The dialog (or, without scripts, the page) that halts. Only a POST with a reason halts anything."""
    form = HaltForm(request.POST or None, initial=_marked(request))
    if request.method == "POST" and form.is_valid():
        try:
            return _show(request, "desk/halted.html", **carry_out(form.cleaned_data, request.user))
        except ValidationError as e:
            form.add_error("target" if form.cleaned_data["what"].startswith(CHOSEN) else None, e)
    return _show(request, "desk/halt_form.html", form=form, **_reach(request))


def carry_out(wanted: dict[str, Any], by: Any) -> dict[str, Any]:
    """Halt first, in its own transaction; only then look at what was on its way, and cancel if that is wanted."""
    scope, target, reason = wanted["scope"], wanted["scope_target"], wanted["reason"]
    state = set_trading_state(scope=scope, target=target, status=TradingStatus(wanted["status"]), reason=reason, by=by)
    leaving = on_their_way(scope, state.target)
    cancelled = None
    if wanted["cancel_open"]:
        cancelled = cancel_open_orders(scope=scope, target=state.target, by=by, reason=reason)
    names = {str(pk): name for pk, name in _users().filter(pk=state.target)} if scope == Scope.USER else {}
    return {
        "state": state,
        "name": scope_name(scope, state.target, names),
        "leaving": list(leaving.select_related("user")[:_LISTED]),
        "leaving_count": leaving.count(),
        "cancelled": cancelled,
    }


def _show(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    if request.headers.get("HX-Request"):
        response = part(request, template, in_dialog=True, **context)
        if "state" in context:
            response["HX-Trigger"] = "halts-changed"
        return response
    return page(request, "desk/halt_page.html", "Halt trading", body=template, **context)


def _marked(request: HttpRequest) -> dict[str, str]:
    """`?mark=strategy:scalper_btc` comes from an object's own page."""
    kind, _, target = request.GET.get("mark", "").partition(":")
    if kind == Scope.USER and target.isdigit():
        target = dict(_users()).get(int(target), "")
    return {"kind": kind, "target": target} if kind in {Scope.USER, Scope.STRATEGY, Scope.SYMBOL} else {}


def _reach(request: HttpRequest) -> dict[str, Any]:
    """What every button would stop."""
    policy, facts, orders = current_policy(), current_facts(), live_orders_by_exchange()
    return {
        "exchanges": _buttons(policy, facts, orders),
        "orders": sum(orders.values()),
        "strategies": live_strategies(),
        "mark": request.GET.get("mark", ""),
        "everything": policy.states.get((Scope.GLOBAL, "")),
        "known_strategies": StrategyPolicy.objects.values_list("strategy_id", flat=True)[:_SUGGESTIONS],
        "known_users": [name for _, name in _users().filter(trading_permission__isnull=False)[:_SUGGESTIONS]],
    }


def _buttons(policy: Policy, facts: Facts, orders: dict[str, int]) -> list[dict[str, Any]]:
    statuses = all_statuses(policy, facts, timezone.now())
    return [{"status": status, "orders": orders.get(status.slug, 0)} for status in statuses]


def _users() -> Any:
    return get_user_model().objects.values_list("pk", "username")


def states_by_scope() -> dict[tuple[str, str], TradingState]:
    """Every trading state that was ever set, by scope and target. One query."""
    return {(row.scope, row.target): row for row in TradingState.objects.select_related("changed_by")}
