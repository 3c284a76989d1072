"""How much of a large order to trade when: equal slices, a volume curve, or risk against impact. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from policies.domain.numbers import ceil_to, floor_to

_STEPS = 10_000
"""Into how many steps jitter is divided: weights stay exact."""


@dataclass(frozen=True, slots=True)
class ImpactModel:
    """Almgren and Chriss: volatility (price units per root of time), permanent and temporary impact, risk aversion."""

    volatility: float
    permanent: float
    temporary: float
    risk_aversion: float


def slice_amounts(amount: Decimal, weights: Sequence[Decimal], lot: Decimal) -> list[Decimal]:
    """Slices in whole lots in proportion to weights >= 0; what is less than a lot rides on the last one.

    Each slice is a difference of rounded running sums, so errors never add up and the slices sum to `amount` exactly.
    """
    total = sum(weights, Decimal(0))
    if not weights or total <= 0 or min(weights) < 0:
        raise ValueError("weights must be >= 0 and one of them > 0")
    running = before = Decimal(0)
    slices = []
    for weight in weights:
        running += weight
        until = amount if running == total else floor_to(amount * running / total, lot)
        slices.append(until - before)
        before = until
    return slices


def twap_amounts(amount: Decimal, count: int, lot: Decimal) -> list[Decimal]:
    """`count` slices that differ by at most one lot (but for what is less than a lot)."""
    return slice_amounts(amount, [Decimal(1)] * count, lot)


def merge_small(slices: Sequence[Decimal], minimum: Decimal) -> list[Decimal]:
    """Let slices below the exchange's minimum wait for the next one; a last one too small joins the one before."""
    merged: list[Decimal] = []
    waiting = Decimal(0)
    for each in slices:
        waiting += each
        ready = waiting >= minimum
        merged.append(waiting if ready else Decimal(0))
        if ready:
            waiting = Decimal(0)
    if waiting:
        last = next((index for index in range(len(merged) - 1, -1, -1) if merged[index]), len(merged) - 1)
        merged[last] += waiting
    return merged


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of an order, `after_s` seconds after the first."""

    after_s: float
    amount: Decimal


def twap(
    amount: Decimal, count: int, horizon_s: float, *, lot: Decimal, minimum: Decimal, jitter: float, seed: int
) -> list[Slice]:
    """At most `count` slices over the horizon that sum to `amount` exactly, the first at once.

    jitter (below 0.5): share of an interval by which a slice is early or late, and of a slice by which it is larger or
    smaller. Slices below the minimum wait for the next one. The same seed gives the same schedule.
    """
    rng = Random(seed)  # noqa: S311
    interval_s = horizon_s / count
    width = Decimal(str(jitter))
    weights = [1 + width * (rng.randint(-_STEPS, _STEPS)) / _STEPS for _ in range(count)]
    times = [0.0, *((number + jitter * rng.uniform(-1, 1)) * interval_s for number in range(1, count))]
    amounts = merge_small(slice_amounts(amount, weights, lot), minimum)
    return [Slice(at, each) for at, each in zip(times, amounts, strict=True) if each]


def iceberg_slice(
    left: Decimal, display: Decimal, *, lot: Decimal, minimum: Decimal, jitter: float, seed: int, number: int
) -> Decimal:
    """The next amount to show: about `display`, never so that what is left after it could not be traded."""
    rng = Random(f"{seed}:{number}")  # noqa: S311
    varied = display * (1 + Decimal(str(jitter)) * rng.randint(-_STEPS, _STEPS) / _STEPS)
    amount = max(floor_to(varied, lot), ceil_to(minimum, lot))
    return left if left - amount < minimum else amount


def optimal_holdings(amount: float, horizon: float, periods: int, model: ImpactModel) -> list[float]:
    """What is left to trade after each period (Almgren and Chriss), from `amount` to 0. No risk aversion: equal slices.

    Raises ValueError when permanent impact is so large that the model has no solution.
    """
    step = horizon / periods
    impact = model.temporary - model.permanent * step / 2
    if impact <= 0:
        raise ValueError("temporary impact must exceed half the permanent impact of one period")
    squared = model.risk_aversion * model.volatility**2 / impact
    if not squared:
        return [amount * (1 - period / periods) for period in range(periods + 1)]
    kappa = math.acosh(1 + squared * step**2 / 2) / step
    # sinh(a) / sinh(b) = exp(a - b) * (1 - exp(-2a)) / (1 - exp(-2b)), which does not overflow.
    whole = kappa * horizon
    rests = (kappa * (horizon - period * step) for period in range(periods))
    holdings = [amount * math.exp(rest - whole) * math.expm1(-2 * rest) / math.expm1(-2 * whole) for rest in rests]
    return [*holdings, 0.0]


def rest_or_cross(
    amount: float,
    queue: float,
    mean_outflow: float,
    *,
    half_spread: float,
    taker_fee: float,
    maker_rebate: float,
    impact: float,
    underfill_penalty: float,
) -> tuple[float, float]:
    """How much to rest at the best price and how much to take now (Cont and Kukanov, one exchange).

    Outflow from the `queue` ahead is exponential with `mean_outflow`; all costs are in price units. Resting stops where
    the last unit's chance to be filled no longer pays for its risk.
    """
    gain = 2 * half_spread + taker_fee + maker_rebate
    chance = gain / (underfill_penalty + half_spread + maker_rebate + impact)
    reach = math.inf if chance >= 1 else -mean_outflow * math.log1p(-chance)
    resting = min(max(reach - queue, 0.0), amount)
    return resting, amount - resting
