"""An exchange's health from its checks, with hysteresis. Pure: the time comes in, nothing is read."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class HealthStatus(StrEnum):
    """unknown: never checked."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"


DOWN_AFTER_FAILURES = 2
OK_AFTER_SUCCESSES = 2
EWMA_WEIGHT = 0.3
LEAVE_DEGRADED_FACTOR = 0.8
"""A degraded exchange is OK again only when its average falls below this share of the threshold: it does not flap."""

EARLY_SHARE = 0.2
"""A check comes up to this share of its interval early, never late."""

CLOCK_TOLERANCE = timedelta(seconds=2)
"""A last check further ahead than this was noted by a clock that has been set back since."""

CONTRADICTED = "It announces maintenance, and takes orders: not believed."


SETTLED_SHARE = 0.2
SETTLED_MS = 10.0
"""The figure by which chains are put in order follows the average only when it has moved by this much from it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One health check. latency_ms only when it was answered."""

    at: datetime
    ok: bool
    latency_ms: float | None = None
    error: str = ""
    maintenance: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """The state after all checks so far. settled_ms: the average without its small movements; orders follow it."""

    status: HealthStatus
    since: datetime
    checked_at: datetime | None = None
    latency_ms: float | None = None
    latency_ewma_ms: float | None = None
    latency_p50_ms: float | None = None
    consecutive_failures: int = 0
    consecutive_successes: int = 0
    last_error: str = ""
    banned_until: datetime | None = None
    settled_ms: float | None = None

    def age_s(self, now: datetime) -> float | None:
        """Seconds since the last check; None before the first."""
        return None if self.checked_at is None else (now - self.checked_at).total_seconds()


def is_due(last: datetime | None, now: datetime, interval_s: float, seed: str) -> bool:
    """Whether an exchange is to be checked now.

    How early is drawn from the seed and the last check: everybody who asks about the same check gets the same answer,
    and no two exchanges, nor two installations, stay in step.
    """
    if last is None or last > now + CLOCK_TOLERANCE:
        return True
    return (now - last).total_seconds() >= interval_s * (1 - EARLY_SHARE * _chance(f"{seed}:{last.isoformat()}"))


def _chance(seed: str) -> float:
    return int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=6).digest()) / 2**48


def after_check(health: Health, check: Check, *, degraded_above_ms: int, takes_orders: bool = False) -> Health:
    """The state after one more check. takes_orders: real placements of the last minute were answered.

    Maintenance is announced by a page that may be wrong; orders that are taken are the better witness.
    """
    if check.maintenance and takes_orders:
        status = HealthStatus.OK if health.status == HealthStatus.UNKNOWN else health.status
        return _with_status(replace(health, checked_at=check.at, last_error=CONTRADICTED), status, check.at)
    if check.maintenance:
        failed = replace(health, checked_at=check.at, consecutive_successes=0, last_error=check.error)
        return _with_status(failed, HealthStatus.MAINTENANCE, check.at)
    if not check.ok:
        return _after_failure(health, check)
    latency = check.latency_ms or 0.0
    average = (
        latency
        if health.latency_ewma_ms is None
        else (EWMA_WEIGHT * latency + (1 - EWMA_WEIGHT) * health.latency_ewma_ms)
    )
    updated = replace(
        health,
        checked_at=check.at,
        latency_ms=latency,
        latency_ewma_ms=average,
        settled_ms=_settled(health.settled_ms, average),
        consecutive_failures=0,
        consecutive_successes=health.consecutive_successes + 1,
    )
    return _with_status(updated, _answering_status(updated, degraded_above_ms), check.at)


def _settled(before: float | None, average: float) -> float:
    if before is not None and abs(average - before) <= max(SETTLED_SHARE * before, SETTLED_MS):
        return before
    return average


def _after_failure(health: Health, check: Check) -> Health:
    failures = health.consecutive_failures + 1
    updated = replace(
        health,
        checked_at=check.at,
        consecutive_failures=failures,
        consecutive_successes=0,
        last_error=check.error,
        # A first answer after an outage must not be averaged with the calm before it.
        latency_ewma_ms=None if failures >= DOWN_AFTER_FAILURES else health.latency_ewma_ms,
    )
    down = failures >= DOWN_AFTER_FAILURES or health.status in {HealthStatus.DOWN, HealthStatus.UNKNOWN}
    return _with_status(updated, HealthStatus.DOWN if down else HealthStatus.DEGRADED, check.at)


def _answering_status(health: Health, degraded_above_ms: int) -> HealthStatus:
    assert health.latency_ewma_ms is not None
    bound: float = degraded_above_ms
    if health.status == HealthStatus.DEGRADED:
        bound *= LEAVE_DEGRADED_FACTOR
    if health.latency_ewma_ms > bound:
        return HealthStatus.DEGRADED
    recovering = health.status in {HealthStatus.DOWN, HealthStatus.DEGRADED, HealthStatus.MAINTENANCE}
    if recovering and health.consecutive_successes < OK_AFTER_SUCCESSES:
        return health.status
    return HealthStatus.OK


def _with_status(health: Health, status: HealthStatus, at: datetime) -> Health:
    return health if status == health.status else replace(health, status=status, since=at)
