"""Cancelling: what never left ends at once; what may be at an exchange is asked to be cancelled there.

Cancels always pass: no halt, limit or permission stands in their way.
"""

from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from execution.domain.orders import FINAL, SIGNAL_FINAL, OrderStatus, SignalStatus
from execution.models import Order, OrderEvent, Signal
from execution.services.wake import waker
from policies.domain.policy import Scope
from policies.domain.reasons import ReasonCode

logger = structlog.get_logger(__name__)


def cancel_signal(signal_id: UUID, *, by: object) -> SignalStatus:
    """A client cancels its signal; returns the status it has now. A working order is cancelled soon after."""
    with transaction.atomic():
        signal = Signal.objects.select_for_update().get(pk=signal_id)
        if SignalStatus(signal.status) in SIGNAL_FINAL:
            return SignalStatus(signal.status)
        now = timezone.now()
        signal.cancel_requested_at = signal.cancel_requested_at or now
        if signal.status == SignalStatus.PENDING:
            _end_signal(
                signal, now, ReasonCode.CANCELLED_BY_CLIENT, "Cancelled before it was routed. Nothing was sent."
            )
        signal.save(update_fields=["cancel_requested_at", "status", "reason_code", "reason_detail", "final_at"])
        for order in signal.orders.select_for_update().exclude(status__in=FINAL):
            _cancel(order, now, ReasonCode.CANCELLED_BY_CLIENT, f"Cancelled by {by}.")
        status = SignalStatus(Signal.objects.values_list("status", flat=True).get(pk=signal_id))
    waker.wake(urgent=True)
    return status


def cancel_order(order_id: UUID, *, by: object, reason: str) -> bool:
    """A person cancels an order. False if it had already ended."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        if OrderStatus(order.status) in FINAL:
            return False
        _cancel(order, timezone.now(), ReasonCode.CANCELLED_BY_OPERATOR, f"{by}: {reason}")
    waker.wake(urgent=True)
    return True


def cancel_open_orders(*, scope: Scope, target: str, by: object, reason: str) -> int:
    """Ask to cancel every order of a scope that is not over; returns how many."""
    live = Order.objects.exclude(status__in=FINAL)
    filters = {
        Scope.GLOBAL: {},
        Scope.EXCHANGE: {"exchange_id": target},
        Scope.USER: {"user_id": target},
        Scope.STRATEGY: {"signal__strategy_id": target},
        Scope.SYMBOL: {"symbol": target},
    }
    ids = list(live.filter(**filters[scope]).values_list("pk", flat=True))
    return sum(cancel_order(order_id, by=by, reason=reason) for order_id in ids)


def _cancel(order: Order, now: datetime, code: ReasonCode, detail: str) -> None:
    """Withdraw a queued order; leave a request on one that may be at the exchange."""
    if order.status == OrderStatus.QUEUED:
        _withdraw(order, now, code, detail)
        return
    order.cancel_requested_at = order.cancel_requested_at or now
    order.cancel_code, order.cancel_reason = code.value, detail[:300]
    fields = ["cancel_requested_at", "cancel_code", "cancel_reason"]
    if order.status in {OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED}:
        order.next_check_at = now
        fields.append("next_check_at")
    order.save(update_fields=fields)
    logger.info("cancel_requested", order=order.client_order_id, code=code.value)


def _withdraw(order: Order, now: datetime, code: ReasonCode, detail: str) -> None:
    order.status, order.reason_code, order.reason_detail, order.final_at = (
        OrderStatus.CANCELLED,
        code.value,
        detail,
        now,
    )
    order.save(update_fields=["status", "reason_code", "reason_detail", "final_at"])
    OrderEvent.objects.create(
        order=order,
        at=now,
        old_status=OrderStatus.QUEUED,
        new_status=OrderStatus.CANCELLED,
        reason_code=code.value,
        detail=detail,
    )
    signal = order.signal
    _end_signal(signal, now, code, f"{detail} Nothing was sent.")
    signal.save(update_fields=["status", "reason_code", "reason_detail", "final_at"])


def _end_signal(signal: Signal, now: datetime, code: ReasonCode, detail: str) -> None:
    signal.status, signal.final_at = SignalStatus.CANCELLED, now
    signal.reason_code, signal.reason_detail = code.value, detail
