"""What a preview tells: a decision that nobody stored, what was compared for it, and what may still change it."""

from dataclasses import dataclass
from decimal import Decimal

from execution.domain.orders import Method
from execution.domain.router import Answer, Refused
from execution.domain.smart import SmartAnswer
from execution.services.decisions import Decided, exchange_of
from execution.services.smart import Chosen
from policies.domain.policy import RouteBy
from policies.domain.reasons import Denial
from policies.domain.routing import Candidate


@dataclass(frozen=True, slots=True)
class Expected:
    """What an order should get that goes to one exchange. cost_bps: beyond the middle of its book, with the fee."""

    amount: Decimal
    price: Decimal
    fee: Decimal
    cost_bps: Decimal


@dataclass(frozen=True, slots=True)
class Preview:
    """The answer.

    decided: what a worker would store. chosen: what was compared, for a smart route that got so far. first: of an order
    that is traded over time, the decision about its first slice as of now. expected: of a fixed route that takes at
    once. without_book: exchanges that gave no fresh book, although the route asked for it. stale: exchanges whose
    health is too old; a worker would look again first.
    """

    policy_version: int
    answer: Answer | SmartAnswer | Refused
    decided: Decided
    chosen: Chosen | None = None
    first: Decided | None = None
    expected: Expected | None = None
    without_book: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def denial(self) -> Denial | None:
        """Why nothing would be sent."""
        return self.decided.denial

    @property
    def waits_for(self) -> Denial | None:
        """Why the first slice could not be sent now, though later ones may."""
        return self.first.denial if self.first is not None else None

    @property
    def exchange(self) -> str:
        """Where it would go first, and most of it; empty when that would be nowhere now."""
        if self.denial is not None or self.waits_for is not None:
            return ""
        return exchange_of(self.first or self.decided)

    @property
    def source(self) -> str:
        """What decided: explicit, policy, default or smart; empty where it was refused before."""
        resolution = self.answer.resolution
        return resolution.source.value if resolution is not None else ""

    @property
    def mode(self) -> str:
        """How real the order would be; empty for none."""
        return "" if self.denial is not None or isinstance(self.answer, Refused) else self.answer.mode.value

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every exchange and its fate."""
        return (self.first or self.decided).candidates

    @property
    def notes(self) -> tuple[str, ...]:
        """What else a worker would do, or what keeps this answer from being certain, in sentences."""
        found = []
        if self.without_book:
            names, last = ", ".join(self.without_book), "denies the signal" if self.denial else "goes on without"
            found.append(f"No fresh order book from {names}. A worker waits a moment for one, then {last}.")
        if self.stale:
            names = ", ".join(self.stale)
            found.append(f"The last health check of {names} is too old. A worker checks again first, and then decides.")
        compared_at_rest = self.chosen is not None and self.first is None  # what was compared tells it
        if self.decided.parts and self.decided.schedule is not None and not compared_at_rest:
            found.append(_pace(self.decided))
        if self.waits_for is not None:
            found.append(f"The first slice would wait: {self.waits_for.code.value}, {self.waits_for.detail}")
        return tuple(found)


def _pace(decided: Decided) -> str:
    count, schedule = len(decided.parts), decided.schedule or {}
    part = decided.parts[0]
    if part.rest_until is not None:
        return f"It would rest at {part.exchange} first; what is not filled in time is routed again and taken."
    if schedule.get("method") == Method.ICEBERG:
        return "Traded over time: one slice after the other, each routed when the one before has ended."
    minutes = schedule.get("interval_s", 0) * count / 60
    return f"Traded over time: {count} slices in {minutes:.1f} min, each routed when due. The figures are of the first."


@dataclass(frozen=True, slots=True)
class Compared:
    """What one strategy would do at once. extra_bps: more than the cheapest of all; None: it fills less."""

    by: RouteBy
    preview: Preview
    cost_bps: float | None
    extra_bps: float | None = None
