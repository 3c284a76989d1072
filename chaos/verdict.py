"""From evidence to findings: every way in which the platform and the exchanges may disagree, and promises broken.

Pure: it reads nothing. An empty list means that every invariant held.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from chaos.evidence import Evidence, OrderFacts, Placement, SignalFacts
from execution.domain.orders import FINAL, NEVER_PLACED, SIGNAL_FINAL, TRANSITIONS, OrderStatus, SignalStatus

FINAL_WITHIN_S = 60.0
UNKNOWN_WITHIN_S = 120.0
TELLS_NO_PRICES = frozenset({"firi"})
"""Exchanges that tell no execution prices: fills are booked at the limit, so only base amounts can be compared."""

TELLS_NO_FEES = frozenset({"alpaca"})
"""Exchanges that tell a fee neither with the order nor with its executions: ours are without."""

_BASES = frozenset({"BTC", "ETH", "SOL"})


class Invariant(StrEnum):
    """What must hold."""

    ONCE = "I1 no order is placed twice"
    NOT_LOST = "I2 no accepted signal is lost"
    IN_TIME = "I2 all final within 60 s, unknown at most 120 s"
    NOT_GUESSED = "I3 unknown is never guessed"
    FAILOVER = "I4 failover only from proved not placed"
    IDEMPOTENT = "I5 one key is one signal"
    WITHIN_PARENT = "I7 children never exceed the parent"
    LEGAL = "I8 only legal moves, each on record"
    BOOKS = "I9 our books equal the exchanges', to the last unit"
    INTENT_FIRST = "I14 nothing is sent without a committed intent"
    NO_FALSE_ALARM = "I18 no orphan, break or halt is reported that is none"


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation. orders: ids of the orders to show with it."""

    invariant: Invariant
    text: str
    orders: tuple[str, ...] = ()


@dataclass(slots=True)
class Verdict:
    """All findings, and figures for the table."""

    findings: list[Finding] = field(default_factory=list)
    checked: dict[Invariant, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def count(self, invariant: Invariant) -> int:
        """Violations of one invariant."""
        return sum(finding.invariant == invariant for finding in self.findings)


def judge(evidence: Evidence) -> Verdict:
    """Check every invariant."""
    verdict = Verdict()
    for check in _CHECKS:
        verdict.findings += check(evidence, verdict)
    return verdict


Check = Callable[[Evidence, Verdict], Iterable[Finding]]


def _placed_once(evidence: Evidence, verdict: Verdict) -> Iterator[Finding]:
    """An order once, and of all orders of a signal only one, over all exchanges."""
    by_order: dict[str, int] = defaultdict(int)
    by_signal: dict[str, list[Placement]] = defaultdict(list)
    for placement in evidence.placements:
        order = evidence.order_of(placement)
        if order is not None:
            by_order[order.id] += 1
            by_signal[order.signal_id].append(placement)
    verdict.checked[Invariant.ONCE] = (
        f"{len(evidence.placements):,} placements of {len(by_order):,} orders, of {len(by_signal):,} signals"
    )
    for order_id, count in by_order.items():
        if count > 1:
            yield Finding(Invariant.ONCE, f"order {order_id} was placed {count} times", (order_id,))
    for signal_id, placements in by_signal.items():
        orders = {order.id for p in placements if (order := evidence.order_of(p)) is not None}
        if len(orders) > 1:
            places = ", ".join(f"{p.exchange} {p.status} {p.filled}" for p in placements)
            text = f"signal {signal_id} was placed {len(placements)} times: {places}"
            yield Finding(Invariant.ONCE, text, tuple(sorted(orders)))


def _nothing_lost(evidence: Evidence, verdict: Verdict) -> Iterator[Finding]:
    verdict.checked[Invariant.NOT_LOST] = f"{len(evidence.accepted):,} accepted, {len(evidence.signals):,} stored"
    for key, signal_id in evidence.accepted.items():
        if signal_id not in evidence.signals:
            yield Finding(Invariant.NOT_LOST, f"{key} was accepted as {signal_id}, which does not exist")
    orders = _orders_by_signal(evidence)
    for signal in evidence.signals.values():
        mine = tuple(order.id for order in orders[signal.id])
        if SignalStatus(signal.status) not in SIGNAL_FINAL:
            yield Finding(Invariant.NOT_LOST, f"signal {signal.key} is still {signal.status}", mine)
        elif signal.status != SignalStatus.FILLED and not signal.code:
            yield Finding(Invariant.NOT_LOST, f"signal {signal.key} is {signal.status} without a reason", mine)
    for order in evidence.orders.values():
        if OrderStatus(order.status) not in FINAL:
            yield Finding(Invariant.NOT_LOST, f"order {order.id} is still {order.status}", (order.id,))


def _in_time(evidence: Evidence, verdict: Verdict) -> Iterator[Finding]:
    doubts = {order.id: _longest_doubt_s(order) for order in evidence.orders.values()}
    longest = max(doubts.values(), default=0.0)
    doubted = {s for order in evidence.orders.values() if doubts[order.id] for s in _line(evidence, order.signal_id)}
    # What was unknown has to outlive its validity at the exchange first, a minute and more at some.
    last = _last_end_s(evidence, [s for s in evidence.signals.values() if s.id not in doubted])
    last_doubted = _last_end_s(evidence, [s for s in evidence.signals.values() if s.id in doubted])
    in_doubt = sum(seconds > 0 for seconds in doubts.values())
    verdict.checked[Invariant.IN_TIME] = (
        f"all final {last:.0f} s after the last fault, those once unknown {last_doubted:.0f} s; "
        f"{in_doubt:,} orders unknown, the longest {longest:.0f} s"
    )
    if last > FINAL_WITHIN_S:
        yield Finding(Invariant.IN_TIME, f"the last signal ended {last:.0f} s after the last fault")
    if last_doubted > UNKNOWN_WITHIN_S:
        yield Finding(Invariant.IN_TIME, f"the last unknown order's signal ended {last_doubted:.0f} s after that")
    for key in evidence.never_accepted:
        yield Finding(Invariant.IN_TIME, f"{key} was still not accepted {FINAL_WITHIN_S:.0f} s after the last fault")
    for order_id, seconds in doubts.items():
        if seconds > UNKNOWN_WITHIN_S:
            yield Finding(Invariant.IN_TIME, f"order {order_id} was unknown for {seconds:.0f} s", (order_id,))


def _last_end_s(evidence: Evidence, signals: Iterable[SignalFacts]) -> float:
    """How long after the last fault the last of these ended, in seconds."""
    ends = [signal.final_at for signal in signals if signal.final_at is not None]
    if evidence.mended_at is None or not ends:
        return 0.0
    return max(0.0, (max(ends) - evidence.mended_at).total_seconds())


def _longest_doubt_s(order: OrderFacts) -> float:
    began: datetime | None = None
    for event in order.events:
        doubtful = event.new in {OrderStatus.UNKNOWN, OrderStatus.NEEDS_ATTENTION}
        if doubtful and began is None:
            began = event.at
        elif not doubtful and began is not None:
            return (event.at - began).total_seconds()
    return 0.0


def _never_guessed(evidence: Evidence, verdict: Verdict) -> Iterator[Finding]:
    """What we call not placed is not there, and was not called so before the exchange had to refuse it."""
    placed = {order.id for p in evidence.placements if (order := evidence.order_of(p)) is not None}
    concluded = [order for order in evidence.orders.values() if order.status in NEVER_PLACED]
    verdict.checked[Invariant.NOT_GUESSED] = f"{len(concluded):,} orders called not placed or rejected"
    for order in concluded:
        if order.id in placed:
            yield Finding(
                Invariant.NOT_GUESSED, f"order {order.id} is {order.status} here and placed there", (order.id,)
            )
        for event in order.events:
            early = order.valid_until is not None and event.at < order.valid_until
            if event.old == OrderStatus.UNKNOWN and event.new == OrderStatus.NOT_PLACED and early:
                text = f"order {order.id} was called not placed while the exchange could still accept it"
                yield Finding(Invariant.NOT_GUESSED, text, (order.id,))


def _failover(evidence: Evidence, verdict: Verdict) -> Iterator[Finding]:
    moved = 0
    for orders in _orders_by_signal(evidence).values():
        for earlier, later in zip(orders, orders[1:], strict=False):
            moved += 1
            proved = earlier.status in NEVER_PLACED and earlier.final_at is not None
            if not proved or (later.created_at is not None and later.created_at < earlier.final_at):  # type: ignore[operator]
                text = f"order {later.id} was made while {earlier.id} was not proved not placed"
                yield Finding(Invariant.FAILOVER, text, (earlier.id, later.id))
    verdict.checked[Invariant.FAILOVER] = f"{moved:,} further attempts"


def _idempotent(evidence: Evidence, verdict: Verdict) -> Iterator[Finding]:
    verdict.checked[Invariant.IDEMPOTENT] = f"{len(evidence.signals):,} keys"
    for text in evidence.broken:
        yield Finding(Invariant.IDEMPOTENT, text)
    seen: dict[tuple[int, str], str] = {}
    for signal in evidence.signals.values():
        other = seen.setdefault((signal.user_id, signal.key), signal.id)
        if other != signal.id:
            yield Finding(Invariant.IDEMPOTENT, f"{signal.key} is stored as {other} and {signal.id}")


def _within_parent(evidence: Evidence, verdict: Verdict) -> Iterator[Finding]:
    sent: dict[str, Decimal] = defaultdict(Decimal)
    involved: dict[str, set[str]] = defaultdict(set)
    for placement in evidence.placements:
        order = evidence.order_of(placement)
        if order is not None:
            sent[order.signal_id] += placement.amount
            involved[order.signal_id].add(order.id)
            if placement.amount > order.amount or placement.filled > order.amount:
                text = f"{order.exchange} has {placement.amount} of order {order.id}, which is for {order.amount}"
                yield Finding(Invariant.WITHIN_PARENT, text, (order.id,))
    verdict.checked[Invariant.WITHIN_PARENT] = f"{len(sent):,} signals with placements"
    for signal_id, amount in sent.items():
        signal = evidence.signals.get(signal_id)
        if signal is not None and signal.amount is not None and amount > signal.amount:
            text = f"{amount} was placed for signal {signal.key}, which is for {signal.amount}"
            yield Finding(Invariant.WITHIN_PARENT, text, tuple(sorted(involved[signal_id])))


def _parts_within_whole(evidence: Evidence, verdict: Verdict) -> Iterator[Finding]:
    """What all parts of a signal were filled with, and whether the signal says the same."""
    there: dict[str, Decimal] = defaultdict(Decimal)
    for placement in evidence.placements:
        order = evidence.order_of(placement)
        if order is not None:
            there[_line(evidence, order.signal_id)[-1]] += placement.filled
    ours: dict[str, Decimal] = defaultdict(Decimal)
    for part in evidence.signals.values():
        if part.parent:
            ours[part.parent] += part.filled
    verdict.checked[Invariant.WITHIN_PARENT] += f", {len(ours):,} of them in parts"
    for signal_id, filled in ours.items():
        signal = evidence.signals[signal_id]
        if signal.filled != filled:
            yield Finding(Invariant.WITHIN_PARENT, f"signal {signal.key} says {signal.filled}, its parts say {filled}")
        if not signal.parent and signal.amount is not None and there[signal_id] > signal.amount:
            text = f"the parts of signal {signal.key} were filled with {there[signal_id]} of {signal.amount}"
            yield Finding(Invariant.WITHIN_PARENT, text)


def _line(evidence: Evidence, signal_id: str) -> list[str]:
    """A signal and those it is a part of; the whole comes last."""
    signal = evidence.signals.get(signal_id)
    return [signal_id, *(_line(evidence, signal.parent) if signal is not None and signal.parent else ())]


def _legal(evidence: Evidence, verdict: Verdict) -> Iterator[Finding]:
    count = 0
    for order in evidence.orders.values():
        state = ""
        for event in order.events:
            count += 1
            first = state == "" and event.new in {OrderStatus.QUEUED, OrderStatus.SUBMITTING}
            same = event.old == event.new
            allowed = first or (state != "" and (same or event.new in TRANSITIONS[OrderStatus(event.old)]))
            if event.old != state or not allowed:
                text = f"order {order.id} moved {event.old or 'new'} → {event.new} from {state or 'nothing'}"
                yield Finding(Invariant.LEGAL, text, (order.id,))
            state = event.new
        if state != order.status:
            text = f"order {order.id} is {order.status}; its history ends with {state or 'nothing'}"
            yield Finding(Invariant.LEGAL, text, (order.id,))
    verdict.checked[Invariant.LEGAL] = f"{count:,} events"


def _same_books(evidence: Evidence, verdict: Verdict) -> Iterator[Finding]:
    trades = 0
    there: set[str] = set()
    for placement in evidence.placements:
        order = evidence.order_of(placement)
        if order is None:
            continue
        there.add(order.id)
        trades += len(placement.trades)
        if order.filled != placement.filled:
            text = f"{order.exchange} filled {placement.filled} of order {order.id}; we have {order.filled}"
            yield Finding(Invariant.BOOKS, text, (order.id,))
        elif order.exchange not in TELLS_NO_PRICES and not _same_trades(order, placement):
            yield Finding(Invariant.BOOKS, f"the fills of order {order.id} differ from {order.exchange}'s", (order.id,))
    for order in evidence.orders.values():
        if order.id not in there and (order.filled or order.exchange_order_id):
            text = f"order {order.id} is {order.status} here and unknown to {order.exchange}"
            yield Finding(Invariant.BOOKS, text, (order.id,))
    verdict.checked[Invariant.BOOKS] = (
        f"{trades:,} executions, {len(evidence.positions):,} positions, {len(evidence.moved):,} balances"
    )
    yield from _same_sums(evidence)
    yield from _same_balances(evidence)


def _same_trades(order: OrderFacts, placement: Placement) -> bool:
    if order.exchange not in TELLS_NO_FEES:
        return dict(order.trades) == dict(placement.trades)
    return sorted(t[:2] for t in order.trades.values()) == sorted(t[:2] for t in placement.trades.values())


def _same_sums(evidence: Evidence) -> Iterator[Finding]:
    sums: dict[tuple[int, str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for order in evidence.orders.values():
        signal = evidence.signals.get(order.signal_id)
        for amount, _, _ in order.trades.values():
            sums[signal.user_id if signal else 0, order.exchange, order.symbol][order.side == "sell"] += amount
    for key in sums.keys() | evidence.positions.keys():
        ours, fills = evidence.positions.get(key, (Decimal(0), Decimal(0))), sums.get(key, [Decimal(0), Decimal(0)])
        if list(ours) != fills:
            yield Finding(Invariant.BOOKS, f"position {key}: bought, sold {ours}, its fills say {fills}")
    if evidence.fees != evidence.fill_fees:
        yield Finding(Invariant.BOOKS, f"fee totals {evidence.fees}, fees of fills {evidence.fill_fees}")


def _same_balances(evidence: Evidence) -> Iterator[Finding]:
    untold: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for placement in evidence.placements:
        if placement.exchange in TELLS_NO_FEES:
            for asset, fee in placement.fees.items():
                untold[placement.exchange, asset] += fee
    for (exchange, asset), moved in evidence.moved.items():
        ours = evidence.held.get((exchange, asset), Decimal(0)) - untold[exchange, asset]
        if moved != ours and (exchange not in TELLS_NO_PRICES or asset in _BASES):
            yield Finding(Invariant.BOOKS, f"{exchange}: accounts moved by {moved} {asset}, our positions by {ours}")


def _intent_first(evidence: Evidence, verdict: Verdict) -> Iterator[Finding]:
    strangers = [p for p in evidence.placements if evidence.order_of(p) is None]
    verdict.checked[Invariant.INTENT_FIRST] = f"{len(evidence.placements):,} placements, each with its order here"
    for p in strangers:
        text = (
            f"{p.exchange} has {p.exchange_order_id} ({p.side} {p.amount} {p.symbol}, {p.client_order_id or 'no id'})"
        )
        yield Finding(Invariant.INTENT_FIRST, f"{text}, we do not")


def _no_false_alarm(evidence: Evidence, verdict: Verdict) -> Iterator[Finding]:
    verdict.checked[Invariant.NO_FALSE_ALARM] = "orphans, book breaks, trading states"
    for text in evidence.alarms:
        yield Finding(Invariant.NO_FALSE_ALARM, text)


def _orders_by_signal(evidence: Evidence) -> dict[str, list[OrderFacts]]:
    found: dict[str, list[OrderFacts]] = defaultdict(list)
    for order in sorted(evidence.orders.values(), key=lambda order: order.attempt):
        found[order.signal_id].append(order)
    return found


_CHECKS: tuple[Check, ...] = (
    _placed_once, _nothing_lost, _in_time, _never_guessed, _failover, _idempotent, _within_parent, _parts_within_whole,
    _legal, _same_books, _intent_first, _no_false_alarm,
)  # fmt: skip
