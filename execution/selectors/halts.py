"""What a halt reaches: the orders inside a scope."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, Q, QuerySet

from execution.domain.orders import FINAL, IN_DOUBT
from execution.models import Order
from policies.domain.policy import Policy, Scope, TradingStateRule, TradingStatus
from policies.models import StrategyPolicy


def orders_in(scope: Scope, target: str) -> "QuerySet[Order]":
    """The orders that a trading state of this scope concerns."""
    condition = {
        Scope.GLOBAL: Q(),
        Scope.EXCHANGE: Q(exchange_id=target),
        Scope.USER: Q(user_id=target),
        Scope.STRATEGY: Q(signal__strategy_id=target),
        Scope.SYMBOL: Q(symbol=target),
    }[scope]
    return Order.objects.filter(condition)


def on_their_way(scope: Scope, target: str) -> "QuerySet[Order]":
    """Orders that had left, or may have left, when somebody halted: nothing can call them back."""
    return orders_in(scope, target).filter(status__in=IN_DOUBT).order_by("created_at")


def live_orders_by_exchange() -> dict[str, int]:
    """How many orders are not final, per exchange."""
    rows = Order.objects.exclude(status__in=FINAL).order_by().values_list("exchange_id").annotate(count=Count("id"))
    return dict(rows)


@dataclass(frozen=True, slots=True)
class Halt:
    """A scope that is not active, with the name people know it by."""

    rule: TradingStateRule
    name: str

    @property
    def is_halted(self) -> bool:
        return self.rule.status == TradingStatus.HALTED


def current_halts(policy: Policy) -> list[Halt]:
    """Everything that is halted or reduced, strictest and newest first."""
    names = usernames(policy)
    found = [Halt(rule, scope_name(rule.scope, rule.target, names)) for rule in policy.states.values()]
    newest_first = sorted(found, key=lambda halt: halt.rule.since, reverse=True)
    return sorted(newest_first, key=lambda halt: not halt.is_halted)


def usernames(policy: Policy) -> dict[str, str]:
    """User id as text -> name, for the users named by a trading state."""
    wanted = {int(target) for scope, target in policy.states if scope == Scope.USER}
    if not wanted:
        return {}
    rows: Any = get_user_model().objects.filter(pk__in=wanted).values_list("pk", "username")
    return {str(pk): name for pk, name in rows}


def scope_name(scope: str, target: str, names: dict[str, str]) -> str:
    """`exchange kraken`, `user algo1`, `everything`."""
    if scope == Scope.GLOBAL:
        return "everything"
    kind = "pair" if scope == Scope.SYMBOL else scope
    return f"{kind} {names.get(target, target) if scope == Scope.USER else target}"


def live_strategies() -> int:
    """How many strategies are switched on."""
    return StrategyPolicy.objects.filter(enabled=True).count()
