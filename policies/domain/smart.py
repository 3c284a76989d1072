"""What a smart routing strategy looks at, and how much each thing counts. Pure; the rows hold these numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

WEIGHTS = ("price", "liquidity", "latency", "reliability", "fees", "load", "pair", "cost")
"""The names of the weights, in the order in which they are shown."""


class RiskTolerance(StrEnum):
    """How much a user minds a price that may have moved before an order arrives."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


RISK_FACTOR: Mapping[RiskTolerance, Decimal] = {
    RiskTolerance.LOW: Decimal(2),
    RiskTolerance.MEDIUM: Decimal(1),
    RiskTolerance.HIGH: Decimal("0.5"),
}
"""What the expected costs of lateness, old books and rejects are multiplied with."""


@dataclass(frozen=True, slots=True)
class StrategyTerms:
    """The row of one routing strategy.

    price … cost: weights of the points of each term; only their ratio counts. max_latency_ms: slower exchanges are left
    out. fast_below_ms: faster ones come before all others. min_liquidity: so many times the order the book must hold
    within the slippage limit; 0: no such demand. The rest is read by the optimal split only and is in basis points of
    the order, 0 switches a term off: late and stale multiply the standard deviation of the price over the latency and
    over the age of the book; volatility is percent a year. reject_bps: what sending a part again elsewhere costs.
    leg_bps: what using one more exchange must save.
    """

    price: int = 0
    liquidity: int = 0
    latency: int = 0
    reliability: int = 0
    fees: int = 0
    load: int = 0
    pair: int = 0
    cost: int = 0
    max_latency_ms: int | None = 1000
    fast_below_ms: int | None = None
    min_liquidity: Decimal = Decimal(0)
    volatility_percent: Decimal = Decimal(55)
    late_factor: Decimal = Decimal("0.4")
    stale_factor: Decimal = Decimal("0.4")
    reject_bps: Decimal = Decimal(2)
    leg_bps: Decimal = Decimal("0.02")
    max_legs: int | None = 8

    def weights(self) -> tuple[tuple[str, int], ...]:
        """Those that count."""
        pairs = ((name, int(getattr(self, name))) for name in WEIGHTS)
        return tuple((name, weight) for name, weight in pairs if weight)

    def tolerating(self, tolerance: RiskTolerance) -> "StrategyTerms":
        """The same for a user of this tolerance."""
        factor = RISK_FACTOR[tolerance]
        if factor == 1:
            return self
        return replace(
            self,
            late_factor=self.late_factor * factor,
            stale_factor=self.stale_factor * factor,
            reject_bps=self.reject_bps * factor,
        )


INSTALLED: Mapping[str, StrategyTerms] = {
    "best_execution": StrategyTerms(price=40, liquidity=30, latency=20, reliability=10, min_liquidity=Decimal(2)),
    "lowest_latency": StrategyTerms(latency=100, fast_below_ms=100),
    "best_liquidity": StrategyTerms(liquidity=100),
    "cost_optimization": StrategyTerms(cost=100),
    "balanced": StrategyTerms(fees=30, latency=20, reliability=25, load=15, pair=10, min_liquidity=Decimal(2)),
    "optimal_split": StrategyTerms(cost=100),
}
"""What a fresh installation has, by the strategy's name."""
