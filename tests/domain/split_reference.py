"""A slow, plain second opinion on splits: fractions and dynamic programming over every whole-lot share.

Shares no code with the kernel, on purpose. Instances are plain dictionaries, as in tests/data/split_dev39.json.gz.
"""

import random
from fractions import Fraction as F
from typing import Any

Instance = dict[str, Any]


def levels_of(instance: Instance, exchange: dict[str, Any]) -> list[tuple[F, F]]:
    """The levels this order may take, best first, inside the limit."""
    buy = instance["side"] == "buy"
    limit = instance.get("limit_price")
    kept = []
    for price, amount in exchange["asks" if buy else "bids"]:
        price, amount = F(str(price)), F(str(amount))
        if limit and (price > F(limit) if buy else price < F(limit)):
            break
        kept.append((price, amount))
    return kept


def walk_cost(instance: Instance, exchange: dict[str, Any], amount: F) -> F | None:
    """Cash paid (buy) or minus cash received (sell), without leg cost; None if the book holds too little."""
    left, value = amount, F(0)
    for price, held in levels_of(instance, exchange):
        part = min(left, held)
        value += part * price
        left -= part
        if not left:
            fee = F(exchange["taker_fee"])
            return value * (1 + fee) if instance["side"] == "buy" else -value * (1 - fee)
    return None


def problems(instance: Instance, exchange: dict[str, Any], amount: F) -> list[str]:
    """Every rule of the exchange that a share of this amount breaks."""
    levels = exchange["asks" if instance["side"] == "buy" else "bids"]
    found = []
    if (amount / F(exchange["lot"])).denominator != 1:
        found.append("not a multiple of the lot")
    if amount < F(exchange["min_qty"]):
        found.append("below the minimum amount")
    if exchange.get("max_qty") and amount > F(exchange["max_qty"]):
        found.append("above the maximum amount")
    if levels and amount * F(str(levels[0][0])) < F(exchange.get("min_notional") or 0):
        found.append("below the minimum notional")
    cost = walk_cost(instance, exchange, amount)
    if cost is None:
        found.append("more than the book holds inside the limit")
    elif exchange.get("balance") is not None:
        needed = cost if instance["side"] == "buy" else amount
        if needed > F(exchange["balance"]):
            found.append("more than the balance")
    return found


def check_plan(instance: Instance, plan: dict[str, str]) -> tuple[list[str], F, F]:
    """What is wrong with a plan, what it fills, and what it costs with leg costs."""
    wrong: list[str] = []
    filled, cost = F(0), F(0)
    exchanges = {exchange["id"]: exchange for exchange in instance["venues"]}
    for name, text in plan.items():
        amount = F(text)
        found = problems(instance, exchanges[name], amount) if amount > 0 else ["not positive"]
        wrong += [f"{name}: {problem}" for problem in found]
        filled += amount
        cost += (walk_cost(instance, exchanges[name], amount) or 0) + F(exchanges[name].get("leg_cost") or 0)
    if filled > F(instance["quantity"]):
        wrong.append("more than was ordered")
    if instance.get("max_legs") and len(plan) > instance["max_legs"]:
        wrong.append("too many legs")
    return wrong, filled, cost


def best_plan(instance: Instance) -> tuple[F, F]:
    """The most that can be filled and the least it can cost, by trying every whole-lot share of every exchange."""
    exchanges = instance["venues"]
    unit = min(F(exchange["lot"]) for exchange in exchanges)
    quantity = int(F(instance["quantity"]) / unit)
    legs = instance.get("max_legs") or len(exchanges)
    # table[legs used][units filled] = least cost, in 10^-40ths so that whole numbers do
    table: list[dict[int, int]] = [{0: 0}] + [{} for _ in range(legs)]
    for exchange in exchanges:
        options = _options(instance, exchange, unit, quantity)
        for used in range(legs - 1, -1, -1):
            after = table[used + 1]
            for filled, cost in list(table[used].items()):
                for amount, extra in options:
                    total = filled + amount
                    if total > quantity:
                        break
                    sum_cost = cost + extra
                    if total not in after or sum_cost < after[total]:
                        after[total] = sum_cost
    most = max(max(row, default=0) for row in table)
    return most * unit, F(min(row[most] for row in table if most in row), 10**40)


def _options(instance: Instance, exchange: dict[str, Any], unit: F, quantity: int) -> list[tuple[int, int]]:
    lot = F(exchange["lot"])
    step = int(lot / unit)
    options = []
    for units in range(step, quantity + 1, step):
        if not problems(instance, exchange, units * unit):
            cost = walk_cost(instance, exchange, units * unit)
            assert cost is not None
            whole = (cost + F(exchange.get("leg_cost") or 0)) * 10**40
            assert whole.denominator == 1
            options.append((units, whole.numerator))
    return options


def random_instance(rng: random.Random, *, most_units: int = 120, most_exchanges: int = 5) -> Instance:
    """A small instance full of traps: binding minimums, coarse lots, ties, rebates, tight balances, leg limits."""
    side = rng.choice(["buy", "sell"])
    finest = rng.choice(["0.001", "0.01", "0.1", "1"])
    quantity = F(finest) * rng.randint(1, most_units)
    if rng.random() < 0.15:
        quantity += F(finest) * F(rng.randint(1, 9), 10)
    middle = F(rng.choice([1, 20, 300, 1000]))
    # Equal ticks and few price steps make ties between exchanges common.
    tick = middle / rng.choice([10, 100, 1000, 10000])
    instance: Instance = {"side": side, "quantity": _text(quantity), "limit_price": None, "max_legs": None}
    traits = {trait: rng.random() < 0.4 for trait in ("minimum", "balance", "leg_cost", "fee", "lot", "off_grid")}
    count = rng.randint(1, most_exchanges)
    instance["venues"] = [
        _random_exchange(rng, f"e{number}", side, F(finest), quantity, middle, tick, traits, count)
        for number in range(count)
    ]
    if rng.random() < 0.3:
        instance["max_legs"] = rng.randint(1, count)
    if rng.random() < 0.15:
        instance["limit_price"] = _text(middle + tick * rng.randint(-2, 8) * (1 if side == "buy" else -1))
    return instance


def _random_exchange(
    rng: random.Random,
    name: str,
    side: str,
    finest: F,
    quantity: F,
    middle: F,
    tick: F,
    traits: dict[str, bool],
    n: int,
) -> dict[str, Any]:
    lot = finest * (rng.choice([1, 1, 10, 100]) if traits["lot"] else 1)
    direction = 1 if side == "buy" else -1
    price = middle + direction * tick * rng.randint(0, 4)
    grain = lot / 10 if traits["off_grid"] and rng.random() < 0.5 else lot
    levels = []
    for _ in range(rng.choice([0, 1, 2, 3, 5, 8]) if rng.random() < 0.5 else rng.randint(2, 12)):
        if price <= 0:
            break
        amount = max(grain, quantity * F(rng.randint(1, 100), 100 * rng.choice([1, 2, 6])) // grain * grain)
        levels.append([_text(price), _text(amount)])
        price += direction * tick * rng.choice([1, 1, 1, 2, 5])
    share = quantity / n
    exchange: dict[str, Any] = {
        "id": name,
        "taker_fee": rng.choice(["0", "0.001", "0.0026", "-0.0001", "0.0004"]) if traits["fee"] else "0.001",
        "lot": _text(lot),
        "min_qty": _text(lot * rng.choice([0, 1, 1, 2, 5])),
        "max_qty": _text(share * rng.choice([F(1, 2), 1, 3])) if rng.random() < 0.1 else None,
        "min_notional": _text(share * middle * F(rng.randint(0, 250), 100)) if traits["minimum"] else "0",
        "leg_cost": _text(quantity * middle * F(rng.randint(0, 100), 20000)) if traits["leg_cost"] else "0",
        "balance": None,
        "tick": _text(tick),
        "asks": [],
        "bids": [],
    }
    if traits["balance"] and rng.random() < 0.7:
        worth = middle if side == "buy" else 1
        exchange["balance"] = _text(share * worth * F(rng.randint(0, 250), 100))
    exchange["asks" if side == "buy" else "bids"] = levels
    return exchange


def _text(value: F) -> str:
    """A decimal with at most 8 places; what has more (a share of an odd number) is cut."""
    whole = int(value * 10**8)
    sign, digits = ("-" if whole < 0 else ""), f"{abs(whole):09d}"
    return f"{sign}{digits[:-8]}.{digits[-8:]}".rstrip("0").rstrip(".")
