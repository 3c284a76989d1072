"""The exchanges as the router sees them now, for the API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.utils import timezone

from execution.domain.breaker import BreakerState
from execution.domain.channels import CHANNEL_OF_KIND, Channel, ChannelHealth
from execution.domain.health import HealthStatus
from execution.domain.orders import IN_DOUBT
from execution.domain.router import Facts, health_problem
from execution.models import ExchangeHealth, Order
from execution.selectors.books import feeds_now
from execution.selectors.breakers import breaker_now, breaker_sentence
from execution.selectors.facts import current_facts
from execution.selectors.figures import Figures, all_figures, band
from execution.selectors.status_page import age_of
from policies.domain import trading_state
from policies.domain.policy import ExchangePolicy, Policy, Scope, TradingStatus
from policies.domain.reasons import ReasonCode
from policies.snapshot import current_policy


def exchange_reports(budgets: Mapping[str, float]) -> list[dict[str, Any]]:
    """One entry per exchange, in order of slug. Five queries at most. budgets: what is left of the request limits."""
    policy, facts, figures, now = current_policy(), current_facts(), all_figures(), timezone.now()
    counts = Order.objects.filter(status__in=IN_DOUBT).values_list("exchange_id").annotate(Count("pk"))
    in_flight = dict(counts.order_by())
    books: dict[str, datetime | None] = dict(ExchangeHealth.objects.values_list("exchange_id", "book_at"))
    feeds = feeds_now()
    return [
        {
            **_report(policy, facts, exchange, in_flight.get(slug, 0)),
            **_figures(figures.get(slug, Figures())),
            "breaker": _breaker(policy, facts, slug, now),
            "book_age_s": age_of(books.get(slug), now),
            "books": feeds.get(slug),
            "budget_left": budgets.get(slug),
            "maintenance_until": exchange.maintenance_to if exchange.in_maintenance(now) else None,
        }
        for slug, exchange in sorted(policy.exchanges.items())
    ]


def _breaker(policy: Policy, facts: Facts, slug: str, now: datetime) -> dict[str, Any]:
    breaker = breaker_now(policy, facts.breakers, slug, now)
    return {
        "state": breaker.state.value,
        "since": breaker.since if (slug, None) in facts.breakers else None,
        "next_probe_at": breaker.open_until if breaker.state == BreakerState.OPEN else None,
        "failures_in_row": breaker.failures_in_row,
        "held": breaker.forced,
        "detail": breaker_sentence(breaker, now),
    }


def _figures(found: Figures) -> dict[str, Any]:
    latency, data = found.latency, found.data
    return {
        "latency": {"p50": latency.p50, "p95": latency.p95, "p99": latency.p99, "band": band(latency.p50)},
        "channels": {channel.value: _channel(found, channel) for channel in Channel},
        "uptime": {"hour": data.hour.uptime, "day": data.day.uptime, "month": data.month.uptime},
    }


def _channel(found: Figures, channel: Channel) -> dict[str, Any]:
    hours = [windows.hour for kind, windows in found.windows.items() if CHANNEL_OF_KIND[kind] == channel]
    calls, failures = sum(hour.calls for hour in hours), sum(hour.failures for hour in hours)
    status = found.channels.get(channel, ChannelHealth()).status
    return {"status": status.value, "success_rate": 1 - failures / calls if calls else None}


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
    now = timezone.now()
    problem = health_problem(policy, facts, exchange.slug, now)
    if problem is not None:
        return problem
    breaker = breaker_now(policy, facts.breakers, exchange.slug, now)
    return (ReasonCode.CIRCUIT_OPEN, breaker_sentence(breaker, now)) if breaker.state == BreakerState.OPEN else None
