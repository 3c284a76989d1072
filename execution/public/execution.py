"""From a signal to an order, step by step (requirements 1 and 2).

    primary = resolve_exchange_for_signal(signal.exchange, signal.strategy_id)
    final = await resolve_exchange_with_failover(primary_exchange=primary, default_exchange="binance")
    adapter = build_execution_adapter(config, exchange_override=final)
    result = await adapter.place_order(order_request)

Signals that come over the API go the same way by themselves. The adapter hands over to the same intake: permissions,
limits, halts, breakers and "never twice" hold for its orders as for all others.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.utils import timezone

from execution import metrics
from execution.api.signal_input import parse_signal
from execution.models import Signal
from execution.public.exchange_failover_policy import choose_exchange_with_failover
from execution.public.exchange_policy import exchange_and_source, validate_exchange_name
from execution.services.intake import Outcome, store_signals
from execution.services.waiting import final_waiter
from policies.domain.routing import Source
from policies.snapshot import current_policy

__all__ = [
    "ExecutionAdapter", "ExecutionConfig", "ExecutionResult", "build_execution_adapter",
    "resolve_exchange_for_signal", "resolve_exchange_with_failover",
]  # fmt: skip

logger = structlog.get_logger(__name__)


def resolve_exchange_for_signal(signal_exchange: str | None, strategy_id: str | None) -> str:
    """The signal's own exchange, else its strategy's, else the default. The name is not yet validated."""
    if signal_exchange:
        exchange, source = signal_exchange, Source.EXPLICIT
        logger.info("Using explicit exchange from signal", exchange=exchange[:64], source=source.value)
    else:
        exchange, source = exchange_and_source(strategy_id)
        logger.info("Resolved exchange for signal", exchange=exchange, strategy_id=strategy_id, source=source.value)
    metrics.exchange_routing_total.labels(metrics.exchange_label(exchange.lower()), source.value).inc()
    return exchange


async def resolve_exchange_with_failover(primary_exchange: str, default_exchange: str | None = None) -> str:
    """See `choose_exchange_with_failover`."""
    return await choose_exchange_with_failover(primary_exchange, default_exchange)


@dataclass(frozen=True, slots=True)
class ExecutionConfig:
    """For whom orders are placed: their keys, permissions and limits count. timeout_s: to wait for an order's end."""

    user: User
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """What became of an order. `status` as in the API; not final when the time was up first.

    exchange: where it ended; another one than asked for when it failed over. filled_amount: base units.
    """

    signal_id: uuid.UUID
    status: str
    exchange: str
    filled_amount: Decimal
    filled_notional: Decimal
    reason_code: str
    reason_detail: str


@dataclass(frozen=True, slots=True)
class ExecutionAdapter:
    """Places orders on one exchange, for one user."""

    exchange: str
    config: ExecutionConfig

    async def place_order(self, order_request: Mapping[str, Any]) -> ExecutionResult:
        """Send one order and wait for its end. order_request: as the body of POST /api/signals.

        `id` makes a repeated call the same order. Raises rest_framework's ValidationError for a bad request, and
        ValueError when its `id` was used for another order.
        """
        signal_id = await sync_to_async(self._store)(order_request)
        if not await sync_to_async(_is_final)(signal_id):
            await sync_to_async(final_waiter.wait, thread_sensitive=False)(signal_id, self.config.timeout_s)
        return await sync_to_async(_result)(signal_id)

    def _store(self, order_request: Mapping[str, Any]) -> uuid.UUID:
        body = {**order_request, "exchange": self.exchange}
        signal = parse_signal(body, key=str(order_request.get("id") or uuid.uuid4().hex))
        max_age_s = current_policy().rules.signal_max_age_s
        (receipt,) = store_signals(
            [signal], user_id=self.config.user.pk, token_id=None, now=timezone.now(), max_age_s=max_age_s
        )
        if receipt.signal_id is None:
            assert receipt.outcome in {Outcome.KEY_REUSED, Outcome.IN_PROGRESS}
            raise ValueError(f"The id {signal.idempotency_key!r} belongs to another order.")
        return receipt.signal_id


def build_execution_adapter(config: ExecutionConfig, exchange_override: str | None = None) -> ExecutionAdapter:
    """The adapter for this exchange, else for the default one. An unknown name: see `validate_exchange_name`."""
    name = exchange_override or current_policy().rules.default_exchange
    return ExecutionAdapter(validate_exchange_name(name), config)


def _is_final(signal_id: uuid.UUID) -> bool:
    return Signal.objects.filter(pk=signal_id, final_at__isnull=False).exists()


def _result(signal_id: uuid.UUID) -> ExecutionResult:
    signal = Signal.objects.get(pk=signal_id)
    return ExecutionResult(
        signal_id=signal.pk,
        status=signal.status,
        exchange=signal.exchange_id or "",
        filled_amount=signal.filled_amount,
        filled_notional=signal.filled_notional,
        reason_code=signal.reason_code,
        reason_detail=signal.reason_detail,
    )
