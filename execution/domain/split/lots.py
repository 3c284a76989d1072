"""Shares in whole lots at the least cost, exactly, for convex curves whose lots divide each other.

All curves with one lot are a tier; finer tiers count as one more curve of the next coarser tier, whose step is a
cheapest bundle of finer lots. Such a bundle cost is convex again (what the finer tiers must hold is fixed modulo the
coarser lot), so in every tier cheapest-first is exact, and so is the whole, by induction from the finest tier up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from execution.domain.split.curve import Curve

_MOST_SWAPS = 100_000
"""Each swap lowers the cost of convex curves, and few are needed; an order must not hang on a mistake in that."""

Moves = tuple[tuple[int, int], ...]
"""(curve, change of its share) for each curve that moves."""


@dataclass(frozen=True, slots=True)
class Step:
    """A cheapest way to move one tier and the finer ones by one lot, and how often it costs the same."""

    cost: int
    moves: Moves
    repeat: int


def fit_lots(curves: Sequence[Curve], price: int, target: int) -> list[int]:
    """Cheapest shares in whole lots that make `target`. `price` is their clearing price, which starts the search.

    The last curve is the unfilled one, in the finest lot; `target` is a multiple of that. Floors must fit the target.
    """
    shares = []
    on_grid = True
    for curve in curves:
        supply = curve.supply_below(price)
        rest = supply % curve.lot
        shares.append(supply - rest)
        if rest:
            on_grid = False
    return _Fitting(curves, shares).fit(target - sum(shares), on_grid)


class _Fitting:
    def __init__(self, curves: Sequence[Curve], shares: list[int]) -> None:
        self.curves, self.shares = curves, shares
        tiers: dict[int, list[int]] = {}
        for index, curve in enumerate(curves):
            tiers.setdefault(curve.lot, []).append(index)
        self.lots = sorted(tiers)
        self.tiers = [tiers[lot] for lot in self.lots]

    def fit(self, missing: int, on_grid: bool) -> list[int]:
        """Distribute `missing` units, finest residue first. `on_grid`: the shares are already optimal for their sum."""
        top = len(self.lots) - 1
        for tier in range(top + 1):
            if not on_grid:
                self._balance(tier)
            part = missing if tier == top else missing % self.lots[tier + 1]
            if part:
                self._move(tier, part)
                missing -= part
                # What was added may have left the finer tiers with more than their share.
                on_grid = False
        return self.shares

    def _balance(self, tier: int) -> None:
        """Swap lots within the tiers up to this one until no swap saves anything."""
        for _ in range(_MOST_SWAPS):
            up = self._step(tier, 1)
            if up is None:
                return
            down = self._step(tier, -1)
            if down is None or up.cost + down.cost >= 0:
                return
            times = min(up.repeat, down.repeat)
            self._apply(up.moves, times)
            self._apply(down.moves, times)
        raise ArithmeticError("swapping lots does not end: the curves are not convex")

    def _move(self, tier: int, amount: int) -> None:
        count = amount // self.lots[tier]
        direction = 1 if count > 0 else -1
        count = abs(count)
        while count:
            step = self._step(tier, direction)
            if step is None:
                raise ValueError("the curves cannot make the target")
            times = min(count, step.repeat)
            self._apply(step.moves, times)
            count -= times

    def _apply(self, moves: Moves, times: int) -> None:
        for index, change in moves:
            self.shares[index] += change * times

    def _step(self, tier: int, direction: int) -> Step | None:
        step = direction * self.lots[tier]
        best = self._bundle(tier - 1, step) if tier else None
        winner = -1
        for index in self.tiers[tier]:
            curve, share = self.curves[index], self.shares[index]
            after = share + step
            if after < curve.floor or after > curve.high:
                continue
            cost = curve.cost(after) - curve.cost(share)
            if best is None or cost < best.cost or (cost == best.cost and share and winner < 0):
                best = Step(cost, ((index, step),), 1)
                winner = index
        if winner < 0 or best is None:
            return best
        return Step(best.cost, best.moves, self.curves[winner].run(self.shares[winner], step))

    def _bundle(self, tier: int, amount: int) -> Step | None:
        """The cheapest way the tiers up to this one take `amount` more (or less), without doing it."""
        before = self.shares
        self.shares = before.copy()
        count, direction, cost = abs(amount) // self.lots[tier], 1 if amount > 0 else -1, 0
        while count:
            step = self._step(tier, direction)
            if step is None:
                self.shares = before
                return None
            times = min(count, step.repeat)
            self._apply(step.moves, times)
            cost += step.cost * times
            count -= times
        moves = tuple(
            (i, now - then) for i, (now, then) in enumerate(zip(self.shares, before, strict=True)) if now != then
        )
        self.shares = before
        if len(moves) == 1:
            index, change = moves[0]
            return Step(cost, moves, self.curves[index].run(before[index], change))
        return Step(cost, moves, 1)
