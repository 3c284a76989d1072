"""What is asked of a smart choice, and what it answers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from execution.domain.orders import Side
from policies.domain.policy import RouteBy
from policies.domain.reasons import ReasonCode
from policies.domain.smart import StrategyTerms


@dataclass(frozen=True, slots=True)
class Ask:
    """The order to choose for. Exactly one of amount (base) and notional (quote).

    limit_price: the client's; without one nothing is taken beyond `slippage_bps` from the best price. rests: what is
    not filled at once stays in the book, so depth is no demand. may_split: several exchanges may take parts. passive:
    it is to rest at the best price of its own side, wherever that costs least.
    """

    by: RouteBy
    terms: StrategyTerms
    side: Side
    amount: Decimal | None
    notional: Decimal | None
    slippage_bps: Decimal
    limit_price: Decimal | None = None
    rests: bool = False
    may_split: bool = True
    passive: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What one exchange gets. notional: expected, before fees. limit_price: the worst that may be paid there."""

    exchange: str
    amount: Decimal
    notional: Decimal
    fee: Decimal
    limit_price: Decimal


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one exchange that was compared. code None: it gets the order, or a part of it.

    cost_bps: of the whole order there alone, beyond the middle of all books, with the fee; None: it cannot take it.
    lower, upper: the smallest and largest part it could take. terms: points, or expected costs in bps.
    """

    exchange: str
    code: ReasonCode | None
    detail: str = ""
    cost_bps: float | None = None
    score: float | None = None
    lower: Decimal | None = None
    upper: Decimal | None = None
    terms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """The parts, the best first where only one can be used; then every exchange's verdict in the order of the offers.

    ranked: exchanges for the whole order, best first. unfilled: base units that no part takes, with the reason; None
    where the order is by notional. limit_price: nothing beyond it is taken; inside: base units up to there. extra_bps:
    what the best single exchange would cost more than the parts; None: none could take as much.
    """

    parts: tuple[Part, ...]
    verdicts: tuple[Verdict, ...]
    ranked: tuple[str, ...] = ()
    middle: Decimal | None = None
    unfilled: Decimal | None = None
    reason: ReasonCode | None = None
    best_single: str = ""
    extra_bps: float | None = None
    cost_bps: float | None = None
    gap_bps: Decimal = Decimal(0)
    limit_price: Decimal | None = None
    inside: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def amount(self) -> Decimal:
        """Base units of all parts."""
        return sum((part.amount for part in self.parts), Decimal(0))

    @property
    def worst_notional(self) -> Decimal:
        """Quote units if every part gets its limit price."""
        return sum((part.amount * part.limit_price for part in self.parts), Decimal(0))
