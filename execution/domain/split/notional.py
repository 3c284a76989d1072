"""Orders in quote units: the largest split whose cash stays within the money given."""

from collections.abc import Sequence
from heapq import heapify, heappop, heapreplace

from execution.domain.split.kernel import Split, split_amount
from execution.domain.split.model import Candidate

_MAX_SPLITS = 60


def split_notional(candidates: Sequence[Candidate], money: int, limit: int | None, max_legs: int | None) -> Split:
    """The most base units that cost (buy), or raise (sell), at most `money` after fees; leg costs are not cash.

    Each amount tried is split optimally; the amount itself is found by bracketing. It is the largest one wherever a
    larger amount needs more money, which binding minimums can break by less than the smallest of them.
    """
    usable = [each for each in candidates if each.depth.prices]
    if not usable:
        return split_amount(candidates, 0, limit, max_legs)
    step = min(each.terms.lot for each in usable)
    enough = sum(each.maximum_within(limit) for each in usable)
    low, high = 0, enough - enough % step + step
    best = split_amount(candidates, 0, limit, max_legs)
    best_cash = high_cash = 0
    guess = min(_merged_amount(usable, money, limit), enough)
    guess = max(step, guess - guess % step)
    for attempt in range(_MAX_SPLITS):
        if not low < guess < high:
            break
        split = split_amount(candidates, guess, limit, max_legs)
        cash, filled = _cash(candidates, split), sum(split.amounts)
        if cash <= money:
            low, best, best_cash = guess, split, cash
        else:
            # Whatever would fill the same costs too much as well.
            high, high_cash = max(filled, low + step), cash
        guess = _next_guess(attempt, low, high, best_cash, high_cash, money, step)
    return best


def _next_guess(attempt: int, low: int, high: int, low_cash: int, high_cash: int, money: int, step: int) -> int:
    if high - low <= step:
        return low
    if attempt % 3 == 2 or high_cash <= low_cash:
        # First look just above what is affordable: nearly always the end of the search.
        guess = low + (step if attempt == 0 else (high - low) // 2)
    else:
        guess = low + (high - low) * (money - low_cash) // (high_cash - low_cash)
    guess -= guess % step
    return min(max(guess, low + step), high - 1)


def _cash(candidates: Sequence[Candidate], split: Split) -> int:
    pairs = zip(candidates, split.amounts, strict=True)
    return sum(abs(each.depth.value(amount)) * each.terms.rate for each, amount in pairs if amount)


def _merged_amount(candidates: Sequence[Candidate], money: int, limit: int | None) -> int:
    """How much `money` moves when nothing but price, depth and balance matters."""
    heap = [(each.first_slope, index, 0) for index, each in enumerate(candidates)]
    caps = [each.maximum_within(limit) for each in candidates]
    heapify(heap)
    total = 0
    while heap:
        slope, index, level = heap[0]
        depth = candidates[index].depth
        part = min(depth.amounts[level + 1], caps[index]) - depth.amounts[level]
        if part <= 0:
            heappop(heap)
            continue
        if part * abs(slope) >= money:
            return total + money // abs(slope)
        money -= part * abs(slope)
        total += part
        if level + 1 < len(depth.prices):
            heapreplace(heap, (depth.prices[level + 1] * candidates[index].terms.rate, index, level + 1))
        else:
            heappop(heap)
    return total
