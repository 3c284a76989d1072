"""The exchanges as the router sees them now, for the API."""

from typing import Any

from django.db.models import Count
from django.utils import timezone

from execution.domain.health import HealthStatus
from execution.domain.orders import IN_DOUBT
from execution.domain.router import Facts, health_problem
from execution.models import Order
from execution.selectors.facts import current_facts
from policies.domain import trading_state
from policies.domain.policy import ExchangePolicy, Policy, Scope, TradingStatus
from policies.domain.reasons import ReasonCode
from policies.snapshot import current_policy


def exchange_reports() -> list[dict[str, Any]]:
    """One entry per exchange, in order of slug. One query beside what the process already knows."""
    policy, facts = current_policy(), current_facts()
    counts = Order.objects.filter(status__in=IN_DOUBT).values_list("exchange_id").annotate(Count("pk"))
    in_flight = dict(counts.order_by())
    return [
        _report(policy, facts, exchange, in_flight.get(slug, 0)) for slug, exchange in sorted(policy.exchanges.items())
    ]


def _report(policy: Policy, facts: Facts, exchange: ExchangePolicy, in_flight: int) -> dict[str, Any]:
    health = facts.health.get(exchange.slug)
    code, detail = problem_of(policy, facts, exchange) or ("", "")
    return {
        "exchange": exchange.slug,
        "name": exchange.name,
        "enabled": exchange.enabled,
        "mode": exchange.mode.value,
        "status": (health.status if health else HealthStatus.UNKNOWN).value,
        "since": health.since if health else None,
        "checked_at": health.checked_at if health else None,
        "latency_ms": health.latency_ms if health else None,
        "latency_ewma_ms": health.latency_ewma_ms if health else None,
        "consecutive_failures": health.consecutive_failures if health else 0,
        "last_error": health.last_error if health else "",
        "banned_until": health.banned_until if health else None,
        "usable": not code,
        "code": str(code),
        "detail": detail,
        "markets": len(facts.markets.get(exchange.slug, {})),
        "orders_in_flight": in_flight,
    }


def problem_of(policy: Policy, facts: Facts, exchange: ExchangePolicy) -> tuple[ReasonCode, str] | None:
    """Why nobody's new orders go to this exchange, or None."""
    if not exchange.enabled:
        return ReasonCode.EXCHANGE_DISABLED, f"{exchange.slug} is switched off."
    state = policy.states.get((Scope.EXCHANGE, exchange.slug)) or policy.states.get((Scope.GLOBAL, ""))
    if state is not None and state.status == TradingStatus.HALTED:
        return ReasonCode.TRADING_HALTED, trading_state.describe(state)
    if exchange.in_maintenance(timezone.now()):
        return ReasonCode.EXCHANGE_MAINTENANCE, "Maintenance entered by an operator."
    return health_problem(policy, facts, exchange.slug, timezone.now())
