"""Trades over two exchanges as they stand: their orders with what these were filled with, and the page of one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from execution.domain.arbitrage_trade import Result, Step, StepKind, TradeState, result_of
from execution.domain.orders import Side, SignalStatus
from execution.models import ArbitrageStep, ArbitrageTrade, Fill, Signal
from execution.selectors.timeline import Entry, in_order
from policies.display.words import Tone

_KINDS = {
    StepKind.FIRST: "First order",
    StepKind.SECOND: "Second order",
    StepKind.COMPLETE: "Completing",
    StepKind.UNWIND: "Trading back",
}
_MOVES = {
    TradeState.FIRST: ("Begun", Tone.BUSY),
    TradeState.SECOND: ("Second order", Tone.BUSY),
    TradeState.REPAIR: ("Trading the rest", Tone.WATCH),
    TradeState.HELD: ("A person decides", Tone.ACT),
    TradeState.DONE: ("Done", Tone.OK),
    TradeState.NOTHING: ("Nothing was traded", Tone.OFF),
    TradeState.ACCEPTED: ("Accepted as a position", Tone.OFF),
}


@dataclass(frozen=True, slots=True)
class StepShown:
    """One order for people. average: quote units, before fees; None: nothing was filled. fees: with their assets."""

    title: str
    signal: Signal
    average: Decimal | None
    fees: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class TradeShown:
    """A trade for people, as it is now. The result counts what orders under way have got so far."""

    steps: tuple[StepShown, ...]
    timeline: tuple[Entry, ...]
    result: Result


def steps_of(trades: Sequence[ArbitrageTrade]) -> dict[UUID, list[Step]]:
    """The orders of these trades as they are now. Two queries."""
    rows = _rows(trades)
    fills = _fills(rows)
    found: dict[UUID, list[Step]] = {trade.pk: [] for trade in trades}
    for row in rows:
        found[row.trade_id].append(_step(row, fills.get(row.signal_id, [])))
    return found


def trade_page(trade: ArbitrageTrade) -> TradeShown:
    """What the page of a trade shows. Three queries."""
    rows = _rows([trade])
    fills = _fills(rows)
    steps = [_step(row, fills.get(row.signal_id, [])) for row in rows]
    entries = []
    for event in trade.events.all():
        title, tone = _MOVES[TradeState(event.state)]
        detail = f"{event.by}: {event.detail}" if event.by and event.detail else event.by or event.detail
        entries.append(Entry(event.at, tone, title, event.reason_code, detail))
    return TradeShown(
        tuple(_shown(row, fills.get(row.signal_id, [])) for row in rows), tuple(in_order(entries)), result_of(steps)
    )


def _shown(row: ArbitrageStep, fills: Sequence[Fill]) -> StepShown:
    signal, fees = row.signal, dict[str, Decimal]()
    for fill in fills:
        if fill.fee:
            fees[fill.fee_asset] = fees.get(fill.fee_asset, Decimal(0)) + fill.fee
    average = signal.filled_notional / signal.filled_amount if signal.filled_amount else None
    return StepShown(_KINDS[StepKind(row.kind)], signal, average, tuple(sorted(fees.items())))


def _rows(trades: Sequence[ArbitrageTrade]) -> list[ArbitrageStep]:
    rows = ArbitrageStep.objects.filter(trade__in=trades).select_related("signal")
    return list(rows.order_by("trade_id", "number"))


def _fills(rows: Sequence[ArbitrageStep]) -> dict[UUID, list[Fill]]:
    found: dict[UUID, list[Fill]] = {}
    for fill in Fill.objects.filter(order__signal__in=[row.signal_id for row in rows]).select_related("order"):
        found.setdefault(fill.order.signal_id, []).append(fill)
    return found


def _step(row: ArbitrageStep, fills: Iterable[Fill]) -> Step:
    signal = row.signal
    base, _, quote = signal.symbol.partition("/")
    fees = {base: Decimal(0), quote: Decimal(0)}
    known = True
    for fill in fills:
        if fill.fee_asset in fees:
            fees[fill.fee_asset] += fill.fee
        else:
            known = False
    assert signal.amount is not None
    return Step(
        kind=StepKind(row.kind),
        side=Side(signal.side),
        exchange=signal.requested_exchange,
        amount=signal.amount,
        status=SignalStatus(signal.status) if signal.final_at is not None else None,
        code=signal.reason_code,
        detail=signal.reason_detail,
        filled=signal.filled_amount,
        notional=signal.filled_notional,
        base_fee=fees[base],
        quote_fee=fees[quote],
        fees_known=known,
        ended_at=signal.final_at,
    )
