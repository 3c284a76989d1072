"""The smart choice for one order: which exchange, or how much on which exchanges, and what every other one would cost.

Pure: offers come in, with their books, fees, balances and figures; the same offers give the same choice. What is
missing or makes no sense leaves one exchange out with a code and never stops the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from execution.domain.choice import Ask as Ask
from execution.domain.choice import Choice as Choice
from execution.domain.choice import Part as Part
from execution.domain.choice import Verdict as Verdict
from execution.domain.orders import Side
from execution.domain.prepared import Depths, Ready, best_price, middle, prepare
from execution.domain.resting import rest
from execution.domain.scoring import UNKNOWN_LATENCY_MS, Measured, Offer, Scored, risk_terms, score
from execution.domain.split import Leg, Plan, SplitRequest, binding, plan_split
from execution.domain.split.depth import signed_limit
from execution.domain.split.scale import scaled_down
from policies.domain.numbers import ceil_to, floor_to, plain, rounded
from policies.domain.policy import RouteBy
from policies.domain.reasons import ReasonCode

ROUTER_VERSION = "2"
"""Changes with the rules of this file, so that a stored decision says which ones made it."""

_BPS = Decimal(10_000)
_LEG_COST_PLACES = 8
_PLANS = 4
"""A notional is planned again with a little less until the worst case stays within it; this often at most."""


def choose(ask: Ask, offers: Sequence[Offer], depths: Depths) -> Choice:
    """The best way to trade this order over these exchanges, in order of rank."""
    ready, senseless = prepare(offers, ask.side, depths)
    out = {
        exchange: Verdict(exchange, ReasonCode.PRICE_UNKNOWN, f"Not usable: {reason}.")
        for exchange, reason in senseless.items()
    }
    out |= {verdict.exchange: verdict for each in ready if (verdict := _left_out(ask, each)) is not None}
    ready = [each for each in ready if each.offer.exchange not in out]
    if not ready:
        return Choice((), _in_order(offers, out), reason=ReasonCode.NO_ELIGIBLE_EXCHANGE)
    if ask.passive:
        choice = rest(ask, ready)
        return replace(choice, verdicts=_in_order(offers, {each.exchange: each for each in choice.verdicts} | out))
    market = _Market(ask, ready)
    choice = market.split() if ask.by == RouteBy.OPTIMAL_SPLIT and ask.may_split else market.single()
    return replace(
        choice,
        verdicts=_in_order(offers, {verdict.exchange: verdict for verdict in choice.verdicts} | out),
        limit_price=market.limit_price,
        inside=market.inside,
    )


def _left_out(ask: Ask, each: Ready) -> Verdict | None:
    """What the strategy demands of an exchange before it looks at prices."""
    latency, longest = each.offer.latency_ms, ask.terms.max_latency_ms
    if longest is None or (UNKNOWN_LATENCY_MS if latency is None else latency) <= longest:
        return None
    known = "Its latency is not known" if latency is None else f"{latency:.0f} ms on average"
    return Verdict(each.offer.exchange, ReasonCode.TOO_SLOW, f"{known}; {longest} ms is the limit.")


def _in_order(offers: Sequence[Offer], verdicts: Mapping[str, Verdict]) -> tuple[Verdict, ...]:
    return tuple(verdicts[offer.exchange] for offer in offers)


class _Market:
    """One order and the books it may go to."""

    def __init__(self, ask: Ask, ready: Sequence[Ready]) -> None:
        self.ask = ask
        self.ready = ready
        self.scale = ready[0].depth.scale
        self.middle = middle(ready)
        self.limit_price = _limit_price(ask, best_price(ready, ask.side))
        self.limit = signed_limit(self.limit_price, ask.side, self.scale)
        self.inside = {each.offer.exchange: self.scale.amount(each.depth.within(self.limit)) for each in ready}
        self.measured = {each.offer.exchange: self._measure(each) for each in ready}

    # --- one exchange alone

    def _measure(self, each: Ready) -> Measured | Verdict:
        """What the whole order costs there alone, or why it cannot be had there."""
        depth, offer = each.depth, each.offer
        units = self._units(each)
        inside = depth.within(self.limit)
        problem = self._problem(each, units, inside)
        if problem is not None:
            return problem
        taken = min(units, inside)
        value = abs(depth.value(taken)) + (units - taken) * abs(self.limit)
        sign = 1 if self.ask.side == Side.BUY else -1
        price = float(self.scale.price(1)) * value / units / float(self.middle)
        fee = float(self._fee(each, units))
        return Measured(
            offer,
            price_bps=sign * (price - 1) * 1e4,
            cost_bps=sign * (price * (1 + sign * fee) - 1) * 1e4,
            liquidity=inside / units,
        )

    def _fee(self, each: Ready, units: int) -> Decimal:
        """The fraction that the whole order pays there: what stays in the book pays the maker's, not the taker's."""
        taken = min(units, each.depth.within(self.limit))
        if taken == units or each.offer.maker is None:
            return each.offer.fee
        took, rests = abs(each.depth.value(taken)), (units - taken) * abs(self.limit)
        return (each.offer.fee * took + each.offer.maker * rests) / (took + rests)

    def _units(self, each: Ready) -> int:
        """The whole order in scaled units, down to the exchange's lot; more than the book holds if it is too large."""
        lot, depth = each.alone.terms.lot, each.depth
        if self.ask.amount is not None:
            units = scaled_down(self.ask.amount, self.scale.amount_places)
        else:
            assert self.ask.notional is not None
            worth = scaled_down(self.ask.notional, self.scale.price_places + self.scale.amount_places)
            if self.ask.rests:
                units = worth // abs(self.limit)
            else:
                units = depth.worth(worth) if worth <= abs(depth.values[-1]) else depth.amounts[-1] + lot
        return units - units % lot

    def _problem(self, each: Ready, units: int, inside: int) -> Verdict | None:
        """Why the exchange cannot take the whole order."""
        exchange, alone, ask = each.offer.exchange, each.alone, self.ask
        if units < max(alone.minimum, 1):
            return self._verdict(each, ReasonCode.BELOW_MINIMUM)
        most = alone.terms.most
        if ask.rests:
            return None if most is None or units <= most else self._verdict(each, ReasonCode.ABOVE_MAXIMUM)
        if units > alone.maximum_within(self.limit):
            return self._verdict(each, ReasonCode(binding(alone, self.limit, units).value))
        times = Decimal(inside) / units
        if times < ask.terms.min_liquidity:
            detail = f"Its book holds {rounded(times, 1)} times the order; {plain(ask.terms.min_liquidity)} are wanted."
            return Verdict(exchange, ReasonCode.LOW_LIQUIDITY, detail)
        return None

    def _verdict(self, each: Ready, code: ReasonCode) -> Verdict:
        lower, upper = self._bounds(each)
        could = f"It takes {plain(lower)} to {plain(upper)}." if lower <= upper else f"It takes at least {plain(lower)}"
        if lower > upper:
            could += f", and no more than {plain(upper)} can be had there."
        return Verdict(each.offer.exchange, code, could, lower=lower, upper=upper)

    def _bounds(self, each: Ready) -> tuple[Decimal, Decimal]:
        return self.scale.amount(each.alone.minimum), self.scale.amount(each.alone.maximum_within(self.limit))

    def single(self) -> Choice:
        """The exchange with the most points, preferred ones first; the others in the order of failover."""
        able = [measured for measured in self.measured.values() if isinstance(measured, Measured)]
        ranked = score(self.ask.by, self.ask.terms, able)
        ranked.sort(key=lambda scored: not scored.measured.offer.preferred)
        verdicts = [measured for measured in self.measured.values() if isinstance(measured, Verdict)]
        if not ranked:
            return Choice((), tuple(verdicts), middle=self.middle, reason=_commonest(verdicts))
        first = ranked[0]
        verdicts += [self._scored(scored, first) for scored in ranked]
        cheapest = min(ranked, key=lambda scored: scored.measured.cost_bps).measured
        return Choice(
            (self._whole(first),),
            tuple(verdicts),
            ranked=tuple(scored.measured.offer.exchange for scored in ranked),
            middle=self.middle,
            unfilled=Decimal(0),
            best_single=cheapest.offer.exchange,
            extra_bps=cheapest.cost_bps - first.measured.cost_bps,
            cost_bps=first.measured.cost_bps,
        )

    def _scored(self, scored: Scored, first: Scored) -> Verdict:
        offer, points = scored.measured.offer, {name: round(value, 1) for name, value in scored.points.items()}
        code, detail = None, ""
        if scored is not first:
            passed = first.measured.offer.preferred and not offer.preferred
            code = ReasonCode.NOT_PREFERRED if passed else ReasonCode.LOWER_SCORE
            winner = first.measured.offer.exchange
            detail = f"{scored.score:.1f} points; {winner} has {first.score:.1f}."
        each = next(ready for ready in self.ready if ready.offer.exchange == offer.exchange)
        lower, upper = self._bounds(each)
        cost = round(scored.measured.cost_bps, 3)
        return Verdict(offer.exchange, code, detail, cost, round(scored.score, 2), lower, upper, points)

    def _whole(self, scored: Scored) -> Part:
        offer = scored.measured.offer
        each = next(ready for ready in self.ready if ready.offer.exchange == offer.exchange)
        units = self._units(each)
        taken = min(units, each.depth.within(self.limit))
        unit = self.scale.price(1) * self.scale.amount(1)
        notional = (abs(each.depth.value(taken)) + (units - taken) * abs(self.limit)) * unit
        step = floor_to if self.ask.side == Side.BUY else ceil_to
        limit = step(self.limit_price, offer.market.tick)
        return Part(offer.exchange, self.scale.amount(units), notional, notional * self._fee(each, units), limit)

    # --- several exchanges

    def split(self) -> Choice:
        """The cheapest parts over the preferred exchanges; over all of them where those cannot take everything."""
        preferred = [each for each in self.ready if each.offer.preferred]
        plan = self._plan(preferred) if preferred else None
        if plan is None or plan.unfilled or not plan.split.amounts or not any(plan.split.amounts):
            preferred, plan = [], self._plan(self.ready)
        ready = preferred or self.ready
        plan, parts = self._parts(plan, ready)
        reason = plan.unfilled_reason if plan.unfilled or not parts else None
        cost = self._cost_bps(parts)
        single = self._cheapest_alone()
        return Choice(
            parts,
            tuple(self._planned(plan, ready)),
            ranked=tuple(part.exchange for part in parts),
            middle=self.middle,
            unfilled=plan.unfilled,
            reason=None if reason is None else ReasonCode(reason.value),
            best_single="" if single is None else single.offer.exchange,
            extra_bps=None if single is None or cost is None else single.cost_bps - cost,
            cost_bps=cost,
            gap_bps=plan.gap_bps,
        )

    def _parts(self, plan: Plan, ready: Sequence[Ready]) -> tuple[Plan, tuple[Part, ...]]:
        """The parts of a plan. Several parts of a notional stay within it even if each gets its limit price."""
        offers = {each.offer.exchange: each.offer for each in ready}
        notional = self.ask.notional
        for _ in range(_PLANS):
            parts = tuple(self._part(plan, leg, offers[leg.exchange]) for leg in plan.legs)
            worst = sum((part.amount * part.limit_price for part in parts), Decimal(0))
            if notional is None or len(parts) < 2 or worst <= notional:
                return plan, parts
            assert plan.request.notional is not None
            plan = self._plan(ready, rounded(plan.request.notional * notional / worst, _LEG_COST_PLACES))
        return plan, ()

    def _plan(self, ready: Sequence[Ready], notional: Decimal | None = None) -> Plan:
        ask, terms = self.ask, self.ask.terms
        notional = ask.notional if notional is None else notional
        value = notional if ask.amount is None else ask.amount * self.middle
        assert value is not None
        leg_cost = rounded(terms.leg_bps * value / _BPS, _LEG_COST_PLACES)
        candidates = [
            each.with_costs(ask.side, sum(risk_terms(terms, each.offer).values(), Decimal(0)), leg_cost)
            for each in ready
        ]
        request = SplitRequest(ask.side, ask.amount, notional, self.limit_price, terms.max_legs)
        plan = plan_split(request, candidates)
        while not leg_cost and (count := sum(map(bool, plan.split.amounts))) > 1:
            # Of plans that cost the same, the one over fewer exchanges.
            fewer = plan_split(replace(request, max_legs=count - 1), candidates)
            if sum(fewer.split.amounts) < sum(plan.split.amounts) or fewer.split.cost > plan.split.cost:
                break
            plan = fewer
        return plan

    def _part(self, plan: Plan, leg: Leg, offer: Offer) -> Part:
        by_money = self.ask.notional is not None and self.ask.side == Side.BUY
        limit = plan.protective_price(leg, Decimal(0) if by_money else self.ask.slippage_bps)
        if self.ask.side == Side.BUY and offer.balance is not None:
            # The exchange holds back the money for the worst case: more room than there is money would be refused.
            affordable = floor_to(offer.balance / (leg.amount * (1 + max(offer.fee, Decimal(0)))), leg.tick)
            limit = max(min(limit, affordable), leg.worst_price)
        return Part(leg.exchange, leg.amount, leg.notional, leg.notional * offer.fee, limit)

    def _planned(self, plan: Plan, ready: Sequence[Ready]) -> list[Verdict]:
        bounds = {each.exchange: each for each in plan.bounds}
        found = []
        for each in self.ready:
            exchange, alone = each.offer.exchange, self.measured[each.offer.exchange]
            cost = round(alone.cost_bps, 3) if isinstance(alone, Measured) else None
            terms = {name: float(value) for name, value in risk_terms(self.ask.terms, each.offer).items()}
            terms = {"fee": float(each.offer.fee * _BPS), **terms}
            known = bounds.get(exchange)
            lower, upper = self._bounds(each)
            code: ReasonCode | None
            if known is None:
                code, detail = ReasonCode.NOT_PREFERRED, "The preferred exchanges take the whole order."
            else:
                code = None if known.reason is None else ReasonCode(known.reason.value)
                if code is not None and self.ask.amount is not None and lower > self.ask.amount:
                    code = ReasonCode.BELOW_MINIMUM
                detail = _split_detail(code, lower, upper)
            found.append(Verdict(exchange, code, detail, cost, None, lower, upper, terms))
        return found

    def _cost_bps(self, parts: Sequence[Part]) -> float | None:
        amount = sum((part.amount for part in parts), Decimal(0))
        if not amount:
            return None
        sign = 1 if self.ask.side == Side.BUY else -1
        cash = sum((part.notional + sign * part.fee for part in parts), Decimal(0))
        return sign * (float(cash / amount) / float(self.middle) - 1) * 1e4

    def _cheapest_alone(self) -> Measured | None:
        able = [measured for measured in self.measured.values() if isinstance(measured, Measured)]
        return min(able, key=lambda measured: measured.cost_bps, default=None)


def _limit_price(ask: Ask, best: Decimal) -> Decimal:
    if ask.limit_price is not None:
        return ask.limit_price
    return best * (1 + (ask.slippage_bps if ask.side == Side.BUY else -ask.slippage_bps) / _BPS)


def _split_detail(code: ReasonCode | None, lower: Decimal, upper: Decimal) -> str:
    if code is None or code == ReasonCode.DEARER:
        return ""
    return f"It takes {plain(lower)} to {plain(upper)}." if lower <= upper else f"It takes at least {plain(lower)}."


def _commonest(verdicts: Sequence[Verdict]) -> ReasonCode | None:
    """The code most exchanges give; of equals the first."""
    codes = [verdict.code for verdict in verdicts if verdict.code is not None]
    return max(codes, key=codes.count, default=None)
