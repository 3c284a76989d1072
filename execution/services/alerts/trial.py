"""A test of a channel, sent at once and kept nowhere but as the channel's last result."""

import threading

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from execution.models import Alert, AlertDelivery
from execution.models.alert import NoticeKind
from execution.services.alerts.deliver import TIMEOUT_S, Parcel, note_result
from policies.alerts import read_target
from policies.crypto import Unreadable
from policies.domain.alerts import Condition, Severity
from policies.models import AlertChannel, AlertRule


def send_test(channel: AlertChannel, *, by: User) -> str:
    """Send a test; '' when it was accepted, else why not. Waits for TIMEOUT_S at the most."""
    now = timezone.now()
    rule = AlertRule(name="Test", condition=Condition.EXCHANGE_DOWN.value)
    alert = Alert(rule=rule, severity=Severity.INFO.value, subject="Test", began_at=now, last_seen_at=now)
    where = settings.ENV["ENVIRONMENT_NAME"] or "the routing platform"
    text = f"Test from {where}\n{by.get_username()} tests the channel {channel.name}. Nothing is wrong."
    try:
        target = read_target(channel)
    except Unreadable as e:
        return f"The stored target cannot be read: {e}."
    parcel = Parcel(
        AlertDelivery(alert=alert, channel=channel, kind=NoticeKind.OPENED, text=text, created_at=now), target
    )
    thread = threading.Thread(target=parcel.send, name="alert-test", daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    error = f"No answer within {TIMEOUT_S:.0f} s." if thread.is_alive() else parcel.error
    note_result(channel, error)
    return error
