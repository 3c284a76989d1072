"""Which exchange a strategy trades on (requirement 1).

`STRATEGY_EXCHANGE_MAP`, `ALLOWED_EXCHANGES` and `DEFAULT_EXCHANGE` are what policy says at the moment they are read:
read them from this module each time, or call the functions.
"""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db import transaction

from execution import metrics
from policies.domain.policy import Policy
from policies.domain.routing import Source, mapped, validated
from policies.services import map_strategy
from policies.snapshot import current_policy, refresh

__all__ = [
    "ALLOWED_EXCHANGES", "DEFAULT_EXCHANGE", "STRATEGY_EXCHANGE_MAP",
    "get_exchange_for_strategy", "set_strategy_exchange_mapping", "validate_exchange_name",
]  # fmt: skip

logger = structlog.get_logger(__name__)

STRATEGY_EXCHANGE_MAP: dict[str, str]
ALLOWED_EXCHANGES: list[str]
DEFAULT_EXCHANGE: str


_LIVE: Mapping[str, Callable[[Policy], Any]] = {
    "STRATEGY_EXCHANGE_MAP": lambda policy: {name: rule.exchange for name, rule in policy.strategies.items()},
    "ALLOWED_EXCHANGES": lambda policy: [slug for slug, exchange in policy.exchanges.items() if exchange.enabled],
    "DEFAULT_EXCHANGE": lambda policy: policy.rules.default_exchange,
}


def __getattr__(name: str) -> Any:
    if name not in _LIVE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _LIVE[name](current_policy())


def get_exchange_for_strategy(strategy_id: str | None) -> str:
    """The exchange this strategy is mapped to, else the default. A balanced strategy: where its signals end at last."""
    return exchange_and_source(strategy_id)[0]


def exchange_and_source(strategy_id: str | None) -> tuple[str, Source]:
    """The same, and what decided it."""
    policy = current_policy()
    return mapped(policy, policy.strategies.get(strategy_id) if strategy_id else None)


def validate_exchange_name(exchange: str) -> str:
    """The name if that exchange is enabled, else the default exchange, with a warning and a count.

    Raises policies.domain.reasons.Denied where the routing settings say to deny unknown names.
    """
    policy = current_policy()
    name = exchange.strip().lower()
    found = validated(policy, name, Source.EXPLICIT)
    if found.warning:
        logger.warning(
            "Invalid exchange, using default", requested_exchange=exchange[:64], fallback_exchange=found.exchange
        )
        metrics.exchange_validation_failures_total.labels(metrics.exchange_label(name)).inc()
    return found.exchange


def set_strategy_exchange_mapping(
    mapping: Mapping[str, str], *, reason: str = "Set with set_strategy_exchange_mapping.", by: User | None = None
) -> None:
    """Map these strategies, all or none; others stay as they are. Kept with the reason in each one's history.

    In force here at once, in every other process within a second. A strategy that is new trades on paper until somebody
    says otherwise. Raises django's ValidationError for a name or an exchange that cannot be.
    """
    with transaction.atomic():
        for strategy_id, exchange in mapping.items():
            map_strategy(strategy_id, exchange, reason=reason, by=by)
    refresh()
