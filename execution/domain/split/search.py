"""Which exchanges take part: branch and bound over "in", "out" and "undecided", only where the simple merge fails.

A node's relaxation (curve.py) is solved by a clearing price; by weak duality any price gives a valid lower bound, which
discards most children before they are solved. What is left unfilled costs more than any difference in cost, so fill is
maximised first. A limit on legs is a price per leg, chosen to make the bound as high as it gets.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from execution.domain.split.curve import Curve, clearing_price, curve_of, optional, required, unfilled_curve
from execution.domain.split.lots import fit_lots
from execution.domain.split.model import Candidate

TOLERANCE = 10**10
"""A node that cannot improve the cost by more than one part in this is not looked at: 0.000001 bps."""
MAX_NODES = 4000
_LEG_PRICE_STEPS = 12

_UNDECIDED, _IN, _OUT = 0, 1, 2
States = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """An exchange that may take part, with its bounds in whole lots, minimum <= maximum <= target.

    index: its place among the candidates.
    """

    index: int
    candidate: Candidate
    lot: int
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Solution:
    """shares: one per exchange asked about. value: their cost plus `penalty` for each unit not filled.

    bound: proven; no plan has a lower value.
    """

    shares: tuple[int, ...]
    value: int
    bound: int
    nodes: int
    penalty: int


@dataclass(frozen=True, slots=True)
class _Relaxed:
    """A node's relaxation at one price per unit and one price per leg. `legs` may be a fraction."""

    bound: int
    price: int
    leg_price: int
    curves: list[Curve]
    legs: float


class Search:
    """One problem. `target` is a multiple of the finest lot, and lots divide each other."""

    def __init__(self, shares: Sequence[Share], target: int, max_legs: int | None) -> None:
        self.shares, self.target = shares, target
        self.max_legs = max_legs if max_legs is not None and max_legs < len(shares) else None
        self.plain = [curve_of(share.candidate, share.lot, share.maximum) for share in shares]
        self.leg_costs = [share.candidate.terms.leg_cost for share in shares]
        slopes = {slope for curve in self.plain for slope in _slopes(curve)}
        worst = sum(abs(curve.exact(curve.high)) for curve in self.plain) + sum(self.leg_costs)
        self.penalty = 4 * max(worst, *map(abs, slopes)) + 1
        self.slopes = [*sorted(slopes), self.penalty]
        self.unfilled = unfilled_curve(target, min(curve.lot for curve in self.plain), self.penalty)
        self.curves: dict[tuple[int, int, int], Curve] = {}
        self.best = (0,) * len(shares)
        self.value = self.bound = self.cut = self.penalty * target
        self.nodes = 0
        self.waiting: list[tuple[int, int, States, int]] = []

    def run(self) -> Solution:
        """The best plan within TOLERANCE; after MAX_NODES nodes the best found, and a bound that says how good."""
        self._wait(-self.penalty, (_UNDECIDED,) * len(self.shares), 0)
        while self.waiting:
            bound, _, states, leg_price = heappop(self.waiting)
            if bound >= self.cut or self.nodes >= MAX_NODES:
                self.bound = min(self.bound, bound)
                break
            self.nodes += 1
            self._expand(states, leg_price)
        return Solution(self.best, self.value, min(self.bound, self.value), self.nodes, self.penalty)

    def _expand(self, states: States, leg_price: int) -> None:
        """Bound a node; then it is solved, discarded, or split into two."""
        node = self._relax(states, leg_price)
        if node.bound >= self.cut:
            self._discard(node.bound)
            return
        curves = [*node.curves, self.unfilled]
        fitted = fit_lots(curves, node.price, self.target)
        value = sum(curve.cost(x) for curve, x in zip(curves, fitted, strict=True)) - node.leg_price * (
            self.max_legs or 0
        )
        value = max(value, node.bound)
        active = [index for index, state in enumerate(states) if state != _OUT]
        shares = [0] * len(states)
        for index, x in zip(active, fitted, strict=False):
            shares[index] = x
        self._offer(shares)
        if value >= self.cut:
            self._discard(value)
            return
        torn = [
            (min(x, curve.knee - x), index)
            for index, curve, x in zip(active, curves, fitted, strict=False)
            if 0 < x < curve.knee
        ]
        legs = sum(x > 0 for x in shares)
        if self.nodes == 1 or torn:
            self._repair(shares)
        if torn:
            branch = max(torn)[1]
        else:
            open_ones = [index for index in active if states[index] == _UNDECIDED]
            settled = self.max_legs is None or legs == self.max_legs or (legs < self.max_legs and not node.leg_price)
            if settled or not open_ones:
                self._discard(value)
                return
            branch = min(open_ones, key=lambda index: (shares[index] == 0, shares[index], index))
        self._split(states, branch, node, value)

    def _split(self, states: States, branch: int, node: _Relaxed, value: int) -> None:
        """Queue both children with the bound that the parent's prices give them."""
        position = sum(state != _OUT for state in states[:branch])
        without = node.bound - node.curves[position].gain(node.price)
        for state in (_IN, _OUT):
            child = self._settle((*states[:branch], state, *states[branch + 1 :]))
            if child is None:
                continue
            bound = without
            if state == _IN:
                bound += self._curve(branch, _IN, node.leg_price).gain(node.price)
            self._wait(max(bound, value), child, node.leg_price)

    def _settle(self, states: States) -> States | None:
        """Rule out what no longer fits beside the exchanges that are in. None when those do not fit themselves."""
        taken = [share.minimum for share, state in zip(self.shares, states, strict=True) if state == _IN]
        slack = self.target - sum(taken)
        if slack < 0 or (self.max_legs is not None and len(taken) > self.max_legs):
            return None
        if len(taken) == self.max_legs:
            slack = 0
        return tuple(
            _OUT if state == _UNDECIDED and share.minimum > slack else state
            for share, state in zip(self.shares, states, strict=True)
        )

    def _relax(self, states: States, leg_price: int) -> _Relaxed:
        """The node's best lower bound. With more exchanges than legs, a price per leg is sought that raises it most."""
        free = self._price(states, 0)
        active = sum(state != _OUT for state in states)
        if self.max_legs is None or active <= self.max_legs or free.legs <= self.max_legs or free.bound >= self.cut:
            return free
        limit = self.max_legs
        best = low = free
        high: _Relaxed | None = None
        for _ in range(_LEG_PRICE_STEPS):
            if high is None:
                guess = leg_price or low.leg_price + max(1, int((self.value - low.bound) / (low.legs - limit)))
                leg_price = 0
            else:
                # Where the two tangents of the concave bound meet.
                rise, fall = low.legs - limit, limit - high.legs
                guess = low.leg_price + int(
                    (high.bound - low.bound + fall * (high.leg_price - low.leg_price)) / (rise + fall)
                )
            if guess <= low.leg_price or (high is not None and guess >= high.leg_price):
                break
            tried = self._price(states, guess)
            if tried.bound > best.bound:
                best = tried
            if best.bound >= self.cut or tried.legs == limit:
                break
            if tried.legs > limit:
                low = tried
            else:
                high = tried
        return best

    def _price(self, states: States, leg_price: int) -> _Relaxed:
        curves = [self._curve(index, state, leg_price) for index, state in enumerate(states) if state != _OUT]
        target = self.target
        if curves:
            target -= target % min(curve.lot for curve in curves)
        everything = [*curves, self.unfilled]
        price = clearing_price(everything, self.slopes, target)
        bound = price * target + sum(curve.gain(price) for curve in everything)
        bound += self.penalty * (self.target - target) - leg_price * (self.max_legs or 0)
        return _Relaxed(bound, price, leg_price, curves, self._legs(everything, price, target))

    def _legs(self, curves: Sequence[Curve], price: int, target: int) -> float:
        legs = 0.0
        torn = []
        for curve in curves[:-1]:
            if curve.floor or price > curve.slope:
                legs += 1
                target -= curve.supply(price)
            elif price == curve.slope:
                torn.append(curve.knee)
        for knee in torn:
            part = min(1.0, max(0, target) / knee)
            legs += part
            target -= int(part * knee)
        return legs

    def _curve(self, index: int, state: int, leg_price: int) -> Curve:
        key = (index, state, leg_price)
        made = self.curves.get(key)
        if made is None:
            make = required if state == _IN else optional
            made = make(self.plain[index], self.shares[index].minimum, self.leg_costs[index] + leg_price)
            self.curves[key] = made
        return made

    def _repair(self, shares: Sequence[int]) -> None:
        """Plans nearby: exactly the exchanges with a whole share, and those with any."""
        ranked = sorted(range(len(shares)), key=lambda index: -shares[index])[: self.max_legs]
        whole = {index for index in ranked if shares[index] >= self.shares[index].minimum}
        for chosen in (whole, {index for index in ranked if shares[index]}):
            states = self._settle(tuple(_IN if index in chosen else _OUT for index in range(len(shares))))
            if chosen and states is not None:
                self._solve_fixed(states)

    def _solve_fixed(self, states: States) -> None:
        node = self._price(states, 0)
        fitted = fit_lots([*node.curves, self.unfilled], node.price, self.target)
        values = iter(fitted)
        self._offer([0 if state == _OUT else next(values) for state in states])

    def _offer(self, shares: Sequence[int]) -> None:
        """Keep a plan if it is allowed and better than the best one so far."""
        legs = value = filled = 0
        for share, curve, leg_cost, x in zip(self.shares, self.plain, self.leg_costs, shares, strict=True):
            if x:
                if x < share.minimum:
                    return
                legs += 1
                filled += x
                value += curve.exact(x) + leg_cost
        if self.max_legs is not None and legs > self.max_legs:
            return
        loss = self.penalty * (self.target - filled)
        if value + loss < self.value:
            self.best, self.value = tuple(shares), value + loss
            # Relative to the cost alone: a difference in fill is never within tolerance.
            self.cut = self.value - abs(value) // TOLERANCE

    def _wait(self, bound: int, states: States, leg_price: int) -> None:
        if bound >= self.cut:
            self._discard(bound)
        else:
            heappush(self.waiting, (bound, -len(self.waiting), states, leg_price))

    def _discard(self, bound: int) -> None:
        self.bound = min(self.bound, bound)


def _slopes(curve: Curve) -> list[int]:
    rate = curve.rate
    return [rate * price for price in curve.prices[: bisect_left(curve.amounts, curve.high)]]
