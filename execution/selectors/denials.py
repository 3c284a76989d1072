"""Denials of the last day, by code, strategy and user, beside what is usual."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from execution.selectors.query import fetch
from execution.selectors.shared import shared

USUAL_DAYS = 7
SHARED_S = 5
BURST_FACTOR = 2
_MIN_BURST = 5

_BY_CODE = """
SELECT reason_code, count(*) FILTER (WHERE received_at > %(day_ago)s),
       count(*) FILTER (WHERE received_at > %(hour_ago)s),
       count(*) FILTER (WHERE received_at <= %(day_ago)s), max(received_at)
FROM execution_signal WHERE status = 'denied' AND received_at > %(week_ago)s AND parent_id IS NULL
GROUP BY reason_code ORDER BY 2 DESC, 5 DESC
"""
_BY_SENDER = """
SELECT s.strategy_id, u.username, count(*), mode() WITHIN GROUP (ORDER BY s.reason_code), max(s.received_at)
FROM execution_signal s JOIN auth_user u ON u.id = s.user_id
WHERE s.status = 'denied' AND s.received_at > %(day_ago)s AND s.parent_id IS NULL
GROUP BY s.strategy_id, u.username ORDER BY 3 DESC LIMIT 20
"""


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How often a code was the reason. usual: per day, over the six days before."""

    code: str
    day: int
    hour: int
    usual: float
    last: datetime


@dataclass(frozen=True, slots=True)
class SenderCount:
    """A strategy of a user, and what it is mostly denied for."""

    strategy: str
    user: str
    day: int
    top_code: str
    last: datetime


def denials_by_code() -> list[CodeCount]:
    """The codes of the last week, the most frequent of today first. One query, shared for some seconds."""
    return shared("denials", SHARED_S, _read_codes)


def _read_codes() -> list[CodeCount]:
    rows = fetch(_BY_CODE, _times())
    return [CodeCount(code, day, hour, before / (USUAL_DAYS - 1), last) for code, day, hour, before, last in rows]


def denials_by_sender() -> list[SenderCount]:
    """Who is denied most. One query."""
    return [SenderCount(*row) for row in fetch(_BY_SENDER, _times())]


def denied_unusually_often() -> int:
    """Denials of the last hour, if they are at least twice as many as in the usual hour; else 0."""
    counts = denials_by_code()
    hour = sum(count.hour for count in counts)
    usual = sum(count.usual for count in counts) / 24
    return hour if hour >= max(_MIN_BURST, BURST_FACTOR * usual) else 0


def _times() -> dict[str, datetime]:
    now = timezone.now()
    return {
        "hour_ago": now - timedelta(hours=1),
        "day_ago": now - timedelta(days=1),
        "week_ago": now - timedelta(days=USUAL_DAYS),
    }
