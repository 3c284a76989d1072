"""Compares what the exchanges really did with what our database says, order by order, to the last unit."""

from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from execution.models import FeeTotal, Fill, Order, Position
from execution.simulator.client import SimulatorControl
from routing_platform.local.installation import BALANCES


def differences(control: SimulatorControl) -> list[str]:
    """Every difference, in words. Empty when the books agree."""
    found: list[str] = []
    for exchange in BALANCES:
        _compare_orders(exchange, control.ledger(exchange), found)
    _compare_balances(control, found)
    _compare_sums(found)
    return found


def placements_per_order(control: SimulatorControl) -> Counter[str]:
    """How often each of our orders was placed, over all exchanges."""
    ours = {order.client_order_id: str(order.pk) for order in Order.objects.all()}
    by_exchange_id = {
        (o.exchange_id, o.exchange_order_id): str(o.pk) for o in Order.objects.exclude(exchange_order_id="")
    }
    counts: Counter[str] = Counter()
    for exchange in BALANCES:
        for booked in control.ledger(exchange):
            key = ours.get(booked["client_order_id"] or "") or by_exchange_id.get(
                (exchange, booked["exchange_order_id"]), f"unknown to us: {exchange} {booked['exchange_order_id']}"
            )
            counts[key] += 1
    return counts


def _compare_orders(exchange: str, ledger: list[dict[str, Any]], found: list[str]) -> None:
    orders = {order.exchange_order_id: order for order in Order.objects.filter(exchange_id=exchange)}
    for booked in ledger:
        order = orders.pop(booked["exchange_order_id"], None)
        if order is None:
            found.append(f"{exchange} has {booked['exchange_order_id']}, we do not")
            continue
        if Decimal(booked["filled"]) != order.filled_amount:
            found.append(f"{exchange} {order}: filled {booked['filled']} there, {order.filled_amount} here")
        if exchange != "firi":  # Firi tells no prices
            _compare_fills(exchange, order, booked, found)
    for exchange_order_id, order in orders.items():
        if exchange_order_id or order.filled_amount:
            found.append(f"we have {exchange} {exchange_order_id or order}, the exchange does not")


def _compare_fills(exchange: str, order: Order, booked: dict[str, Any], found: list[str]) -> None:
    there = sorted((t["id"], Decimal(t["amount"]), Decimal(t["price"]), Decimal(t["fee"])) for t in booked["trades"])
    here = sorted((f.trade_id, f.amount, f.price, f.fee) for f in order.fills.all())
    if there != here:
        found.append(f"{exchange} {order}: fills {there} there, {here} here")


def _compare_balances(control: SimulatorControl, found: list[str]) -> None:
    """Base assets: what all accounts hold is what they began with plus what our positions say."""
    for exchange, balances in BALANCES.items():
        accounts = control.accounts(exchange)
        base = sum((Decimal(account["balances"]["BTC"]["total"]) for account in accounts), Decimal(0))
        began = Decimal(balances["BTC"]) * len(accounts)
        ours = sum((position.amount for position in Position.objects.filter(exchange_id=exchange)), Decimal(0))
        if base - began != ours:
            found.append(f"{exchange}: accounts moved by {base - began} BTC, our positions by {ours}")


def _compare_sums(found: list[str]) -> None:
    positions: dict[tuple[int, str, str], Decimal] = defaultdict(Decimal)
    for fill in Fill.objects.select_related("order"):
        sign = 1 if fill.order.side == "buy" else -1
        positions[fill.order.user_id, fill.order.exchange_id, fill.order.symbol] += sign * fill.amount
    for row in Position.objects.all():
        net = row.bought_amount - row.sold_amount
        if positions.pop((row.user_id, row.exchange_id, row.symbol), Decimal(0)) != net:
            found.append(f"position {row} is {net}, its fills say otherwise")
    found.extend(f"fills of {key} have no position" for key in positions)
    fees = {row["fee_asset"]: row["total"] for row in Fill.objects.values("fee_asset").annotate(total=Sum("fee"))}
    totals = {row["asset"]: row["total"] for row in FeeTotal.objects.values("asset").annotate(total=Sum("amount"))}
    if {asset: fee for asset, fee in fees.items() if fee} != totals:
        found.append(f"fees of fills {fees}, fee totals {totals}")
