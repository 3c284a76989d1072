"""What an alert rule can watch for. One table: the evaluators, the admin's help and the policy file read it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Condition(StrEnum):
    """What a rule watches."""

    EXCHANGE_DOWN = "exchange_down"
    EXCHANGE_DEGRADED = "exchange_degraded"
    BREAKER_OPEN = "breaker_open"
    CHAIN_OUT = "chain_out"
    FAILOVERS = "failovers"
    DENIALS = "denials"
    REJECTIONS = "rejections"
    QUEUE_AGE = "queue_age"
    ORDERS_UNKNOWN = "orders_unknown"
    ORDER_ATTENTION = "order_attention"
    ORPHAN_ORDER = "orphan_order"
    BALANCE_BREAK = "balance_break"
    ACCOUNT_UNRECONCILED = "account_unreconciled"
    CREDENTIAL_FROZEN = "credential_frozen"
    TRADING_STATE = "trading_state"
    QUEUE_DEAF = "queue_deaf"
    BEAT_SILENT = "beat_silent"
    WORKER_SILENT = "worker_silent"
    WEBHOOK_REFUSALS = "webhook_refusals"
    DATABASE_RESTORED = "database_restored"
    ARBITRAGE_ONE_LEGGED = "arbitrage_one_legged"


class Severity(StrEnum):
    """How urgent an alert is, the worst last."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A condition for people. `scope`: what a rule can be limited to one of; '': nothing.

    `threshold`: what the number means; '': the condition has none.
    """

    label: str
    meaning: str
    scope: str = ""
    threshold: str = ""


EXCHANGE, CHAIN, QUEUE = "exchange", "primary exchange", "queue"

MEANINGS: Mapping[Condition, Meaning] = {
    Condition.EXCHANGE_DOWN: Meaning(
        "Exchange down", "Its health checks fail, or it has banned us. Planned maintenance does not count.", EXCHANGE
    ),
    Condition.EXCHANGE_DEGRADED: Meaning("Exchange degraded", "It answers slowly or fails now and then.", EXCHANGE),
    Condition.BREAKER_OPEN: Meaning(
        "Circuit breaker open", "Calls to an exchange, or with one set of keys, are stopped.", EXCHANGE
    ),
    Condition.CHAIN_OUT: Meaning(
        "No exchange left",
        "A failover chain has no usable exchange: its signals are denied. One alert for all chains.",
        CHAIN,
    ),
    Condition.FAILOVERS: Meaning(
        "Many failovers",
        "Signals went elsewhere than to their primary exchange.",
        threshold="failovers within the last minute",
    ),
    Condition.DENIALS: Meaning("Many denials", "Signals were denied.", threshold="denials within the last hour"),
    Condition.REJECTIONS: Meaning(
        "Many rejections",
        "An exchange rejects our orders. Counted from its fifth rejection within five minutes on.",
        EXCHANGE,
        threshold="percent of its orders within the last five minutes",
    ),
    Condition.QUEUE_AGE: Meaning(
        "Signals wait", "Signals or orders are stored and not sent. One alert for all.", threshold="seconds of waiting"
    ),
    Condition.ORDERS_UNKNOWN: Meaning(
        "Orders unknown", "Orders whose outcome nobody knows. One alert for all.", threshold="seconds without an answer"
    ),
    Condition.ORDER_ATTENTION: Meaning("Order needs a person", "The platform cannot find out what became of it."),
    Condition.ORPHAN_ORDER: Meaning("Orphan order", "An order at an exchange that no row explains.", EXCHANGE),
    Condition.BALANCE_BREAK: Meaning(
        "Balance differs", "An account holds something else than our fills explain, and a second look agreed.", EXCHANGE
    ),
    Condition.ACCOUNT_UNRECONCILED: Meaning(
        "Account not compared", "Its orders were not compared with the exchange, so it does not trade.", EXCHANGE
    ),
    Condition.CREDENTIAL_FROZEN: Meaning("Keys frozen", "A set of exchange keys is not used any more.", EXCHANGE),
    Condition.TRADING_STATE: Meaning(
        "Trading state changed", "Something is halted or may only reduce; the recovery tells that it was released."
    ),
    Condition.QUEUE_DEAF: Meaning("Queue deaf", "Messages of a Celery queue do not arrive.", QUEUE),
    Condition.BEAT_SILENT: Meaning("Scheduler silent", "Celery beat was not seen for 30 s."),
    Condition.WORKER_SILENT: Meaning("No worker", "No worker was seen for 30 s: signals are stored and not sent."),
    Condition.WEBHOOK_REFUSALS: Meaning(
        "Many webhook refusals", "Requests to webhooks were refused.", threshold="refusals within the last hour"
    ),
    Condition.DATABASE_RESTORED: Meaning(
        "Database restored", "The database went back in time; everything is halted until a person releases it."
    ),
    Condition.ARBITRAGE_ONE_LEGGED: Meaning(
        "One-legged arbitrage",
        "One order of an arbitrage was filled and the other not; a person decides about the rest.",
    ),
}


class ChannelKind(StrEnum):
    """Where notices can go."""

    EMAIL = "email"
    TELEGRAM = "telegram"
    SLACK = "slack"
    DISCORD = "discord"
    WEBHOOK = "webhook"
