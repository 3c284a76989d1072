"""The latest changes of policy over all history tables: who changed what, when and why."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from policies.domain.policy import TradingStatus
from policies.models import (
    AlertChannel,
    AlertRule,
    ApiToken,
    Exchange,
    ExchangeCredential,
    FailoverChain,
    FailoverStep,
    FeeTier,
    OrderSizeLimit,
    RoutingSettings,
    RoutingStrategy,
    StrategyPolicy,
    TradingPermission,
    TradingPreference,
    TradingState,
    Webhook,
    WebhookSecret,
)
from policies.selectors.history import THE_SYSTEM


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One change. `model` and `pk` name the row's history page in the admin."""

    at: datetime
    model: str
    kind: str
    pk: str
    name: str
    what: str
    reason: str
    who: str


@dataclass(frozen=True, slots=True)
class _Source:
    """A history table: the row it tells about and, in SQL over `h`, what people call it."""

    model: Any
    owner: Any
    key: str
    name: str
    join: str = ""
    what: str = "h.history_type"


_USER = "LEFT JOIN auth_user u ON u.id = h.user_id"
_EXCHANGE = "LEFT JOIN policies_exchange e ON e.slug = h.exchange_id"
_CHAIN = "LEFT JOIN policies_failoverchain c ON c.id = h.chain_id"
_PERMISSION = (
    "LEFT JOIN policies_tradingpermission p ON p.id = h.permission_id LEFT JOIN auth_user u ON u.id = p.user_id"
)
_WEBHOOK = "LEFT JOIN policies_webhook k ON k.id = h.webhook_id"
SOURCES = (
    _Source(Exchange, Exchange, "h.slug", "h.name"),
    _Source(FeeTier, Exchange, "h.exchange_id", "COALESCE(e.name, '?')", _EXCHANGE),
    _Source(RoutingSettings, RoutingSettings, "h.id::text", "'Routing settings'"),
    _Source(StrategyPolicy, StrategyPolicy, "h.id::text", "h.strategy_id"),
    _Source(RoutingStrategy, RoutingStrategy, "h.name", "h.name"),
    _Source(TradingPreference, TradingPreference, "h.id::text", "COALESCE(u.username, '?')", _USER),
    _Source(FailoverChain, FailoverChain, "h.id::text", "h.primary_id"),
    _Source(FailoverStep, FailoverChain, "h.chain_id::text", "COALESCE(c.primary_id, '?')", _CHAIN),
    _Source(TradingPermission, TradingPermission, "h.id::text", "COALESCE(u.username, '?')", _USER),
    _Source(OrderSizeLimit, TradingPermission, "h.permission_id::text", "COALESCE(u.username, '?')", _PERMISSION),
    _Source(TradingState, TradingState, "h.id::text", "trim(h.scope || ' ' || h.target)", what="h.status"),
    _Source(
        ExchangeCredential,
        ExchangeCredential,
        "h.id::text",
        "COALESCE(u.username, '?') || ' · ' || h.exchange_id || ' · ••••' || h.last_four",
        _USER,
    ),
    _Source(ApiToken, ApiToken, "h.id::text", "h.name"),
    _Source(Webhook, Webhook, "h.id::text", "h.name"),
    _Source(WebhookSecret, Webhook, "h.webhook_id::text", "COALESCE(k.name, '?')", _WEBHOOK),
    _Source(AlertRule, AlertRule, "h.id::text", "h.name"),
    _Source(AlertChannel, AlertChannel, "h.id::text", "h.name"),
)
_WHAT = {
    "+": "added",
    "~": "changed",
    "-": "removed",
    TradingStatus.HALTED: "halted",
    TradingStatus.REDUCING: "set to reduce only",
    TradingStatus.ACTIVE: "resumed",
}


def _select(source: _Source) -> str:
    table = source.model.history.model._meta.db_table
    # Rows that belong to another tell of a change of that one.
    what = source.what if source.model is source.owner else "'~'"
    return f"""(
        SELECT h.history_date AS at, '{source.owner._meta.model_name}' AS model, {source.key} AS pk,
               {source.name} AS name, {what} AS what, h.history_change_reason AS reason, w.username AS who
        FROM {table} h LEFT JOIN auth_user w ON w.id = h.history_user_id {source.join}
        WHERE h.history_date < %(before)s AND (%(who)s = '' OR w.username = %(who)s)
        ORDER BY h.history_date DESC LIMIT %(rows)s
    )"""


# The rows of one save have one time: they are one change, however many tables they are in.
_LATEST = """
SELECT at, model, pk, max(name), min(what), max(reason), max(who) FROM ({}) a
GROUP BY at, model, pk ORDER BY at DESC, model, pk LIMIT %(limit)s
"""
_ROWS_OF_ONE_SAVE = 12
_END_OF_TIME = datetime(9000, 1, 1, tzinfo=UTC)


def latest_changes(limit: int, *, before: datetime | None = None, model: str = "", who: str = "") -> list[PolicyChange]:
    """The newest changes (before a time), of one kind of row or by one person. One query."""
    sources = [source for source in SOURCES if model in ("", source.owner._meta.model_name)]
    params: dict[str, Any] = {
        "limit": limit,
        "rows": limit * _ROWS_OF_ONE_SAVE,
        "before": before or _END_OF_TIME,
        "who": who,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LATEST.format(" UNION ALL ".join(map(_select, sources))), params)
        rows = cursor.fetchall()
    return [_policy_change(*row) for row in rows]


def _policy_change(
    at: datetime, model: str, pk: str, name: str, what: str, reason: str | None, who: str | None
) -> PolicyChange:
    return PolicyChange(at, model, KINDS[model], pk, name, _WHAT[what], reason or "", who or THE_SYSTEM)


KINDS = {str(source.owner._meta.model_name): str(source.owner._meta.verbose_name) for source in SOURCES}
