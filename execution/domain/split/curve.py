"""The cost of one exchange's share as a convex curve, and the price at which all curves together fill the order.

Everything is an integer: amounts in scaled units, costs in scaled money. A slope is money per unit of amount.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from execution.domain.split.model import Candidate


class Curve:
    """A convex lower bound of one exchange's cost of a share x, exact at 0 (or `floor`) and from `knee` on.

    The true cost jumps: nothing, or leg cost and at least the minimum. The curve replaces the jump by its cheapest
    straight line from the origin, which touches the true cost at the knee. In a node where the exchange must take part
    (`floor` > 0), there is no line, and the curve is exact everywhere.
    """

    __slots__ = ("amounts", "base", "floor", "high", "knee", "lot", "prices", "rate", "slope", "values")

    def __init__(
        self, prices: Sequence[int], amounts: Sequence[int], values: Sequence[int], rate: int, lot: int, high: int
    ) -> None:
        self.prices, self.amounts, self.values = prices, amounts, values
        self.rate, self.lot, self.high = rate, lot, high
        self.base = self.floor = self.knee = self.slope = 0

    def exact(self, x: int) -> int:
        """The true cost of x > 0."""
        level = bisect_left(self.amounts, x) - 1
        return self.base + self.rate * (self.values[level] + self.prices[level] * (x - self.amounts[level]))

    def cost(self, x: int) -> int:
        """The curve at floor <= x <= high."""
        if x >= self.knee and x:
            return self.exact(x)
        return self.slope * x

    def supply(self, price: int) -> int:
        """The most this curve gives at slopes up to `price`."""
        if price < self.slope and not self.floor:
            return 0
        x = self.amounts[bisect_right(self.prices, price // self.rate)]
        return self.knee if x < self.knee else min(x, self.high)

    def supply_below(self, price: int) -> int:
        """The most this curve gives at slopes strictly below `price`."""
        return self.supply(price - 1)

    def gain(self, price: int) -> int:
        """The smallest value of cost - price * x: this curve's term of the Lagrangian bound."""
        x = self.supply(price)
        return self.cost(x) - price * x

    def run(self, x: int, step: int) -> int:
        """How many times x can move by `step` (of either sign) at the same cost each, at least once."""
        if step > 0:
            end = self.knee if x < self.knee else self.amounts[bisect_right(self.amounts, x)]
            return max(1, (min(end, self.high) - x) // step)
        start = max(self.knee, self.amounts[bisect_left(self.amounts, x) - 1]) if x > self.knee else self.floor
        return max(1, (x - start) // -step)


def required(curve: Curve, minimum: int, leg_cost: int) -> Curve:
    """The curve of an exchange that must take at least `minimum`."""
    made = _copy(curve, leg_cost)
    made.floor = made.knee = minimum
    return made


def optional(curve: Curve, minimum: int, leg_cost: int) -> Curve:
    """The convex envelope of an exchange that takes nothing or at least `minimum`."""
    made = _copy(curve, leg_cost)
    made.knee = knee = _tangent(curve, minimum, leg_cost) if leg_cost else minimum
    # Rounded down, and the rest of the curve lowered with it by less than one unit of scaled money per unit of amount:
    # still a lower bound, and still convex.
    made.slope, rounding = divmod(made.exact(knee), knee)
    made.base -= rounding
    return made


def _copy(curve: Curve, base: int) -> Curve:
    made = Curve(curve.prices, curve.amounts, curve.values, curve.rate, curve.lot, curve.high)
    made.base = base
    return made


def _tangent(curve: Curve, minimum: int, leg_cost: int) -> int:
    """Where the line from the origin touches the cost: the amount >= minimum of smallest average cost."""
    prices, amounts, values, rate = curve.prices, curve.amounts, curve.values, curve.rate
    low = bisect_left(amounts, minimum) - 1
    high = min(bisect_left(amounts, curve.high), len(prices))
    while low < high:
        middle = (low + high) // 2
        # Going on pays while the next level costs less than the average so far.
        if rate * (prices[middle] * amounts[middle] - values[middle]) < leg_cost:
            low = middle + 1
        else:
            high = middle
    return max(minimum, min(amounts[low], curve.high))


def unfilled_curve(target: int, lot: int, penalty: int) -> Curve:
    """What is left unfilled, as one more exchange that is dearer than any difference in cost."""
    return Curve((penalty,), (0, target), (0, penalty * target), 1, lot, target)


def curve_of(candidate: Candidate, lot: int, high: int) -> Curve:
    """The plain cost of a candidate's share up to `high`, without minimum and leg cost."""
    depth = candidate.depth
    return Curve(depth.prices, depth.amounts, depth.values, candidate.terms.rate, lot, high)


def clearing_price(curves: Sequence[Curve], slopes: Sequence[int], target: int) -> int:
    """The lowest slope at which the curves give `target` together. `slopes`: all slopes of all levels, ascending.

    The last curve is the unfilled one, so there always is an answer.
    """
    low, high = 0, len(slopes) - 1
    while low < high:
        middle = (low + high) // 2
        if _supply(curves, slopes[middle], target):
            high = middle
        else:
            low = middle + 1
    price = slopes[low]
    below = slopes[low - 1] if low else None
    lines = sorted({c.slope for c in curves if not c.floor and c.slope < price and (below is None or c.slope > below)})
    for slope in lines:
        if _supply(curves, slope, target):
            return slope
    return price


def _supply(curves: Sequence[Curve], price: int, target: int) -> bool:
    for curve in curves:
        if curve.floor or price >= curve.slope:
            x = curve.amounts[bisect_right(curve.prices, price // curve.rate)]
            if x < curve.knee:
                x = curve.knee
            elif x > curve.high:
                x = curve.high
            target -= x
            if target <= 0:
                return True
    return False
