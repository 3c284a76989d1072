"""What happened to a signal, in order: receipt, decisions, moves of its orders, fills."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from execution.domain.orders import OrderStatus, SignalStatus
from execution.models import Decision, Fill, Order, OrderEvent, Signal
from policies.display.formats import amount, money
from policies.display.words import Tone

QUIET_S = 1.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One moment. `quiet`: more than a second passed since the one before."""

    at: datetime
    tone: Tone
    title: str
    code: str = ""
    detail: str = ""
    quiet: bool = False


_TITLES: dict[str, tuple[str, Tone]] = {
    OrderStatus.QUEUED: ("Queued", Tone.BUSY),
    OrderStatus.SUBMITTING: ("Sent", Tone.BUSY),
    OrderStatus.UNKNOWN: ("Outcome unknown", Tone.WATCH),
    OrderStatus.NEEDS_ATTENTION: ("Needs attention", Tone.ACT),
    OrderStatus.OPEN: ("Open at the exchange", Tone.BUSY),
    OrderStatus.PARTIALLY_FILLED: ("Partly filled", Tone.WATCH),
    OrderStatus.FILLED: ("Filled", Tone.OK),
    OrderStatus.CANCELLED: ("Cancelled", Tone.OFF),
    OrderStatus.REJECTED: ("Rejected", Tone.OFF),
    OrderStatus.NOT_PLACED: ("Proved not placed", Tone.OFF),
    OrderStatus.EXPIRED: ("Expired", Tone.OFF),
}


def signal_timeline(
    signal: Signal, decisions: Iterable[Decision], orders: Sequence[Order], parts: Sequence[Signal] = ()
) -> list[Entry]:
    """From receipt to the end. `orders` come with their events and fills."""
    entries = [_received(signal), *(_decided(decision) for decision in decisions), *_ended_parts(parts)]
    for order in orders:
        entries += order_entries(order, named=len(orders) > 1)
    if signal.cancel_requested_at is not None:
        entries.append(Entry(signal.cancel_requested_at, Tone.OFF, "Cancel requested by the client"))
    return in_order(entries)


def _ended_parts(parts: Sequence[Signal]) -> list[Entry]:
    """The ends of parts; what happened before is on their own pages."""
    return [_ended(part) for part in parts if part.final_at is not None]


def _ended(part: Signal) -> Entry:
    base, _, quote = part.symbol.partition("/")
    where = part.exchange_id or part.requested_exchange
    about = f"Part {part.part}{f' at {where}' if where else ''}"
    assert part.final_at is not None
    if not part.filled_amount:
        return Entry(part.final_at, Tone.OFF, f"{about}: nothing traded", part.reason_code, part.reason_detail)
    price = money(part.filled_notional / part.filled_amount)
    tone = Tone.OK if part.status == SignalStatus.FILLED else Tone.WATCH
    return Entry(
        part.final_at, tone, f"{about}: {amount(part.filled_amount)} {base} at {price} {quote}", part.reason_code
    )


def order_timeline(order: Order) -> list[Entry]:
    """From the making of one order to its end."""
    return in_order(order_entries(order, named=False))


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    """By time, with the pauses marked."""
    ordered = sorted(entries, key=lambda entry: entry.at)
    before = [None, *(entry.at for entry in ordered[:-1])]
    return [
        Entry(entry.at, entry.tone, entry.title, entry.code, entry.detail, _is_pause(last, entry.at))
        for entry, last in zip(ordered, before, strict=True)
    ]


def _is_pause(last: datetime | None, at: datetime) -> bool:
    return last is not None and (at - last).total_seconds() > QUIET_S


def _received(signal: Signal) -> Entry:
    sender = f"token {signal.api_token.prefix}…" if signal.api_token else _without_token(signal.idempotency_key)
    return Entry(signal.received_at, Tone.OK, "Received", detail=f"from {signal.user.get_username()}, {sender}")


def _without_token(key: str) -> str:
    """What can be said of the sender of a signal that came in without an API token."""
    kind, _, rest = key.partition(":")
    return f"webhook {rest.partition(':')[0]}" if kind == "hook" and rest else "no token on record"


def _decided(decision: Decision) -> Entry:
    legs = [part["exchange"] for part in (decision.explanation or {}).get("parts", ())]
    if len(legs) > 1 and not decision.reason_code:
        text = f"{decision.source}: {', '.join(legs)}. {decision.warning}"
        return Entry(decision.decided_at, Tone.OK, f"Split over {len(legs)} exchanges", "", text.strip())
    if not decision.exchange and not decision.reason_code:
        text = f"{decision.method}: its slices are routed when they are due"
        return Entry(decision.decided_at, Tone.OK, "Planned over time", "", f"{text}. {decision.warning}".strip())
    if not decision.exchange:
        return Entry(decision.decided_at, Tone.OFF, "Denied", decision.reason_code, decision.detail)
    how = " ".join(filter(None, (decision.mode, decision.method)))
    text = f"{decision.source} → {decision.primary}; chosen {decision.exchange} ({how})"
    tone = Tone.WATCH if decision.warning or decision.exchange != decision.primary else Tone.OK
    return Entry(decision.decided_at, tone, f"Routed to {decision.exchange}", "", f"{text}. {decision.warning}".strip())


def order_entries(order: Order, *, named: bool) -> list[Entry]:
    """The moves and fills of one order. `named`: say which attempt, because there are several."""
    about = f"Attempt {order.attempt} at {order.exchange_id}: " if named else ""
    entries = [_moved(event, about) for event in order.events.all()]
    entries += [_filled(fill, order, about) for fill in order.fills.all()]
    if order.cancel_requested_at is not None:
        entries.append(
            Entry(
                order.cancel_requested_at, Tone.OFF, f"{about}Cancel requested", order.cancel_code, order.cancel_reason
            )
        )
    return entries


def _moved(event: OrderEvent, about: str) -> Entry:
    title, tone = _TITLES.get(event.new_status, (event.new_status, Tone.BUSY))
    if event.old_status == event.new_status:
        title = "Looked up" if event.new_status in (OrderStatus.UNKNOWN, OrderStatus.NEEDS_ATTENTION) else "Updated"
    return Entry(event.at, tone, f"{about}{title}", event.reason_code, event.detail)


def _filled(fill: Fill, order: Order, about: str) -> Entry:
    quote = order.symbol.partition("/")[2]
    paid = f", fee {amount(fill.fee)} {fill.fee_asset}" if fill.fee else ""
    return Entry(
        fill.at,
        Tone.OK,
        f"{about}Fill {amount(fill.amount)} at {money(fill.price)} {quote}",
        detail=f"trade {fill.trade_id}{paid}",
    )
