"""What an order's execution cost, in basis points against the usual benchmarks. Pure. Positive is a cost, always."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from execution.domain.orders import Side

_BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Executed:
    """One fill: quote units per base unit, base units, and its fee in quote units."""

    price: Decimal
    amount: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """Mid prices: when it was decided, when the order arrived, and at the end of its life. None: not known."""

    decision: Decimal
    arrival: Decimal
    end: Decimal
    interval_vwap: Decimal | None = None
    mid_after: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """Slippages in bps of their benchmark; costs in quote units, which add up to `shortfall`.

    reversion_bps: how the price moved on after the fills; negative after a buy is impact that went away.
    """

    average_price: Decimal
    fill_rate: Decimal
    arrival_bps: Decimal
    vwap_bps: Decimal | None
    reversion_bps: Decimal | None
    execution_cost: Decimal
    fees: Decimal
    opportunity_cost: Decimal
    shortfall_bps: Decimal

    @property
    def shortfall(self) -> Decimal:
        """Implementation shortfall: against having traded all of it at the decision price for free."""
        return self.execution_cost + self.fees + self.opportunity_cost


def analyse(side: Side, amount: Decimal, fills: Sequence[Executed], marks: Benchmarks) -> Analysis:
    """Compare the fills of an order for `amount` with the benchmarks. Raises ValueError if nothing was filled."""
    filled = sum((fill.amount for fill in fills), Decimal(0))
    if not filled:
        raise ValueError("nothing was filled")
    sign = 1 if side == Side.BUY else -1
    average = sum((fill.price * fill.amount for fill in fills), Decimal(0)) / filled
    execution = sign * (average - marks.decision) * filled
    fees = sum((fill.fee for fill in fills), Decimal(0))
    opportunity = sign * (marks.end - marks.decision) * (amount - filled)
    return Analysis(
        average_price=average,
        fill_rate=filled / amount,
        arrival_bps=sign * _bps(average, marks.arrival),
        vwap_bps=None if marks.interval_vwap is None else sign * _bps(average, marks.interval_vwap),
        reversion_bps=None if marks.mid_after is None else sign * _bps(marks.mid_after, average),
        execution_cost=execution,
        fees=fees,
        opportunity_cost=opportunity,
        shortfall_bps=(execution + fees + opportunity) / (marks.decision * amount) * _BPS,
    )


def routing_regret_bps(realised: Decimal, optimal: Decimal) -> Decimal:
    """How much more a plan cost than the best one on the same books. Both signed: negative is money received."""
    return (realised - optimal) / abs(optimal) * _BPS


def _bps(price: Decimal, benchmark: Decimal) -> Decimal:
    return (price - benchmark) / benchmark * _BPS
