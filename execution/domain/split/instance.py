"""The split of a problem given as plain JSON data: the form of the published instance sets."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from execution.domain.orders import Side
from execution.domain.split.depth import prepare_depth, signed_limit
from execution.domain.split.kernel import split_amount
from execution.domain.split.model import Candidate, Terms, candidate
from execution.domain.split.scale import Scale, ScaleTooCoarse, places, scaled_down
from policies.domain.numbers import plain


def solve_instance(instance: Mapping[str, Any]) -> dict[str, str]:
    """Amounts in base units by exchange id, for those that get a part.

    Numbers are strings, floats or Decimals. Raises ValueError on a book or rule that makes no sense.
    """
    side = Side(instance["side"])
    exchanges = instance["venues"]
    if not exchanges:
        return {}
    try:
        scale = Scale(
            max(places(each.get("tick") or 0) for each in exchanges),
            max(places(each["lot"]) for each in exchanges),
            max(places(each["taker_fee"]) for each in exchanges),
        )
        candidates = _candidates(instance, side, scale)
    except ScaleTooCoarse:
        scale = _fitting(exchanges, side)
        candidates = _candidates(instance, side, scale)
    limit = instance.get("limit_price")
    split = split_amount(
        candidates,
        scaled_down(instance["quantity"], scale.amount_places),
        None if not limit else signed_limit(limit, side, scale),
        instance.get("max_legs") or None,
    )
    return {
        each["id"]: plain(scale.amount(amount))
        for each, amount in zip(exchanges, split.amounts, strict=True)
        if amount
    }


def _candidates(instance: Mapping[str, Any], side: Side, scale: Scale) -> list[Candidate]:
    enough = scaled_down(instance["quantity"], scale.amount_places)
    candidates = []
    for each in instance["venues"]:
        depth = prepare_depth(_levels(each, side), side, scale, enough=max(1, enough))
        balance = each.get("balance")
        terms = Terms(
            taker_fee=Decimal(str(each["taker_fee"])),
            lot=Decimal(str(each["lot"])),
            tick=Decimal(str(each.get("tick") or 0)),
            min_amount=Decimal(str(each.get("min_qty") or 0)),
            max_amount=Decimal(str(each["max_qty"])) if each.get("max_qty") else None,
            min_notional=Decimal(str(each.get("min_notional") or 0)),
            leg_cost=Decimal(str(each.get("leg_cost") or 0)),
        )
        funds = None if balance is None else Decimal(str(balance))
        candidates.append(candidate(each["id"], depth, terms.on(scale, side), funds))
    return candidates


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
    costs = max(places(each.get("leg_cost") or 0) for each in exchanges)
    missing = costs - scale.money_places
    return scale if missing <= 0 else Scale(scale.price_places, scale.amount_places, scale.fee_places + missing)
