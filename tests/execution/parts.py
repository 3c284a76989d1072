"""Planning parts by hand: what the routing stage does with a split, with a plan the test chose."""

import time
from datetime import timedelta
from decimal import Decimal as D
from uuid import UUID

from django.utils import timezone

from execution.domain.orders import SIGNAL_FINAL
from execution.models import Order, Signal
from execution.services import claims
from execution.services.decisions import Decided, NewPart, store_decisions
from policies import snapshot
from tests.execution.conftest import Platform

WAIT_S = 20


def leg(exchange, amount, limit="51000"):
    return NewPart(exchange, D(amount), D(limit) if limit else None)


def plan(platform: Platform, *parts: NewPart, **body) -> Signal:
    """A stored signal that was just planned in these parts; no executor may run."""
    platform.sent += 1
    body = {"id": f"p{platform.sent}", "symbol": "BTC/USDT", "side": "buy", **body}
    receipt = platform.store(body)
    plan_again(receipt.signal_id, *parts)
    return Signal.objects.get(pk=receipt.signal_id)


def plan_again(signal_id: UUID, *parts: NewPart) -> None:
    """Claim a pending signal, and store this plan for it."""
    snapshot.refresh()
    (claimed,) = [signal for signal in claims.claim_signals(100) if signal.id == signal_id]
    Signal.objects.filter(status="routing").exclude(pk=signal_id).update(status="pending", claimed_until=None)
    decided = Decided(claimed, policy_version=1, source="smart", parts=parts)
    store_decisions([decided], now=timezone.now(), validity_s=1.0, check_after_s=4.0)


def check_sums(signal: Signal) -> None:
    """The parent's sums are its parts', and what was placed is never more than the whole."""
    signal.refresh_from_db()
    parts = list(signal.parts.all())
    assert signal.filled_amount == sum((p.filled_amount for p in parts), D(0))
    assert signal.filled_notional == sum((p.filled_notional for p in parts), D(0))
    for part in parts:
        orders = Order.objects.filter(signal=part)
        assert sum((o.filled_amount for o in orders), D(0)) + below(part) == part.filled_amount
        if part.amount is not None:
            assert all(o.amount <= part.amount for o in orders)
    assert signal.allocated_amount <= (signal.amount if signal.notional is None else signal.notional)
    assert not signal.orders.exclude(status__in=["not_placed", "rejected"]).exists()


def below(part: Signal) -> D:
    return sum((p.filled_amount for p in part.parts.all()), D(0))


def booked(platform: Platform, *exchanges: str) -> D:
    """What the exchanges say was filled."""
    return sum((D(order["filled"]) for slug in exchanges for order in platform.ledger(slug)), D(0))


def wait_until(condition, within_s: float = WAIT_S) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.03)
    raise AssertionError(f"not within {within_s} s: {list(Signal.objects.values())}")


def part_row(parent: Signal, number: int, **changes) -> Signal:
    """Another part, put into the database past all services."""
    now = timezone.now()
    fields = {
        "parent": parent, "part": number, "allotted": D(1), "amount": D(1), "user_id": parent.user_id, "body_hash": "",
        "idempotency_key": f"raw {parent.pk} {number}", "received_at": now, "expires_at": now + timedelta(seconds=60),
        "symbol": parent.symbol, "side": parent.side, **changes,
    }  # fmt: skip
    return Signal.objects.create(**fields)


def is_final(signal: Signal) -> bool:
    signal.refresh_from_db()
    return signal.status in SIGNAL_FINAL
