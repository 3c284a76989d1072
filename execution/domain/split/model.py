"""What goes into a split: the order, and every exchange that could take a part of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from execution.domain.orders import Side
from execution.domain.split.depth import Depth
from execution.domain.split.scale import Scale, scaled, scaled_down, scaled_up

_NOTHING = Decimal(0)


class SplitReason(StrEnum):
    """Why an exchange gets no part, or why a part of the order finds no exchange. Stable."""

    PRICE_UNKNOWN = "PRICE_UNKNOWN"
    """Its book is empty, or crossed in itself."""
    LIMIT_PRICE = "LIMIT_PRICE"
    """Too little is offered inside the limit price."""
    INSUFFICIENT_LIQUIDITY = "INSUFFICIENT_LIQUIDITY"
    """The book holds too little."""
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    """The free balance there is too small."""
    ABOVE_MAXIMUM = "ABOVE_MAXIMUM"
    """The largest order allowed there is too small."""
    BELOW_MINIMUM = "BELOW_MINIMUM"
    """The order, or what is left of it, is smaller than the smallest order allowed there."""
    LOT_REMAINDER = "LOT_REMAINDER"
    """Less than one step of amount is left."""
    MAX_LEGS = "MAX_LEGS"
    """More exchanges would be needed than the order may use."""
    NOTIONAL = "NOTIONAL"
    """The money the order may spend or raise is used up."""
    DEARER = "DEARER"
    """It could take a part, but the chosen ones are cheaper after fees and costs."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What one exchange demands and charges for one pair and account.

    taker_fee: fraction, may be 0 or negative. lot, tick: steps of amount and price. min_notional is tested at the best
    price. leg_cost: quote units for using the exchange at all. None: no such bound.
    """

    taker_fee: Decimal
    lot: Decimal
    tick: Decimal
    min_amount: Decimal = _NOTHING
    max_amount: Decimal | None = None
    min_notional: Decimal = _NOTHING
    leg_cost: Decimal = _NOTHING

    def on(self, scale: Scale, side: Side) -> "ScaledTerms":
        """The same in scaled units. Raises ScaleTooCoarse if fee, lot or leg cost do not fit, ValueError if absurd."""
        if self.lot <= 0 or abs(self.taker_fee) >= 1 or self.leg_cost < 0:
            raise ValueError(f"lot {self.lot}, fee {self.taker_fee} or leg cost {self.leg_cost} is out of range")
        fee = scaled(self.taker_fee, scale.fee_places)
        lot = scaled(self.lot, scale.amount_places)
        least = max(lot, scaled_up(self.min_amount, scale.amount_places))
        return ScaledTerms(
            terms=self,
            rate=10**scale.fee_places + (fee if side == Side.BUY else -fee),
            lot=lot,
            least=-(-least // lot) * lot,
            most=None if self.max_amount is None else scaled_down(self.max_amount, scale.amount_places),
            min_notional=scaled_up(self.min_notional, scale.price_places + scale.amount_places),
            leg_cost=scaled(self.leg_cost, scale.money_places),
        )


@dataclass(frozen=True, slots=True)
class ScaledTerms:
    """Terms in scaled units. `rate` turns signed value into signed cost including the fee."""

    terms: Terms
    rate: int
    lot: int
    least: int
    most: int | None
    min_notional: int
    leg_cost: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """One exchange that could take a part; made by `candidate`, once per book update or change of balance.

    minimum, maximum: the smallest and largest order it takes now, in whole lots, whatever the limit price.
    first_slope: the signed price of its best level after fees. An empty book makes all three 0.
    """

    exchange: str
    depth: Depth
    terms: ScaledTerms
    minimum: int
    maximum: int
    first_slope: int

    def maximum_within(self, limit: int | None) -> int:
        """The largest order inside a signed limit price, in whole lots."""
        if limit is None:
            return self.maximum
        most = min(self.maximum, self.depth.within(limit))
        return most - most % self.terms.lot

    def cost(self, amount: int) -> int:
        """Scaled cost of `amount` including fee and leg cost: paid for a buy, negative when received for a sell."""
        return self.depth.value(amount) * self.terms.rate + self.terms.leg_cost if amount else 0


def candidate(exchange: str, depth: Depth, terms: ScaledTerms, balance: Decimal | None = None) -> Candidate:
    """A candidate from its free balance in quote units (buy) or base units (sell); None: as much as it takes."""
    if not depth.prices:
        return Candidate(exchange, depth, terms, 0, 0, 0)
    minimum, lot = terms.least, terms.lot
    if terms.min_notional:
        needed = -(-terms.min_notional // abs(depth.prices[0]))
        if needed > minimum:
            minimum = -(-needed // lot) * lot
    most = depth.amounts[-1]
    if terms.most is not None and terms.most < most:
        most = terms.most
    if balance is not None:
        most = min(most, _funded(depth, terms, balance))
    return Candidate(exchange, depth, terms, minimum, most - most % lot, depth.prices[0] * terms.rate)


def _funded(depth: Depth, terms: ScaledTerms, balance: Decimal) -> int:
    """What the balance allows. A negative balance counts as none."""
    if depth.side == Side.SELL:
        return max(0, scaled_down(balance, depth.scale.amount_places))
    return depth.affordable(terms.rate, max(0, scaled_down(balance, depth.scale.money_places)))


@dataclass(frozen=True, slots=True)
class SplitRequest:
    """The order to split. Exactly one of `amount` (base units) and `notional`.

    notional: quote units that a buy may spend, fees included, or that a sell may raise, net of them; no leg costs.
    max_legs: exchanges it may use at most.
    """

    side: Side
    amount: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    max_legs: int | None = None

    def __post_init__(self) -> None:
        wanted = self.amount if self.notional is None else self.notional
        if (self.amount is None) == (self.notional is None) or not (wanted and wanted.is_finite() and wanted > 0):
            raise ValueError("exactly one of amount and notional must be given, and be > 0")
        if self.max_legs is not None and self.max_legs < 1:
            raise ValueError(f"max_legs must be >= 1, was {self.max_legs}")


def common_scale(candidates: Sequence[Candidate], side: Side) -> Scale:
    """The scale all candidates share; any one if there is none. Raises ValueError when they differ in scale or side."""
    if not candidates:
        return Scale(0, 0, 0)
    scale = candidates[0].depth.scale
    for each in candidates:
        depth = each.depth
        if depth.side is not side or (depth.scale is not scale and depth.scale != scale):
            raise ValueError(f"{each.exchange}: its book was prepared for another side or scale")
    return scale
