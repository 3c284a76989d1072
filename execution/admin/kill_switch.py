"""The kill switch: every scope with its state, who set it, when and why; and the way back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.enums import ActionVariant

from execution.admin.halt import states_by_scope
from execution.admin.pages import page
from execution.selectors.facts import current_facts
from execution.selectors.halts import live_orders_by_exchange, orders_in, scope_name
from execution.selectors.questions import uncompared_accounts
from policies.admin.base import ReadOnlyAdmin, WithHistory
from policies.admin.dialogs import ReasonDialog, reason_action
from policies.domain.policy import Policy, Scope, TradingStatus
from policies.domain.trading_state import signal_scopes, strictest
from policies.models import TradingState
from policies.services import set_trading_state
from policies.snapshot import current_policy

_RECENT = 12


@dataclass(frozen=True, slots=True)
class Row:
    """One scope. `pk` is set when its state was ever changed; only then is there something to resume."""

    mark: str
    name: str
    status: TradingStatus
    orders: int | None = None
    since: datetime | None = None
    who: str = ""
    why: str = ""
    pk: int | None = None


class ResumeDialog(ReasonDialog):
    """Shows what a careful person checks before resuming."""

    form_before_template = "desk/resume_check.html"

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        state = TradingState.objects.filter(pk=object_id).select_related("changed_by").first()
        if state is None:
            return {}
        scope = Scope(state.scope)
        doubtful = orders_in(scope, state.target).filter(status__in=("unknown", "needs_attention")).count()
        health = current_facts().health.get(state.target) if scope == Scope.EXCHANGE else None
        waiting = uncompared_accounts(state.target if scope == Scope.EXCHANGE else "")
        concerned = waiting if scope in (Scope.GLOBAL, Scope.EXCHANGE) else []
        return {"state": state, "doubtful": doubtful, "health": health, "uncompared": concerned}


@admin.register(TradingState)
class TradingStateAdmin(WithHistory, ReadOnlyAdmin):
    actions_row = ("resume",)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request) or request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        policy = current_policy()
        states = states_by_scope()
        names = _usernames(states)
        return page(
            request,
            "desk/kill_switch.html",
            "Kill switch",
            everything=_row(states, names, Scope.GLOBAL, ""),
            exchanges=_exchange_rows(policy, states, names),
            others=_other_rows(policy, states, names),
            recent=_recent(names),
            asked=_effective(policy, request),
            may_halt=request.user.has_perm("policies.halt"),
            may_resume=self.has_resume_permission(request),
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A state has no form; what there is to read is its history."""
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        return redirect(reverse("admin:policies_tradingstate_history", args=[object_id]))

    def get_queryset(self, request: HttpRequest) -> QuerySet[TradingState]:
        rows: QuerySet[TradingState] = super().get_queryset(request)
        return rows.select_related("changed_by")

    def has_resume_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Making things looser needs a right of its own."""
        return request.user.has_perm("policies.resume")

    @reason_action(
        description="Resume…",
        permissions=["resume"],
        title="Resume trading",
        text="New orders pass again within a second.",
        submit="Resume",
        icon="play_arrow",
        form_class=ResumeDialog,
        variant=ActionVariant.DEFAULT,
    )
    def resume(self, request: HttpRequest, row: TradingState, reason: str) -> str:
        if row.status == TradingStatus.ACTIVE:
            raise ValidationError("This is active already.")
        set_trading_state(
            scope=Scope(row.scope),
            target=row.target,
            status=TradingStatus.ACTIVE,
            reason=reason,
            by=request.user,  # type: ignore[arg-type]
        )
        name = scope_name(row.scope, row.target, _usernames({(row.scope, row.target): row}))
        return f"{name[:1].upper()}{name[1:]} is active again."


States = dict[tuple[str, str], TradingState]


def _row(states: States, names: dict[str, str], scope: Scope, target: str, orders: int | None = None) -> Row:
    state = states.get((scope, target))
    name = scope_name(scope, target, names)
    if state is None:
        return Row(f"{scope}:{target}", name, TradingStatus.ACTIVE, orders)
    who = state.changed_by.get_username() if state.changed_by else "the system"
    status = TradingStatus(state.status)
    return Row(f"{scope}:{target}", name, status, orders, state.since, who, state.reason, state.pk)


def _exchange_rows(policy: Policy, states: States, names: dict[str, str]) -> list[Row]:
    orders = live_orders_by_exchange()
    return [_row(states, names, Scope.EXCHANGE, slug, orders.get(slug, 0)) for slug in sorted(policy.exchanges)]


def _other_rows(policy: Policy, states: States, names: dict[str, str]) -> list[Row]:
    """Strategies, users and pairs that are halted or reduced."""
    wanted = [key for key in policy.states if key[0] not in (Scope.GLOBAL, Scope.EXCHANGE)]
    return [_row(states, names, scope, target) for scope, target in sorted(wanted)]


def _usernames(states: States) -> dict[str, str]:
    wanted = [int(target) for scope, target in states if scope == Scope.USER and target.isdigit()]
    if not wanted:
        return {}
    rows: Any = get_user_model().objects.filter(pk__in=wanted).values_list("pk", "username")
    return {str(pk): name for pk, name in rows}


def _recent(names: dict[str, str]) -> list[dict[str, Any]]:
    rows = TradingState.history.select_related("history_user").order_by("-history_date")[:_RECENT]
    return [{"record": row, "name": scope_name(row.scope, row.target, names)} for row in rows]


def _effective(policy: Policy, request: HttpRequest) -> dict[str, Any] | None:
    """The strictest state for one user, strategy, exchange and pair, and which scope causes it."""
    asked = {key: request.GET.get(key, "").strip() for key in ("user", "strategy", "exchange", "symbol")}
    if not any(asked.values()):
        return None
    user_id = get_user_model().objects.filter(username=asked["user"]).values_list("pk", flat=True).first()
    if asked["user"] and user_id is None:
        return {**asked, "problem": f"There is no user {asked['user']!r}."}
    scopes = signal_scopes(user_id=user_id or 0, strategy_id=asked["strategy"], symbol=asked["symbol"].upper())
    rule = strictest(policy, (*scopes, (Scope.EXCHANGE, asked["exchange"].lower())))
    about = " × ".join(value for value in asked.values() if value)
    cause = scope_name(rule.scope, rule.target, {str(user_id): asked["user"]}) if rule else ""
    return {**asked, "about": about, "rule": rule, "cause": cause}
