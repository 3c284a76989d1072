"""The admin of what the machine does, and of the policy pages that show figures of it."""

from execution.admin import (
    alert,
    alert_channel,
    arbitrage_trade,
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
    "alert",
    "alert_channel",
    "arbitrage_trade",
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
