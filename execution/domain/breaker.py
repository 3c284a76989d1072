"""The circuit breaker of an exchange, or of one set of keys there. Pure: the time and the chance come in.

CLOSED lets everything through and counts. OPEN lets nothing new through, for a time that doubles with every trip.
HALF_OPEN lets a few probes through: enough successes close it, one failure opens it again. Only what the other side is
to blame for is a failure here; cancels never ask.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from policies.domain.policy import BreakerRules


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Outcome(StrEnum):
    """What one call says about the other side. slow: answered, but later than policy's bound.

    overtaken: failed, but a call that began later was answered meanwhile. Time-outs end together, long after the calls
    around them were answered: such failures count in the share, and are none in a row.
    """

    SUCCESS = "success"
    SLOW = "slow"
    FAILURE = "failure"
    OVERTAKEN = "overtaken"


_FAILED = frozenset({Outcome.FAILURE, Outcome.OVERTAKEN})


@dataclass(frozen=True, slots=True)
class Counts:
    """Calls of one half of the window."""

    calls: int = 0
    failures: int = 0
    slow: int = 0

    def plus(self, outcome: Outcome) -> "Counts":
        """With one more call."""
        return Counts(self.calls + 1, self.failures + (outcome in _FAILED), self.slow + (outcome == Outcome.SLOW))


@dataclass(frozen=True, slots=True)
class Breaker:
    """Its state. trips: times it opened since it was last calm. cause: the sentence why it is not closed.

    forced: a person holds it in this state until `forced_until` (None: until somebody lets go).
    """

    state: BreakerState
    since: datetime
    failures_in_row: int = 0
    successes: int = 0
    trips: int = 0
    open_until: datetime | None = None
    window_at: datetime | None = None
    current: Counts = Counts()
    before: Counts = Counts()
    cause: str = ""
    forced: bool = False
    forced_until: datetime | None = None


def closed(now: datetime) -> Breaker:
    """A breaker that knows nothing bad yet."""
    return Breaker(BreakerState.CLOSED, now)


def at(breaker: Breaker, rules: BreakerRules, now: datetime) -> Breaker:
    """The breaker as time alone has made it: an open one lets probes through when its time is over.

    A clock that was set back cannot lock it out: no open time is longer than the longest.
    """
    if breaker.forced:
        if breaker.forced_until is None or now < breaker.forced_until:
            return breaker
        return _let_go(breaker, rules, now)
    if breaker.state != BreakerState.OPEN or breaker.open_until is None:
        return breaker
    longest = now + timedelta(seconds=rules.longest_open_s * (1 + rules.jitter))
    until = min(breaker.open_until, longest)
    if now >= until:
        return replace(breaker, state=BreakerState.HALF_OPEN, since=now, open_until=None, successes=0)
    return breaker if until == breaker.open_until else replace(breaker, open_until=until)


def after_call(
    breaker: Breaker, rules: BreakerRules, outcome: Outcome, now: datetime, *, chance: float, why: str = ""
) -> Breaker:
    """The breaker after one call. chance: 0 to 1, spreads the workers' return. why: the other side's words."""
    breaker = at(breaker, rules, now)
    if breaker.forced or breaker.state == BreakerState.OPEN:
        return breaker  # calls that were under way when it opened say nothing new
    if breaker.state == BreakerState.HALF_OPEN:
        return _after_probe(breaker, rules, outcome, now, chance, why)
    counted = _count(breaker, rules, outcome, now)
    cause = _reason_to_open(counted, rules, why)
    return _open(counted, rules, now, chance, cause) if cause else counted


def force(breaker: Breaker, state: BreakerState, now: datetime, *, until: datetime | None, cause: str) -> Breaker:
    """A person opens or closes it by hand."""
    return replace(
        closed(now), state=state, trips=breaker.trips, cause=cause, forced=True, forced_until=until, open_until=until
    )


def release(breaker: Breaker, rules: BreakerRules, now: datetime) -> Breaker:
    """A person lets go: it decides by itself again, after an opening with probes first."""
    return _let_go(breaker, rules, now) if breaker.forced else breaker


def _let_go(breaker: Breaker, rules: BreakerRules, now: datetime) -> Breaker:
    if breaker.state == BreakerState.CLOSED:
        return replace(closed(now), trips=breaker.trips)
    return replace(closed(now), state=BreakerState.HALF_OPEN, trips=breaker.trips, cause=breaker.cause)


def _after_probe(
    breaker: Breaker, rules: BreakerRules, outcome: Outcome, now: datetime, chance: float, why: str
) -> Breaker:
    if outcome in _FAILED:
        return _open(breaker, rules, now, chance, f"A probe failed: {why}" if why else "A probe failed.")
    successes = breaker.successes + 1
    if successes >= rules.successes_to_close:
        return replace(closed(now), trips=breaker.trips)
    return replace(breaker, successes=successes)


def _count(breaker: Breaker, rules: BreakerRules, outcome: Outcome, now: datetime) -> Breaker:
    began = breaker.window_at or now
    half = timedelta(seconds=rules.window_s / 2)
    current, before = breaker.current, breaker.before
    if not timedelta(0) <= now - began < half:
        # The half that has passed is kept; what is older, or from a clock that jumped, is forgotten.
        before = current if timedelta(0) <= now - began < 2 * half else Counts()
        current, began = Counts(), now
    row = breaker.failures_in_row
    if outcome != Outcome.OVERTAKEN:
        row = row + 1 if outcome == Outcome.FAILURE else 0
    calm = breaker.trips and (now - breaker.since).total_seconds() >= rules.calm_s
    return replace(
        breaker,
        failures_in_row=row,
        window_at=began,
        current=current.plus(outcome),
        before=before,
        trips=0 if calm else breaker.trips,
    )


def _reason_to_open(breaker: Breaker, rules: BreakerRules, why: str) -> str:
    words = f": {why}" if why else "."
    if breaker.failures_in_row >= rules.failures_to_open:
        return f"{breaker.failures_in_row} failures in a row{words}"
    calls = breaker.current.calls + breaker.before.calls
    if calls < rules.min_calls:
        return ""
    failures = breaker.current.failures + breaker.before.failures
    if failures >= rules.failure_share * calls:
        return f"{failures} of {calls} calls failed{words}"
    slow = breaker.current.slow + breaker.before.slow
    return f"{slow} of {calls} calls were slow." if slow >= rules.slow_share * calls else ""


def _open(breaker: Breaker, rules: BreakerRules, now: datetime, chance: float, cause: str) -> Breaker:
    seconds = min(rules.first_open_s * 2**breaker.trips, rules.longest_open_s)
    until = now + timedelta(seconds=seconds * (1 + rules.jitter * chance))
    return replace(closed(now), state=BreakerState.OPEN, trips=breaker.trips + 1, open_until=until, cause=cause[:300])
