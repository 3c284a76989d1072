"""The split of a problem given as plain JSON data: the form of the published instance sets."""

from collections.abc import Mapping, Sequence
from typing import Any

from execution.domain.orders import Side
from execution.domain.split.depth import prepare_depth
from execution.domain.split.model import Candidate, SplitRequest, Terms, candidate
from execution.domain.split.plan import plan_split
from execution.domain.split.scale import SPARE_PLACES, Scale, ScaleTooCoarse, decimal, places, scaled_down
from policies.domain.numbers import plain


def solve_instance(instance: Mapping[str, Any]) -> dict[str, str]:
    """Amounts in base units by exchange id, for those that get a part.

    Numbers are strings, floats or Decimals. Raises ValueError on a book or rule that makes no sense.
    """
    request, candidates = read_instance(instance)
    plan = plan_split(request, candidates)
    pairs = zip(candidates, plan.split.amounts, strict=True)
    return {each.exchange: plain(plan.scale.amount(amount)) for each, amount in pairs if amount}


def read_instance(instance: Mapping[str, Any], *, whole_books: bool = False) -> tuple[SplitRequest, list[Candidate]]:
    """The request and its candidates. Books are read only as deep as this order can reach, unless `whole_books`."""
    limit, legs = instance.get("limit_price"), instance.get("max_legs")
    request = SplitRequest(
        side=Side(instance["side"]),
        amount=decimal(instance["quantity"]),
        limit_price=decimal(limit) if limit else None,
        max_legs=int(legs) if legs else None,
    )
    exchanges = instance["venues"]
    try:
        return request, _candidates(request, exchanges, _usual_scale(exchanges), whole_books)
    except ScaleTooCoarse:
        return request, _candidates(request, exchanges, _fitting(exchanges, request.side), whole_books)


def _usual_scale(exchanges: Sequence[Mapping[str, Any]]) -> Scale:
    """What ticks, lots and fees need; books seldom need more."""
    return Scale(
        max((places(each.get("tick") or 0) for each in exchanges), default=0),
        max((places(each["lot"]) for each in exchanges), default=0),
        max((places(each["taker_fee"]) for each in exchanges), default=0) + SPARE_PLACES,
    )


def _candidates(
    request: SplitRequest, exchanges: Sequence[Mapping[str, Any]], scale: Scale, whole_books: bool
) -> list[Candidate]:
    assert request.amount is not None
    enough = None if whole_books else max(1, scaled_down(request.amount, scale.amount_places))
    candidates = []
    for each in exchanges:
        depth = prepare_depth(_levels(each, request.side), request.side, scale, enough=enough)
        balance = each.get("balance")
        terms = _terms(each).on(scale, request.side)
        candidates.append(candidate(each["id"], depth, terms, None if balance is None else decimal(balance)))
    return candidates


def _terms(each: Mapping[str, Any]) -> Terms:
    return Terms(
        taker_fee=decimal(each["taker_fee"]),
        lot=decimal(each["lot"]),
        tick=decimal(each.get("tick") or 0),
        min_amount=decimal(each.get("min_qty") or 0),
        max_amount=decimal(each["max_qty"]) if each.get("max_qty") else None,
        min_notional=decimal(each.get("min_notional") or 0),
        leg_cost=decimal(each.get("leg_cost") or 0),
    )


def _levels(each: Mapping[str, Any], side: Side) -> Sequence[Sequence[Any]]:
    levels: Sequence[Sequence[Any]] = each["asks" if side == Side.BUY else "bids"]
    return levels


def _fitting(exchanges: Sequence[Mapping[str, Any]], side: Side) -> Scale:
    levels = [level for each in exchanges for level in _levels(each, side)]
    scale = Scale.fitting(
        (level[0] for level in levels),
        [level[1] for level in levels] + [each["lot"] for each in exchanges],
        (each["taker_fee"] for each in exchanges),
    )
    # Leg costs are money, which is exact at the sum of the three.
    costs = max(places(each.get("leg_cost") or 0) for each in exchanges)
    missing = costs - scale.money_places
    return Scale(scale.price_places, scale.amount_places, scale.fee_places + max(missing, SPARE_PLACES))
