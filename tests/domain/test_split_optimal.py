"""Splits are allowed, fill all that can be filled and cost the least: against certified sets and a slow reference."""

import gzip
import json
import random
from copy import deepcopy
from fractions import Fraction as F
from pathlib import Path

import pytest

from execution.domain.split import SplitRequest, plan_split, solve_instance
from execution.domain.split.instance import read_instance
from tests.domain.split_fuzz import TOLERANCE_BPS, fuzz
from tests.domain.split_reference import check_plan, random_instance

DATA = Path(__file__).resolve().parent.parent / "data"
with gzip.open(DATA / "split_dev39.json.gz", "rt") as file:
    CERTIFIED = json.load(file)


def outcome(instance):
    """What the plan fills and costs, once it is known to be allowed."""
    wrong, filled, cost = check_plan(instance, solve_instance(instance))
    assert wrong == []
    return filled, cost


def no_worse(new, old):
    """Fills more, or as much at no more cost (within the tolerance of the search)."""
    return new[0] > old[0] or (new[0] == old[0] and new[1] <= old[1] + abs(old[1]) * TOLERANCE_BPS / 10_000)


def instances(seed, count, **sizes):
    rng = random.Random(seed)
    return [(rng, random_instance(rng, most_units=5000, most_exchanges=8, **sizes)) for _ in range(count)]


@pytest.mark.parametrize("instance", CERTIFIED, ids=lambda instance: instance["id"])
def test_a_certified_instance_is_solved_to_its_optimum(instance):
    expected = instance["expected"]
    sign = 1 if instance["side"] == "buy" else -1

    filled, cost = outcome(instance)

    assert filled == F(expected["filled"])
    assert cost * sign - F(expected["net"]) <= abs(F(expected["net"])) * F(1, 10**10)


def test_random_traps_are_solved_to_their_optimum():
    findings = fuzz(seed=20261120, count=2000, most_units=50, most_exchanges=4)

    assert findings.failures == []
    assert findings.worst_bps <= F(1, 1000)


@pytest.mark.parametrize("instance", CERTIFIED, ids=lambda instance: instance["id"])
def test_the_proof_is_a_bound_that_the_certified_optimum_keeps(instance):
    request, candidates = read_instance(instance)
    plan = plan_split(request, candidates)
    net = F(instance["expected"]["net"]) * (1 if instance["side"] == "buy" else -1)

    assert plan.is_full
    assert F(plan.lower_bound) <= net
    assert plan.gap_bps < 0.0001


def test_one_more_exchange_never_makes_it_worse():
    for _, instance in instances(1, 150):
        fewer = {**instance, "venues": instance["venues"][:-1]}
        assert no_worse(outcome(instance), outcome(fewer))


def test_more_balance_never_makes_it_worse():
    for rng, instance in instances(2, 150):
        richer = deepcopy(instance)
        for exchange in richer["venues"]:
            if exchange["balance"] is not None and rng.random() < 0.7:
                exchange["balance"] = _times(exchange["balance"], 2)
        assert no_worse(outcome(richer), outcome(instance))


def test_one_more_level_never_makes_it_worse():
    for _, instance in instances(3, 150):
        side = "asks" if instance["side"] == "buy" else "bids"
        thinner = deepcopy(instance)
        for exchange in thinner["venues"]:
            exchange[side] = exchange[side][:-1]
        assert no_worse(outcome(instance), outcome(thinner))


def test_a_higher_fee_never_gets_an_exchange_more():
    """Where nothing else binds: no minimums, balances, leg costs or leg limit, and one lot for all."""
    fell = 0
    for rng, instance in instances(4, 150):
        for exchange in instance["venues"]:
            lot = min((each["lot"] for each in instance["venues"]), key=F)
            exchange.update(min_qty="0", min_notional="0", leg_cost="0", balance=None, max_qty=None, lot=lot)
        instance["max_legs"] = None
        dearer = deepcopy(instance)
        exchange = rng.choice(dearer["venues"])
        exchange["taker_fee"] = "0.0061"
        before, after = (F(solve_instance(each).get(exchange["id"], 0)) for each in (instance, dearer))
        assert after <= before
        fell += after < before
    assert fell > 30


def test_prices_in_another_unit_scale_the_cost():
    for _, instance in instances(5, 100):
        scaled = deepcopy(instance)
        for exchange in scaled["venues"]:
            for side in ("asks", "bids"):
                exchange[side] = [[_times(price, 8), amount] for price, amount in exchange[side]]
            for name in ("min_notional", "leg_cost"):
                exchange[name] = _times(exchange[name], 8)
            if instance["side"] == "buy" and exchange["balance"] is not None:
                exchange["balance"] = _times(exchange["balance"], 8)
        if instance["limit_price"]:
            scaled["limit_price"] = _times(instance["limit_price"], 8)
        before, after = outcome(instance), outcome(scaled)
        assert before[0] == after[0]
        assert abs(after[1] - 8 * before[1]) <= abs(after[1]) * TOLERANCE_BPS / 10_000


def test_the_order_of_exchanges_changes_nothing_but_ties():
    for rng, instance in instances(6, 150):
        shuffled = {**instance, "venues": rng.sample(instance["venues"], len(instance["venues"]))}
        before, after = outcome(instance), outcome(shuffled)
        assert no_worse(before, after)
        assert no_worse(after, before)


def test_selling_into_a_mirrored_book_is_buying():
    """A price p becomes 4000 - p. Without fees and money bounds, proceeds mirror cost exactly."""
    for _, instance in instances(7, 150):
        buy = {**instance, "side": "buy", "limit_price": None, "venues": []}
        sell = {**buy, "side": "sell", "venues": []}
        for exchange in instance["venues"]:
            asks = exchange["asks"] or [[_mirror(price), amount] for price, amount in exchange["bids"]]
            bids = [[_mirror(price), amount] for price, amount in asks]
            free = {**exchange, "taker_fee": "0", "min_notional": "0", "balance": None}
            buy["venues"].append({**free, "asks": asks, "bids": []})
            sell["venues"].append({**free, "asks": [], "bids": bids})
        bought, sold = outcome(buy), outcome(sell)
        assert bought[0] == sold[0]
        assert abs(bought[1] - (sold[1] + 4000 * sold[0])) <= abs(bought[1]) * TOLERANCE_BPS / 10_000


def test_the_same_question_gets_the_same_answer():
    for _, instance in instances(8, 50):
        assert solve_instance(instance) == solve_instance(deepcopy(instance))


def test_money_is_spent_to_the_last_lot_or_the_book_is_empty():
    """A notional order spends at most its money, and one more finest lot would cost more than that."""
    for _, instance in instances(9, 200):
        for exchange in instance["venues"]:
            exchange.update(min_qty="0", min_notional="0", leg_cost="0")
        amount_request, candidates = read_instance({**instance, "max_legs": None}, whole_books=True)
        usable = [each for each in candidates if each.maximum]
        if not usable:
            continue
        money = abs(plan_split(amount_request, candidates).cost) * 9 / 10
        if not money:
            continue
        limit = amount_request.limit_price
        plan = plan_split(SplitRequest(amount_request.side, notional=money, limit_price=limit), candidates)
        assert abs(plan.cost) <= money
        lot = plan.scale.amount(min(each.terms.lot for each in usable))
        more = plan_split(SplitRequest(amount_request.side, amount=plan.filled + lot, limit_price=limit), candidates)
        assert abs(more.cost) > money or more.filled == plan.filled


def _times(value, factor):
    return f"{float(F(value) * factor):.8f}"


def _mirror(price):
    return f"{float(4000 - F(price)):.8f}"
