"""Failover chains and health (requirement 2).

Health is what the platform's checks last stored; a sample that is too old is renewed at once, the whole chain together,
within a second. An exchange whose breaker is open counts as down: nothing is sent to it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import structlog
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.utils import timezone

from execution import metrics
from execution.domain.health import HealthStatus
from execution.domain.router import breaker_problem, health_problem, stale_among
from execution.selectors.chains import ChainNow, chain_now
from execution.selectors.facts import current_facts
from execution.services.on_demand import check_now
from policies.defaults import FAILOVER_CHAINS
from policies.domain.policy import OnAllUnhealthy
from policies.domain.reasons import Denied, ReasonCode
from policies.services import set_chain
from policies.snapshot import current_policy, refresh

__all__ = [
    "DEFAULT_FAILOVER_CHAIN", "ExchangeHealth", "choose_exchange_with_failover", "get_exchange_health",
    "get_failover_chain", "is_healthy", "set_failover_chain",
]  # fmt: skip

logger = structlog.get_logger(__name__)

DEFAULT_FAILOVER_CHAIN: Mapping[str, tuple[str, ...]] = FAILOVER_CHAINS
"""The chains of a fresh installation."""


class ExchangeHealth(TypedDict):
    """status: ok, degraded, down or maintenance. latency_ms: of the last check that was answered."""

    status: str
    latency_ms: float | None
    last_error: str | None


def get_failover_chain(exchange: str) -> tuple[str, ...]:
    """The chain of this exchange as it is listed; an exchange without one stands alone."""
    return current_policy().chain(exchange)


def set_failover_chain(
    exchange: str, chain: Sequence[str], *, reason: str = "Set with set_failover_chain.", by: User | None = None
) -> None:
    """Replace the chain of this exchange. In force here at once, everywhere within a second, kept in the history.

    Raises django's ValidationError: the primary must come first, every exchange be enabled and be there once.
    """
    set_chain(exchange, list(chain), reason=reason, by=by)
    refresh()


def is_healthy(health: Mapping[str, Any]) -> bool:
    """Whether new orders may go there: only `ok` does."""
    return health.get("status") == HealthStatus.OK.value


async def get_exchange_health(exchange: str) -> ExchangeHealth:
    """The exchange's health. Never raises: what cannot be checked is down, with the reason."""
    found, is_stale = await sync_to_async(_stored_health)(exchange)
    if is_stale:
        await check_now([exchange])
        found, _ = await sync_to_async(_stored_health)(exchange)
    return found


def _stored_health(exchange: str) -> tuple[ExchangeHealth, bool]:
    """What is stored, and whether it is too old to say anything."""
    policy, facts, now = current_policy(), current_facts(), timezone.now()
    rule, known = policy.exchanges.get(exchange), facts.health.get(exchange)
    latency = known.latency_ms if known else None
    if rule is None or not rule.enabled:
        return _down(f"{exchange} is not an enabled exchange.", latency), False
    if rule.in_maintenance(now):
        text = "Maintenance entered by an operator."
        return {"status": HealthStatus.MAINTENANCE.value, "latency_ms": latency, "last_error": text}, False
    problem = breaker_problem(policy, facts, exchange, None, now) or health_problem(policy, facts, exchange, now)
    if problem is None:
        return {"status": HealthStatus.OK.value, "latency_ms": latency, "last_error": None}, False
    code, text = problem
    if code == ReasonCode.HEALTH_STALE:
        return _down(text, latency), True
    status = _STATUS_OF.get(code, HealthStatus.DOWN)
    return {"status": status.value, "latency_ms": latency, "last_error": text}, False


_STATUS_OF = {
    ReasonCode.UNHEALTHY: HealthStatus.DEGRADED,
    ReasonCode.EXCHANGE_MAINTENANCE: HealthStatus.MAINTENANCE,
}


def _down(text: str, latency: float | None) -> ExchangeHealth:
    return {"status": HealthStatus.DOWN.value, "latency_ms": latency, "last_error": text}


async def choose_exchange_with_failover(primary: str, default: str | None = None) -> str:
    """The first exchange of the primary's chain that orders may go to now; `default` when there is none.

    None takes the default exchange of the routing settings. With everything down the default is only a name: an order
    for it is denied. Raises policies.domain.reasons.Denied where the routing settings say to deny that.
    """
    answer, stale = await sync_to_async(_answer)(primary)
    if stale:
        await check_now(sorted(stale))
        answer, _ = await sync_to_async(_answer)(primary)
    _tell_skipped(answer)
    if not answer.is_healthy:
        return await sync_to_async(_all_down)(answer, default)
    if answer.exchange != primary:
        latency = (await sync_to_async(_stored_health)(answer.exchange))[0]["latency_ms"]
        logger.warning(
            "Failover activated - primary exchange unhealthy",
            primary=primary,
            selected=answer.exchange,
            latency_ms=latency,
        )
        label = metrics.exchange_label
        metrics.exchange_failover_events_total.labels(label(primary), label(answer.exchange)).inc()
    return answer.exchange


def _answer(primary: str) -> tuple[ChainNow, set[str]]:
    """The chain's answer, and whose health must be asked for again before it can be relied on."""
    policy, facts, now = current_policy(), current_facts(), timezone.now()
    answer = chain_now(policy, facts, primary, now)
    return answer, stale_among(policy, facts, answer.steps, answer.exchange, now)


def _tell_skipped(answer: ChainNow) -> None:
    for step in answer.steps:
        if step.exchange == answer.exchange:
            return
        logger.debug(
            "Exchange unhealthy, trying next in chain", exchange=step.exchange, status=step.code, error=step.detail
        )


def _all_down(answer: ChainNow, default: str | None) -> str:
    rules = current_policy().rules
    fallback = default or rules.default_exchange
    logger.error(
        "All exchanges in failover chain are unhealthy",
        primary=answer.primary,
        chain=[step.exchange for step in answer.steps],
        fallback=fallback,
    )
    metrics.exchange_failover_failures_total.labels(metrics.exchange_label(answer.primary), "all_down").inc()
    if rules.on_all_unhealthy == OnAllUnhealthy.DENY:
        raise Denied(ReasonCode.NO_HEALTHY_EXCHANGE, answer.why)
    return fallback
