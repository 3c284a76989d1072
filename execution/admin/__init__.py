"""The admin of what the machine does, and of the policy pages that show figures of it."""

from execution.admin import (
    exchange,
    failover,
    health,
    kill_switch,
    order,
    position,
    reconciliation,
    signal,
    strategy,
    webhook,
    webhook_delivery,
)

__all__ = [
    "exchange",
    "failover",
    "health",
    "kill_switch",
    "order",
    "position",
    "reconciliation",
    "signal",
    "strategy",
    "webhook",
    "webhook_delivery",
]
