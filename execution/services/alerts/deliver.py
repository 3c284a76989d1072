"""The outbox: notices are claimed, sent and tried again until they arrive or a day has passed.

At least once: a process that dies between the answer of a target and its own commit leaves the notice to the next one.
"""

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from execution.models import AlertDelivery
from execution.models.alert import DeliveryState, NoticeKind
from execution.services.alerts import hosted, webhook
from execution.services.alerts.addresses import NotAllowed
from execution.services.alerts.errors import SendError, redact
from execution.services.alerts.notices import GIVE_UP_AFTER, as_json
from execution.services.sql import fetch
from policies.alerts import read_target
from policies.crypto import Unreadable
from policies.domain.alert_targets import SECRET_NAMES
from policies.domain.alerts import ChannelKind
from policies.models import AlertChannel

logger = structlog.get_logger(__name__)

TIMEOUT_S = 10.0
BUDGET_S = 40.0
"""No further notice is begun after this; the next tick goes on."""
FIRST_RETRY_S, LONGEST_RETRY_S = 5, 600
CLAIM_S = 60
"""A claimed notice is nobody else's for this long; then its process counts as dead."""

_CLAIM = """
UPDATE execution_alertdelivery SET attempts = attempts + 1, next_at = %(until)s WHERE id IN (
    SELECT d.id FROM execution_alertdelivery d JOIN policies_alertchannel c ON c.id = d.channel_id AND c.enabled
    WHERE d.state = 'pending' AND d.next_at <= %(now)s AND d.channel_id <> ALL(%(busy)s::uuid[])
      AND NOT EXISTS (
        SELECT FROM execution_alertdelivery e
        WHERE e.channel_id = d.channel_id AND e.state = 'pending' AND e.id < d.id
          AND (e.next_at <= %(now)s OR e.alert_id = d.alert_id))
    ORDER BY d.id LIMIT 20 FOR UPDATE OF d SKIP LOCKED)
RETURNING id
"""


@dataclass
class Parcel:
    """One notice on its way: what a thread needs to send it, without the database."""

    delivery: AlertDelivery
    target: dict[str, str] = field(repr=False)
    error: str = ""
    thread: threading.Thread | None = None

    def send(self) -> None:
        """Send it and keep what went wrong, without secrets."""
        try:
            _dispatch(self.delivery, self.target)
        except (SendError, NotAllowed) as e:
            self.error = str(e) or type(e).__name__
        except Exception as e:  # noqa: BLE001 the edge of a thread: whatever it was, the notice is tried again
            logger.error("alert_not_sent", error=type(e).__name__)
            self.error = type(e).__name__
        self.error = redact(self.error, (self.target.get(name, "") for name in SECRET_NAMES))[:300]


def _dispatch(delivery: AlertDelivery, target: dict[str, str]) -> None:
    kind = ChannelKind(delivery.channel.kind)
    if kind == ChannelKind.WEBHOOK:
        webhook.post(target["address"], target["signing_secret"], as_json(delivery), timeout_s=TIMEOUT_S)
        return
    hosted.notify(
        kind,
        target,
        delivery.text,
        severity=delivery.alert.severity,
        timeout_s=TIMEOUT_S,
        recovered=delivery.kind == NoticeKind.RECOVERED,
    )


_hanging: dict[UUID, threading.Thread] = {}
"""Threads that were given up on and still wait, by channel. None of them gets a second one beside it."""


def send_due() -> int:
    """Send what is due, every channel on its own thread; how many arrived. Returns after BUDGET_S at the latest."""
    sent, began = 0, time.monotonic()
    answers: queue.Queue[Parcel] = queue.Queue()
    running: dict[UUID, tuple[Parcel, float]] = {}
    while True:
        if time.monotonic() - began < BUDGET_S - TIMEOUT_S:
            for delivery in _claim(list(running)):
                parcel = _start(delivery, answers)
                if parcel is not None:
                    running[delivery.channel_id] = (parcel, time.monotonic() + TIMEOUT_S)
        if not running:
            return sent
        for parcel in _answered(answers, running):
            _record(parcel)
            sent += not parcel.error


def _answered(answers: "queue.Queue[Parcel]", running: dict[UUID, tuple[Parcel, float]]) -> list[Parcel]:
    """Wait for the next answer, or for the first of those that run out of time."""
    nearest = min(deadline for _, deadline in running.values())
    try:
        parcel = answers.get(timeout=max(0.01, nearest - time.monotonic()))
    except queue.Empty:
        late = [entry[0] for entry in running.values() if entry[1] <= time.monotonic()]
        for parcel in late:
            if parcel.thread is not None:
                _hanging[parcel.delivery.channel_id] = parcel.thread
        done = [Parcel(parcel.delivery, {}, f"No answer within {TIMEOUT_S:.0f} s.") for parcel in late]
    else:
        current = running.get(parcel.delivery.channel_id)
        done = [parcel] if current is not None and current[0] is parcel else []
    for parcel in done:
        del running[parcel.delivery.channel_id]
    return done


def _claim(busy: Sequence[UUID]) -> list[AlertDelivery]:
    now = timezone.now()
    params = {"now": now, "until": now + timedelta(seconds=CLAIM_S), "busy": [str(pk) for pk in busy]}
    claimed = [pk for (pk,) in fetch(_CLAIM, params)]
    if not claimed:
        return []
    rows = AlertDelivery.objects.filter(pk__in=claimed).select_related("alert__rule", "channel").order_by("pk")
    return list(rows)


def _start(delivery: AlertDelivery, answers: "queue.Queue[Parcel]") -> Parcel | None:
    """Begin to send; None when that ended at once."""
    channel = delivery.channel
    if (thread := _hanging.get(channel.pk)) is not None and thread.is_alive():
        _record(Parcel(delivery, {}, "The attempt before this one has not ended yet."))
        return None
    try:
        parcel = Parcel(delivery, read_target(channel))
    except Unreadable as e:
        _record(Parcel(delivery, {}, f"The stored target cannot be read: {e}."))
        return None

    def run() -> None:
        parcel.send()
        answers.put(parcel)

    parcel.thread = threading.Thread(target=run, name=f"alert-{channel.pk}", daemon=True)
    parcel.thread.start()
    return parcel


@transaction.atomic
def _record(parcel: Parcel) -> None:
    """Keep the outcome. After a failure the whole channel waits: one that is out is not asked for each notice."""
    delivery, now = parcel.delivery, timezone.now()
    if not parcel.error:
        AlertDelivery.objects.filter(pk=delivery.pk).update(state=DeliveryState.SENT, sent_at=now, error="")
    else:
        delay = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(delivery.attempts - 1, 10))
        again = now + timedelta(seconds=delay)
        state = DeliveryState.FAILED if again > delivery.give_up_at else DeliveryState.PENDING
        AlertDelivery.objects.filter(pk=delivery.pk).update(state=state, next_at=again, error=parcel.error)
        waiting = AlertDelivery.objects.filter(channel=delivery.channel_id, state=DeliveryState.PENDING)
        waiting.exclude(pk=delivery.pk).update(next_at=Greatest(F("next_at"), again))
        logger.warning("alert_not_delivered", channel=delivery.channel.name, error=parcel.error, state=state.value)
    note_result(delivery.channel, parcel.error)


def note_result(channel: AlertChannel, error: str) -> None:
    """Keep how the last attempt of a channel ended."""
    AlertChannel.objects.filter(pk=channel.pk).update(last_at=timezone.now(), last_ok=not error, last_error=error)


def retry(delivery_id: int, *, by: User) -> None:
    """Try a notice again at once, for another day. Raises ValidationError when it was sent."""
    now = timezone.now()
    changed = (
        AlertDelivery.objects.filter(pk=delivery_id)
        .exclude(state=DeliveryState.SENT)
        .update(state=DeliveryState.PENDING, next_at=now, give_up_at=now + GIVE_UP_AFTER)
    )
    if not changed:
        raise ValidationError("This notice was sent already.", code="sent")
    logger.info("alert_delivery_retried", delivery=delivery_id, by=str(by))
