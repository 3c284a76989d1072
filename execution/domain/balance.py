"""How the signals of one strategy are spread over several exchanges. Pure: figures and a turn come in.

The turn counts the strategy's signals of one worker; it stands in for a clock and for chance, so that the same inputs
give the same answer. A full exchange (max_in_flight) comes after all that have room, whatever the method says: when
several exchanges fail together, the rest is not run over; what finds no room waits for it.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from policies.domain.policy import RouteBy

PEAK_DECAY_S = 10.0
"""A slow answer is forgotten over about this time: an exchange that was slow once gets its next chance then."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one worker has under way at an exchange. latency_ms: its peak-EWMA of placements; None: none lately."""

    in_flight: int = 0
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """One exchange that could take the signal. in_flight: unanswered orders of this worker there."""

    exchange: str
    weight: int = 1
    in_flight: int = 0
    max_in_flight: int = 1
    latency_ms: float | None = None

    @property
    def share(self) -> float:
        """How much of its room is taken."""
        return self.in_flight / self.max_in_flight


@dataclass(frozen=True, slots=True)
class Peak:
    """A peak-sensitive moving average: up at once, down slowly. at: seconds, any clock that does not jump."""

    value_ms: float
    at: float

    def now(self, at: float) -> float:
        """What is left of it."""
        return self.value_ms * math.exp(-max(0.0, at - self.at) / PEAK_DECAY_S)


def after_answer(peak: Peak | None, took_ms: float, at: float, *, failed: bool = False) -> Peak | None:
    """With one more answer. A failure counts only where it was slow: failing fast is no virtue."""
    if peak is None:
        return None if failed else Peak(took_ms, at)
    left = peak.now(at)
    if took_ms >= left:
        return Peak(took_ms, at)
    if failed:
        return peak
    kept = math.exp(-max(0.0, at - peak.at) / PEAK_DECAY_S)
    return Peak(peak.value_ms * kept + took_ms * (1 - kept), at)


def balance(method: RouteBy, options: Sequence[Option], turn: int) -> tuple[str, ...]:
    """All of them, the one for this turn first. `method` is one that spreads."""
    room = [option for option in options if option.in_flight < option.max_in_flight]
    full = [option for option in options if option.in_flight >= option.max_in_flight]
    ordered = _METHODS[method](room, turn) if room else []
    return tuple(option.exchange for option in (*ordered, *_least_loaded(full, turn)))


def _round_robin(options: Sequence[Option], turn: int) -> list[Option]:
    first = turn % len(options) if options else 0
    return [*options[first:], *options[:first]]


def _least_loaded(options: Sequence[Option], turn: int) -> list[Option]:
    """By the share of its room that is taken; equals take turns."""
    return sorted(_round_robin(options, turn), key=lambda option: option.share)


def _weighted(options: Sequence[Option], turn: int) -> list[Option]:
    """Each as often as its weight in every round, spread as evenly as can be; the others by weight."""
    cycle = _smooth_cycle(tuple(option.weight for option in options))
    first = options[cycle[turn % len(cycle)]]
    others = sorted((option for option in options if option is not first), key=lambda option: -option.weight)
    return [first, *others]


def _adaptive(options: Sequence[Option], turn: int) -> list[Option]:
    """The cheaper of two that chance picks: nearly as good as the cheapest of all, and workers do not run together."""
    cost = _costs(options)
    picked = random.Random(turn).sample(list(options), min(2, len(options)))  # noqa: S311 - repeatable on purpose
    first = min(picked, key=lambda option: cost[option.exchange])
    others = sorted((option for option in options if option is not first), key=lambda option: cost[option.exchange])
    return [first, *others]


def _costs(options: Sequence[Option]) -> Mapping[str, float]:
    """Latency × orders under way, this one included. What was never measured counts as the slowest that was."""
    unknown = max((option.latency_ms for option in options if option.latency_ms is not None), default=1.0)
    return {
        option.exchange: (unknown if option.latency_ms is None else option.latency_ms) * (option.in_flight + 1)
        for option in options
    }


@lru_cache(maxsize=64)
def _smooth_cycle(weights: tuple[int, ...]) -> tuple[int, ...]:
    """Indexes of one whole round: 3, 1, 1 gives 0 1 0 2 0, never 0 0 0 1 2."""
    shared = math.gcd(*weights)
    steps = [weight // shared for weight in weights]
    total, credit, cycle = sum(steps), [0] * len(steps), []
    for _ in range(total):
        credit = [have + step for have, step in zip(credit, steps, strict=True)]
        chosen = max(range(len(steps)), key=lambda index: (credit[index], -index))
        credit[chosen] -= total
        cycle.append(chosen)
    return tuple(cycle)


_METHODS: Mapping[RouteBy, Callable[[Sequence[Option], int], list[Option]]] = {
    RouteBy.ROUND_ROBIN: _round_robin,
    RouteBy.LEAST_LOADED: _least_loaded,
    RouteBy.WEIGHTED: _weighted,
    RouteBy.ADAPTIVE: _adaptive,
}
