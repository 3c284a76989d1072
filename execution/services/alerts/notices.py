"""What is told: one text for people and one body for machines, from the same facts."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from execution.models import Alert, AlertDelivery
from execution.models.alert import NoticeKind
from execution.selectors.alerts import Finding
from policies.display.formats import age_since
from policies.models import AlertRule

GIVE_UP_AFTER = timedelta(hours=24)
MAX_TEXT = 1_500
"""Discord takes 2,000 characters."""

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_MARKUP = str.maketrans({"<": "‹", ">": "›", "@": "@\u200b", "`": "'", "*": "∗", "[": "(", "]": ")"})


def harmless(text: str) -> str:
    """Other people's text (names, exchanges' answers) without what a chat would obey: mentions, links, markup."""
    return _CONTROL.sub(" ", text.replace("\n", " ")).translate(_MARKUP)


def address_of(finding: Finding) -> str:
    """The path of the admin's page that shows the evidence; '' when there is none."""
    if not finding.page:
        return ""
    return (
        reverse(f"admin:{finding.page}_change", args=[finding.pk])
        if finding.pk
        else reverse(f"admin:{finding.page}_changelist")
    )


def notices_for(
    alert: Alert, rule: AlertRule, kind: NoticeKind, channels: Iterable[UUID], now: datetime
) -> list[AlertDelivery]:
    """One outbox row per channel."""
    text = "\n".join(_lines(alert, rule, kind, now))[:MAX_TEXT]
    return [
        AlertDelivery(
            alert=alert,
            channel_id=channel,
            kind=kind,
            text=text,
            created_at=now,
            next_at=now,
            give_up_at=now + GIVE_UP_AFTER,
        )
        for channel in channels
    ]


def _lines(alert: Alert, rule: AlertRule, kind: NoticeKind, now: datetime) -> list[str]:
    begun = alert.began_at
    label = "RECOVERED" if kind == NoticeKind.RECOVERED else alert.severity.upper()
    where = settings.ENV["ENVIRONMENT_NAME"]
    title = f"{where + ' ' if where else ''}{label}: {harmless(alert.subject)}"
    lasted = f"{begun:%Y-%m-%d %H:%M:%S} UTC, {age_since(begun, now)} ago"
    lines = [title, harmless(alert.evidence)] if kind != NoticeKind.RECOVERED else [title, "It is over."]
    lines.append(f"Began {lasted}. Rule: {harmless(rule.name)}.")
    if kind == NoticeKind.REPEATED:
        lines.append("Nobody has taken it yet.")
    return [*lines, *filter(None, [_absolute(alert.link)])]


def _absolute(path: str) -> str:
    """With the site's address in front, where it is known."""
    origins = settings.CSRF_TRUSTED_ORIGINS
    return f"{origins[0]}{path}" if path and origins else ""


def as_json(delivery: AlertDelivery) -> dict[str, Any]:
    """The body of a webhook. `id` is the same when a notice comes twice."""
    alert = delivery.alert
    return {
        "id": str(delivery.pk),
        "kind": delivery.kind,
        "alert": str(alert.pk),
        "rule": alert.rule.name,
        "condition": alert.rule.condition,
        "severity": alert.severity,
        "scope": alert.scope_key,
        "subject": alert.subject,
        "text": delivery.text,
        "link": _absolute(alert.link) or alert.link,
        "began_at": alert.began_at.isoformat(),
        "at": delivery.created_at.isoformat(),
    }
