"""How an exchange does at each of the things we ask of it: data, trading, cancels. Shown, and decides nothing. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from execution.domain.health import HealthStatus


class Channel(StrEnum):
    """Market data; orders and accounts; cancels."""

    DATA = "data"
    TRADE = "trade"
    CANCEL = "cancel"


CHANNEL_OF_KIND = {"data": Channel.DATA, "place": Channel.TRADE, "trade": Channel.TRADE, "cancel": Channel.CANCEL}
FADES = 0.5
"""What is left of a minute's weight a minute with calls later: the newest calls count most."""

ENTER_DEGRADED, LEAVE_DEGRADED = 0.2, 0.1
ENTER_DOWN, LEAVE_DOWN = 0.6, 0.3


@dataclass(frozen=True, slots=True)
class MinuteOfCalls:
    """What happened in one minute; `number` counts minutes from any moment."""

    number: int
    calls: int
    failures: int


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """Its state, and the share of its calls that failed, the newest counting most."""

    status: HealthStatus = HealthStatus.UNKNOWN
    failing: float | None = None


def channel_health(minutes: Iterable[MinuteOfCalls]) -> ChannelHealth:
    """Judge a channel by its minutes. Worse and better have bounds of their own, so it does not flap.

    The same minutes give the same answer to everybody who asks, whatever was said before. No calls: unknown.
    """
    status, calls, failures = HealthStatus.UNKNOWN, 0.0, 0.0
    for minute in sorted(minutes, key=lambda each: each.number):
        if minute.calls <= 0:
            continue
        calls = calls * FADES + minute.calls
        failures = failures * FADES + min(minute.failures, minute.calls)
        status = _next(status, failures / calls)
    return ChannelHealth(status, failures / calls if calls else None)


def _next(status: HealthStatus, failing: float) -> HealthStatus:
    if failing >= ENTER_DOWN or (status == HealthStatus.DOWN and failing >= LEAVE_DOWN):
        return HealthStatus.DOWN
    troubled = status in {HealthStatus.DOWN, HealthStatus.DEGRADED}
    if failing >= ENTER_DEGRADED or (troubled and failing >= LEAVE_DEGRADED):
        return HealthStatus.DEGRADED
    return HealthStatus.OK
