"""What people decide where the machine must not guess: orders in doubt, orphans, accounts that cannot be compared.

Each says why, is written down with its author, and goes through the same door as everything else.
"""

from datetime import datetime
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from execution.domain.life import Move
from execution.domain.orders import IN_DOUBT, OrderStatus, SignalStatus
from execution.models import Order, OrderEvent, Orphan, Reconciliation
from execution.services.claims import working_order
from execution.services.ledger import record
from execution.services.wake import waker
from policies.domain.reasons import ReasonCode
from policies.services import check_reason

logger = structlog.get_logger(__name__)

MAX_ID = 64


@transaction.atomic
def take(order_id: UUID, *, by: User) -> None:
    """I look into it."""
    order = _in_doubt(order_id)
    order.taken_by = by
    order.save(update_fields=["taken_by"])
    _note(order, f"{by} looks into it.")


@transaction.atomic
def look_again(order_id: UUID, *, by: User) -> None:
    """Ask the exchange as soon as a worker can."""
    order = _in_doubt(order_id)
    order.next_check_at = timezone.now()
    order.save(update_fields=["next_check_at"])
    _note(order, f"{by} asks for a look-up.")
    transaction.on_commit(lambda: waker.wake(urgent=True))


@transaction.atomic
def it_is_there(order_id: UUID, exchange_order_id: str, *, by: User, reason: str) -> None:
    """A person found it at the exchange. The id is only a pointer: what it was filled with, the exchange must say.

    Raises ValidationError.
    """
    reason = check_reason(reason)
    exchange_order_id = exchange_order_id.strip()
    if not 0 < len(exchange_order_id) <= MAX_ID:
        raise ValidationError("Copy the exchange's own order id here.", code="exchange_order_id")
    order = _in_doubt(order_id)
    if Order.objects.filter(exchange_id=order.exchange_id, exchange_order_id=exchange_order_id).exists():
        raise ValidationError(f"{exchange_order_id} belongs to another order of ours already.", code="taken")
    order.exchange_order_id, order.next_check_at = exchange_order_id, timezone.now()
    order.save(update_fields=["exchange_order_id", "next_check_at"])
    _note(order, f"{by} says it is {exchange_order_id} there: {reason}")
    transaction.on_commit(lambda: waker.wake(urgent=True))


def never_placed(order_id: UUID, *, by: User, reason: str) -> None:
    """A person has made sure that the order never reached the exchange's book. Its signal ends; nothing is sent again.

    Raises ValidationError: while the platform itself still looks, nobody may decide.
    """
    reason = check_reason(reason)
    with transaction.atomic():
        order = _in_doubt(order_id)
        obstacle = why_not_never_placed(order, timezone.now())
        if obstacle:
            raise ValidationError(obstacle, code="too_early")
        move = Move(
            order=working_order(order.pk),
            status=OrderStatus.NOT_PLACED,
            at=timezone.now(),
            code=ReasonCode.RESOLVED_BY_PERSON.value,
            detail=f"{by} made sure that it was never placed: {reason}",
            signal_status=SignalStatus.FAILED,
        )
        if not record([move]):
            raise ValidationError("It was settled at this very moment. Reload to see how.", code="settled")
    logger.warning("order_resolved_by_person", order=order.client_order_id, by=str(by), reason=reason)


def why_not_never_placed(order: Order, now: datetime) -> str:
    """Why a person may not say yet that it was never placed; '' when they may."""
    if order.status not in IN_DOUBT:
        return "This order is not in doubt."
    if order.filled_amount or order.acked_at:
        return "The exchange confirmed this order once, so it was placed."
    if order.status != OrderStatus.NEEDS_ATTENTION:
        return "The platform still looks it up. It asks for a person when that brings no clear answer."
    return ""


@transaction.atomic
def explain_orphan(orphan_id: int, *, by: User, reason: str) -> None:
    """A person says what an order without a row is. Raises ValidationError."""
    reason = check_reason(reason)
    orphan = Orphan.objects.select_for_update().get(pk=orphan_id)
    if orphan.resolved_at is not None:
        raise ValidationError("This was explained already.", code="explained")
    orphan.resolved_at, orphan.resolved_by, orphan.resolution = timezone.now(), by, reason
    orphan.save(update_fields=["resolved_at", "resolved_by", "resolution"])
    Reconciliation.objects.filter(pk=orphan.credential_id, clean_at=None).update(next_at=timezone.now())
    logger.warning("orphan_explained", exchange=orphan.exchange_id, order=orphan.exchange_order_id, by=str(by))


@transaction.atomic
def trust_account(credential_id: UUID, *, by: User, reason: str) -> None:
    """Use an account again although its orders could not be compared. Raises ValidationError."""
    reason = check_reason(reason)
    row = Reconciliation.objects.select_for_update().get(pk=credential_id)
    if row.clean_at is not None:
        raise ValidationError("This account is in use already.", code="clean")
    row.clean_at = timezone.now()
    row.last_error = f"Not compared; trusted by {by}: {reason}"[:300]
    row.save(update_fields=["clean_at", "last_error"])
    logger.critical("account_trusted", exchange=row.exchange_id, by=str(by), reason=reason)


def _in_doubt(order_id: UUID) -> Order:
    order = Order.objects.select_for_update().get(pk=order_id)
    if order.status not in IN_DOUBT:
        raise ValidationError(f"This order is {order.status} by now.", code="settled")
    return order


def _note(order: Order, text: str) -> None:
    OrderEvent.objects.create(
        order=order, at=timezone.now(), old_status=order.status, new_status=order.status, detail=text
    )
