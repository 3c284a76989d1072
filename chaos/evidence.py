"""What both sides say after the quiet: the exchanges' ledgers and accounts, and our database, as plain values."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from execution.simulator.client import SimulatorControl


@dataclass(frozen=True, slots=True)
class Event:
    """One row of an order's history."""

    at: datetime
    old: str
    new: str
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order as our database has it; `id` is also the client order id. trades: id -> (amount, price, fee)."""

    id: str
    signal_id: str
    exchange: str
    symbol: str
    side: str
    status: str
    amount: Decimal
    filled: Decimal
    exchange_order_id: str = ""
    attempt: int = 1
    created_at: datetime | None = None
    valid_until: datetime | None = None
    final_at: datetime | None = None
    events: tuple[Event, ...] = ()
    trades: Mapping[str, tuple[Decimal, Decimal, Decimal]] = field(default_factory=dict)
    code: str = ""


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """A signal as our database has it."""

    id: str
    user_id: int
    key: str
    status: str
    code: str
    amount: Decimal | None
    final_at: datetime | None = None
    filled: Decimal = Decimal(0)
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Placement:
    """An order that an exchange really has."""

    exchange: str
    exchange_order_id: str
    client_order_id: str
    symbol: str
    side: str
    status: str
    amount: Decimal
    filled: Decimal
    placed_at: datetime
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    trades: Mapping[str, tuple[Decimal, Decimal, Decimal]] = field(default_factory=dict)


PositionKey = tuple[int, str, str]
"""User id, exchange, pair."""


@dataclass(slots=True)
class Evidence:
    """Everything a verdict needs.

    positions: bought and sold base units per key. moved, held: change of all accounts' totals, and of what our
    positions say they hold, per (exchange, asset). accepted: key -> signal id as clients were told. broken: answers
    that contradict each other. mended_at: when the last fault was over. alarms: what the platform itself reports that
    nobody has caused: orders it cannot explain, balances that differ, halts. never_accepted: keys whose clients gave up
    a minute after the last fault.
    """

    signals: dict[str, SignalFacts] = field(default_factory=dict)
    orders: dict[str, OrderFacts] = field(default_factory=dict)
    placements: list[Placement] = field(default_factory=list)
    positions: dict[PositionKey, tuple[Decimal, Decimal]] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)
    fill_fees: dict[str, Decimal] = field(default_factory=dict)
    moved: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    held: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    accepted: Mapping[str, str] = field(default_factory=dict)
    broken: Sequence[str] = ()
    mended_at: datetime | None = None
    alarms: Sequence[str] = ()
    never_accepted: Sequence[str] = ()

    def order_of(self, placement: Placement) -> OrderFacts | None:
        """Our order behind a placement: by our id, else by the exchange's."""
        found = self.orders.get(placement.client_order_id)
        return found or self._by_exchange_id().get((placement.exchange, placement.exchange_order_id))

    def _by_exchange_id(self) -> Mapping[tuple[str, str], OrderFacts]:
        if not self._index:
            self._index.update(
                {(o.exchange, o.exchange_order_id): o for o in self.orders.values() if o.exchange_order_id}
            )
        return self._index

    _index: dict[tuple[str, str], OrderFacts] = field(default_factory=dict)


def gather(
    control: SimulatorControl,
    exchanges: Iterable[str],
    began: Mapping[tuple[str, str], Decimal],
) -> Evidence:
    """Read both sides. began: what all accounts held at the start, per (exchange, asset)."""
    evidence = Evidence()
    totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for exchange in exchanges:
        evidence.placements += [_placement(entry) for entry in control.ledger(exchange)]
        for account in control.accounts(exchange):
            for asset, balance in account["balances"].items():
                totals[exchange, asset] += Decimal(balance["total"])
    # After the ledgers: what they have, we must have had before.
    _read_signals(evidence)
    _read_orders(evidence)
    _read_sums(evidence)
    evidence.alarms = _alarms()
    evidence.moved = {key: total - began.get(key, Decimal(0)) for key, total in totals.items()}
    return evidence


def _placement(entry: Mapping[str, Any]) -> Placement:
    return Placement(
        exchange=entry["exchange"],
        exchange_order_id=entry["exchange_order_id"],
        client_order_id=(entry["client_order_id"] or "").replace("-", ""),
        symbol=entry["symbol"],
        side=entry["side"],
        status=entry["status"],
        amount=Decimal(entry["amount"]),
        filled=Decimal(entry["filled"]),
        placed_at=datetime.fromisoformat(entry["placed_at"]),
        fees={asset: Decimal(fee) for asset, fee in entry["fees"].items()},
        trades={t["id"]: (Decimal(t["amount"]), Decimal(t["price"]), Decimal(t["fee"])) for t in entry["trades"]},
    )


def _read_signals(evidence: Evidence) -> None:
    from execution.models import Signal

    columns = ("id", "user_id", "idempotency_key", "status", "reason_code", "amount", "final_at", "filled_amount")
    for row in Signal.objects.values_list(*columns, "parent_id").iterator():
        signal = SignalFacts(str(row[0]), *row[1:-1])
        evidence.signals[signal.id] = replace(signal, parent=str(row[-1] or ""))


def _read_orders(evidence: Evidence) -> None:
    from execution.models import Fill, Order, OrderEvent

    events: dict[Any, list[Event]] = defaultdict(list)
    columns = ("order_id", "at", "old_status", "new_status", "reason_code", "detail")
    for order_id, *rest in OrderEvent.objects.order_by("id").values_list(*columns).iterator():
        events[order_id].append(Event(*rest))
    trades: dict[Any, dict[str, tuple[Decimal, Decimal, Decimal]]] = defaultdict(dict)
    for order_id, trade_id, amount, price, fee in Fill.objects.values_list(
        "order_id", "trade_id", "amount", "price", "fee"
    ).iterator():
        trades[order_id][trade_id] = (amount, price, fee)
    for order in Order.objects.iterator():
        evidence.orders[order.id.hex] = OrderFacts(
            id=order.id.hex,
            signal_id=str(order.signal_id),
            exchange=order.exchange_id,
            symbol=order.symbol,
            side=order.side,
            status=order.status,
            amount=order.amount,
            filled=order.filled_amount,
            exchange_order_id=order.exchange_order_id,
            attempt=order.attempt,
            created_at=order.created_at,
            valid_until=order.valid_until,
            final_at=order.final_at,
            events=tuple(events[order.id]),
            trades=trades[order.id],
            code=order.reason_code,
        )


def _read_sums(evidence: Evidence) -> None:
    from django.db.models import Sum

    from execution.models import FeeTotal, Fill, Position

    held: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in Position.objects.all():
        evidence.positions[row.user_id, row.exchange_id, row.symbol] = (row.bought_amount, row.sold_amount)
        base, _, quote = row.symbol.partition("/")
        held[row.exchange_id, base] += row.amount
        held[row.exchange_id, quote] += row.sold_notional - row.bought_notional - row.quote_fees
    evidence.held = dict(held)
    fees = FeeTotal.objects.values_list("asset").annotate(total=Sum("amount"))
    evidence.fees = {asset: total for asset, total in fees if total}
    charged = Fill.objects.values_list("fee_asset").annotate(total=Sum("fee"))
    evidence.fill_fees = {asset: total for asset, total in charged if total}


def _alarms() -> list[str]:
    from execution.models import BookBreak, Orphan
    from policies.models import TradingState

    found = [f"orphan {row.exchange_id} {row.exchange_order_id}" for row in Orphan.objects.filter(order=None)]
    confirmed = BookBreak.objects.filter(confirmed_at__isnull=False)
    found += [f"{row.exchange_id} {row.asset}: expected {row.expected}, held {row.actual}" for row in confirmed]
    halted = TradingState.objects.exclude(status="active")
    return found + [f"{row.scope} {row.target} is {row.status}: {row.reason}" for row in halted]
