"""Cancelling: what never left ends at once; what may be at an exchange is asked to be cancelled there.

Cancels always pass: no halt, limit or permission stands in their way.
"""

from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from execution.domain.orders import FINAL, SIGNAL_FINAL, OrderStatus, SignalStatus
from execution.domain.parts import end_status
from execution.models import Order, OrderEvent, Signal
from execution.services.parts import settle
from execution.services.sql import fetch
from execution.services.wake import waker
from policies.domain.policy import Scope
from policies.domain.reasons import ReasonCode

logger = structlog.get_logger(__name__)


def cancel_signal(signal_id: UUID, *, by: object) -> SignalStatus:
    """A client cancels its signal; returns the status it has now. A working order is cancelled soon after.

    Its parts are cancelled after that, each in a transaction of its own, because a part is locked before its parent:
    once the parent's own is committed it gets no new ones, and what is left undone here is found by `cancel_left`.
    """
    _cancel_one(signal_id, by)
    for part_id in Signal.objects.filter(parent=signal_id, final_at=None).values_list("pk", flat=True):
        cancel_signal(part_id, by=by)
    waker.wake(urgent=True)
    return SignalStatus(Signal.objects.values_list("status", flat=True).get(pk=signal_id))


_LEFT = """
SELECT c.id FROM execution_signal p JOIN execution_signal c ON c.parent_id = p.id
WHERE p.cancel_requested_at IS NOT NULL AND p.final_at IS NULL AND c.cancel_requested_at IS NULL AND c.final_at IS NULL
LIMIT 100
"""


def cancel_left() -> int:
    """Parts of a cancelled signal whose canceller died before it came to them."""
    left = [row[0] for row in fetch(_LEFT, {})]
    for part_id in left:
        cancel_signal(part_id, by="the client")
    return len(left)


def _cancel_one(signal_id: UUID, by: object) -> None:
    with transaction.atomic():
        signal = Signal.objects.select_for_update().get(pk=signal_id)
        if SignalStatus(signal.status) in SIGNAL_FINAL:
            return
        now = timezone.now()
        signal.cancel_requested_at = signal.cancel_requested_at or now
        if signal.status == SignalStatus.PENDING:
            more = "Nothing more was sent." if signal.parts_made else "Nothing was sent."
            _end_signal(signal, now, ReasonCode.CANCELLED_BY_CLIENT, f"Cancelled before it was routed. {more}")
        signal.save(update_fields=["cancel_requested_at", "status", "reason_code", "reason_detail", "final_at"])
        for order in signal.orders.select_for_update().exclude(status__in=FINAL):
            _cancel(order, now, ReasonCode.CANCELLED_BY_CLIENT, f"Cancelled by {by}.")
        if signal.parent_id is not None:
            settle([signal.parent_id], now=now)


def cancel_order(order_id: UUID, *, by: object, reason: str) -> bool:
    """A person cancels an order. False if it had already ended."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        if OrderStatus(order.status) in FINAL:
            return False
        now = timezone.now()
        _cancel(order, now, ReasonCode.CANCELLED_BY_OPERATOR, f"{by}: {reason}")
        if order.signal.parent_id is not None:
            settle([order.signal.parent_id], now=now)
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
    signal.status, signal.final_at = end_status(signal.filled_amount, code), now
    signal.reason_code, signal.reason_detail = code.value, detail
