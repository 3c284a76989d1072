"""The plan of a split, as people and orders need it: legs, reasons, proof, and what the best single exchange costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from execution.domain.orders import Side
from execution.domain.split.depth import signed_limit
from execution.domain.split.kernel import Split, split_amount
from execution.domain.split.model import Candidate, SplitReason, SplitRequest, common_scale
from execution.domain.split.notional import split_notional
from execution.domain.split.scale import Scale, scaled_down
from policies.domain.numbers import ceil_to, floor_to

_BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Leg:
    """One exchange's part. notional: before fees. fee: quote units. worst_price: of the last level it touches."""

    exchange: str
    amount: Decimal
    notional: Decimal
    fee: Decimal
    leg_cost: Decimal
    worst_price: Decimal
    tick: Decimal
    book_received_at: float | None

    @property
    def average_price(self) -> Decimal:
        """Quote units per base unit, before fees."""
        return self.notional / self.amount


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one exchange could take: nothing, or `lower` to `upper`. reason: why it gets nothing; None if it does."""

    exchange: str
    lower: Decimal | None
    upper: Decimal
    reason: SplitReason | None
    book_received_at: float | None


@dataclass(frozen=True, slots=True)
class Single:
    """The best exchange alone. extra_bps: what it costs more than the plan; None when it fills less."""

    exchange: str
    filled: Decimal
    cost: Decimal
    extra_bps: Decimal | None


@dataclass(frozen=True, slots=True)
class Plan:
    """An optimal split. Amounts and money are scaled integers inside and turn into Decimals when asked for."""

    request: SplitRequest
    candidates: Sequence[Candidate]
    split: Split
    scale: Scale
    limit: int | None

    @property
    def filled(self) -> Decimal:
        """Base units the legs take together."""
        return self.scale.amount(sum(self.split.amounts))

    @property
    def unfilled(self) -> Decimal | None:
        """Base units of the request no leg takes: filled + unfilled is the request, exactly. None for a notional."""
        return None if self.request.amount is None else self.request.amount - self.filled

    @property
    def cost(self) -> Decimal:
        """Quote units incl. fees and leg costs: paid for a buy; negative, received, for a sell."""
        return self.scale.money(self.split.cost)

    @property
    def lower_bound(self) -> Decimal:
        """No plan that fills as much costs less. Proven."""
        return self.scale.money(self.split.bound)

    @property
    def is_full(self) -> bool:
        """Whether it is proven that no plan fills more."""
        return self.split.is_full

    @property
    def gap_bps(self) -> Decimal:
        """How far above the lower bound the plan may be at most."""
        split = self.split
        return Decimal(split.cost - split.bound) / abs(split.cost) * _BPS if split.cost else Decimal(0)

    @property
    def legs(self) -> tuple[Leg, ...]:
        """One per exchange that takes part, in the order of the candidates."""
        pairs = zip(self.candidates, self.split.amounts, strict=True)
        return tuple(_leg(self.scale, each, amount) for each, amount in pairs if amount)

    @property
    def bounds(self) -> tuple[Bounds, ...]:
        """Every candidate with its bounds and, if it gets nothing, the reason."""
        return tuple(_bounds(self, each, x) for each, x in zip(self.candidates, self.split.amounts, strict=True))

    @property
    def unfilled_reason(self) -> SplitReason | None:
        """Why something stays unfilled; None if nothing does."""
        return _unfilled_reason(self)

    @property
    def best_single(self) -> Single | None:
        """The best exchange alone: fills most, then costs least. None when none can take anything."""
        return _best_single(self)

    def protective_price(self, leg: Leg, slippage_bps: Decimal) -> Decimal:
        """The limit to send with a leg: its worst price, widened, rounded towards the touch, inside the limit price."""
        limit = self.request.limit_price
        if self.request.side == Side.BUY:
            price = leg.worst_price * (1 + slippage_bps / _BPS)
            price = floor_to(price if limit is None else min(price, limit), leg.tick)
            return max(price, leg.worst_price)
        price = leg.worst_price * (1 - slippage_bps / _BPS)
        price = ceil_to(price if limit is None else max(price, limit), leg.tick)
        return min(price, leg.worst_price)


def plan_split(request: SplitRequest, candidates: Sequence[Candidate]) -> Plan:
    """Fill as much as can be, then at the least cost: see the decision record on splitting.

    Candidates come in order of rank, which decides between equals. Raises ValueError if their books differ in side or
    scale.
    """
    scale = common_scale(candidates, request.side)
    limit = None if request.limit_price is None else signed_limit(request.limit_price, request.side, scale)
    if request.amount is not None:
        amount = scaled_down(request.amount, scale.amount_places)
        split = split_amount(candidates, amount, limit, request.max_legs)
    else:
        assert request.notional is not None
        money = scaled_down(request.notional, scale.money_places)
        split = split_notional(candidates, money, limit, request.max_legs)
    return Plan(request, candidates, split, scale, limit)


def _leg(scale: Scale, each: Candidate, amount: int) -> Leg:
    value = abs(each.depth.value(amount))
    unit = 10**scale.fee_places
    fee = each.terms.rate - unit if each.depth.side == Side.BUY else unit - each.terms.rate
    return Leg(
        exchange=each.exchange,
        amount=scale.amount(amount),
        notional=scale.money(value * unit),
        fee=scale.money(value * fee),
        leg_cost=each.terms.terms.leg_cost,
        worst_price=scale.price(abs(each.depth.worst_price(amount))),
        tick=each.terms.terms.tick,
        book_received_at=each.depth.received_at,
    )


def _bounds(plan: Plan, each: Candidate, amount: int) -> Bounds:
    received_at = each.depth.received_at
    if each.depth.is_empty:
        return Bounds(each.exchange, None, Decimal(0), SplitReason.PRICE_UNKNOWN, received_at)
    lower, upper = each.minimum, each.maximum_within(plan.limit)
    reason = None
    if not amount:
        reason = binding(each, plan.limit, lower) if upper < lower else _not_chosen(plan, lower)
    return Bounds(each.exchange, plan.scale.amount(lower), plan.scale.amount(upper), reason, received_at)


def binding(each: Candidate, limit: int | None, wanted: int) -> SplitReason:
    """What keeps a share below `wanted` scaled units, of book, limit price, largest order and balance."""
    depth, terms = each.depth, each.terms
    if depth.amounts[-1] < wanted:
        return SplitReason.INSUFFICIENT_LIQUIDITY
    if limit is not None and depth.within(limit) < wanted:
        return SplitReason.LIMIT_PRICE
    if terms.most is not None and terms.most < wanted:
        return SplitReason.ABOVE_MAXIMUM
    return SplitReason.INSUFFICIENT_FUNDS


def _not_chosen(plan: Plan, lower: int) -> SplitReason:
    """Why an exchange that could take a share gets none."""
    request, split = plan.request, plan.split
    if request.amount is None:
        return SplitReason.DEARER
    wanted = scaled_down(request.amount, plan.scale.amount_places)
    if lower > wanted or (sum(split.amounts) < wanted and lower > wanted - sum(split.amounts)):
        return SplitReason.BELOW_MINIMUM
    used = sum(amount > 0 for amount in split.amounts)
    return SplitReason.MAX_LEGS if used == request.max_legs and sum(split.amounts) < wanted else SplitReason.DEARER


def _unfilled_reason(plan: Plan) -> SplitReason | None:
    request = plan.request
    if request.amount is None:
        return SplitReason.NOTIONAL
    wanted = scaled_down(request.amount, plan.scale.amount_places)
    missing = wanted - sum(plan.split.amounts)
    if not plan.unfilled:
        return None
    usable = [
        each for each in plan.candidates if not each.depth.is_empty and each.minimum <= each.maximum_within(plan.limit)
    ]
    if not usable:
        return _no_exchange(plan)
    if missing < min(each.terms.lot for each in usable):
        return SplitReason.LOT_REMAINDER
    if sum(each.maximum_within(plan.limit) for each in usable) <= sum(plan.split.amounts):
        return _used_up(plan, usable)
    if request.max_legs is not None:
        unlimited = split_amount(plan.candidates, wanted, plan.limit, None)
        if sum(unlimited.amounts) > sum(plan.split.amounts):
            return SplitReason.MAX_LEGS
    blocked = any(each.minimum > each.terms.lot for each in usable)
    return SplitReason.BELOW_MINIMUM if blocked else SplitReason.LOT_REMAINDER


def _no_exchange(plan: Plan) -> SplitReason:
    """All are excluded: the reason of the first that has a book."""
    reasons = [bounds.reason for bounds in plan.bounds if bounds.reason is not None]
    known = [reason for reason in reasons if reason != SplitReason.PRICE_UNKNOWN]
    return (known or reasons or [SplitReason.PRICE_UNKNOWN])[0]


def _used_up(plan: Plan, usable: Sequence[Candidate]) -> SplitReason:
    """Every exchange takes all it can: what would let one take another lot, the easiest thing to change first."""
    found = {binding(each, plan.limit, each.maximum_within(plan.limit) + each.terms.lot) for each in usable}
    order = (SplitReason.INSUFFICIENT_FUNDS, SplitReason.LIMIT_PRICE, SplitReason.ABOVE_MAXIMUM)
    return next((reason for reason in order if reason in found), SplitReason.INSUFFICIENT_LIQUIDITY)


def _best_single(plan: Plan) -> Single | None:
    request, filled = plan.request, sum(plan.split.amounts)
    best: tuple[int, int, Candidate] | None = None
    for each in plan.candidates:
        if each.depth.is_empty:
            continue
        amount = filled if request.amount is None else scaled_down(request.amount, plan.scale.amount_places)
        amount = min(amount, each.maximum_within(plan.limit))
        amount -= amount % each.terms.lot
        if amount < each.minimum:
            continue
        cost = each.cost(amount)
        if best is None or (-amount, cost) < (-best[0], best[1]):
            best = amount, cost, each
    if best is None:
        return None
    amount, cost, each = best
    extra = None
    if amount == filled and plan.split.cost:
        extra = Decimal(cost - plan.split.cost) / abs(plan.split.cost) * _BPS
    return Single(each.exchange, plan.scale.amount(amount), plan.scale.money(cost), extra)
