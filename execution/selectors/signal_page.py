"""Everything the page of one signal tells: the outcome in a sentence, why, and why not elsewhere."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, Q

from execution.domain.orders import OrderStatus, SignalStatus
from execution.models import Decision, Order, Signal
from execution.selectors.costs import CostPanel, cost_panel, parts_cost
from execution.selectors.timeline import Entry, signal_timeline
from policies.display.formats import amount, money
from policies.domain.numbers import plain
from policies.domain.reasons import MANUAL, ReasonCode
from policies.domain.reasons import Entry as ManualEntry

# Clients put whatever they like into `details`; what is named like a secret is not shown.
_SECRET_NAME = re.compile(r"key|secret|pass|token|auth|signature|credential", re.IGNORECASE)
_REMOVED = "[removed]"
_DOUBTFUL = (OrderStatus.UNKNOWN, OrderStatus.NEEDS_ATTENTION)


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """One exchange of the chain in a decision."""

    exchange: str
    code: str
    sentence: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class DecisionTable:
    """One decision with its candidates in chain order."""

    decision: Decision
    rows: tuple[CandidateRow, ...]


@dataclass(frozen=True, slots=True)
class SignalPage:
    """What the page shows."""

    sentence: str
    manual: ManualEntry | None
    timeline: list[Entry]
    decisions: list[DecisionTable]
    orders: list[Order]
    request_json: str
    doubtful: Order | None
    costs: CostPanel | None
    parts: list[Signal]
    whole: Signal | None


def read_signal_page(signal: Signal) -> SignalPage:
    """Six queries."""
    decisions = list(signal.decisions.all())
    orders = list(
        signal.orders.select_related("user", "credential", "cost")
        .defer("credential__ciphertext")
        .prefetch_related("events", Prefetch("fills"))
        .order_by("attempt")
    )
    parts = list(signal.parts.order_by("part")) if signal.parts_made else []
    return SignalPage(
        sentence=_parts_sentence(signal, parts) or signal_sentence(signal, orders),
        manual=manual_entry(signal.reason_code),
        timeline=signal_timeline(signal, decisions, orders, parts),
        decisions=[_table(decision) for decision in decisions],
        orders=orders,
        request_json=json.dumps(request_body(signal), indent=2),
        doubtful=_doubtful_part(parts) or next((order for order in orders if order.status in _DOUBTFUL), None),
        parts=parts,
        whole=signal.parent,
        costs=cost_panel(orders) if orders else parts_cost(signal, decisions),
    )


def _doubtful_part(parts: list[Signal]) -> Order | None:
    under_way = [part.pk for part in parts if part.final_at is None]
    if not under_way:
        return None
    orders = Order.objects.select_related("signal").filter(status__in=_DOUBTFUL)
    return orders.filter(Q(signal__in=under_way) | Q(signal__parent__in=under_way)).first()


def _parts_sentence(signal: Signal, parts: list[Signal]) -> str:
    """How far a signal in parts is, while it is under way."""
    if not parts or signal.final_at is not None:
        return ""
    base = signal.symbol.partition("/")[0]
    ended = sum(part.final_at is not None for part in parts)
    return f"{ended} of {len(parts)} parts have ended; {amount(signal.filled_amount)} {base} traded so far."


def manual_entry(code: str) -> ManualEntry | None:
    """The manual's entry for a code of ours."""
    return MANUAL.get(ReasonCode(code)) if code in ReasonCode.__members__ else None


def signal_sentence(signal: Signal, orders: list[Order]) -> str:
    """What became of the signal, in one sentence."""
    doubtful = next((order for order in orders if order.status in _DOUBTFUL), None)
    if doubtful is not None:
        return (
            f"The order was sent to {doubtful.exchange_id} and what became of it is not known: it may be live there. "
            "It is looked up until that is settled, and not sent again meanwhile."
        )
    if signal.reason_detail:
        return signal.reason_detail
    entry = manual_entry(signal.reason_code)
    if entry is not None:
        return entry.meaning
    base, _, quote = signal.symbol.partition("/")
    if signal.status in {SignalStatus.FILLED, SignalStatus.PARTIAL_FILL} and signal.filled_amount:
        price = signal.filled_notional / signal.filled_amount
        fees = _fees(orders)
        paid = f", fees {fees}" if fees else ""
        where = f"on {signal.exchange_id}" if signal.exchange_id else f"in {signal.parts_made} parts"
        return f"{amount(signal.filled_amount)} {base} at {money(price)} {quote} on average {where}{paid}."
    return _PROGRESS.get(SignalStatus(signal.status), "")


_PROGRESS = {
    SignalStatus.PENDING: "Received; waits for a worker to route it.",
    SignalStatus.ROUTING: "A worker is deciding where it goes.",
    SignalStatus.QUEUED: "Routed; its order waits to be sent.",
    SignalStatus.EXECUTING: "Its order is at the exchange, or on the way there.",
}


def _fees(orders: list[Order]) -> str:
    totals: dict[str, Any] = {}
    for order in orders:
        for fill in order.fills.all():
            if fill.fee:
                totals[fill.fee_asset] = totals.get(fill.fee_asset, 0) + fill.fee
    return ", ".join(f"{amount(total)} {asset}" for asset, total in sorted(totals.items()))


def _table(decision: Decision) -> DecisionTable:
    return DecisionTable(decision, candidate_rows(decision.candidates, decision.exchange))


def candidate_rows(candidates: Iterable[Mapping[str, Any]], chosen: str) -> tuple[CandidateRow, ...]:
    """Every exchange with its answer in words. chosen: the exchange that got the whole order, if one did."""
    return tuple(
        CandidateRow(
            exchange=str(row.get("exchange", "")),
            code=str(row.get("code", "")),
            sentence=_candidate_sentence(row),
            chosen=bool(chosen) and row.get("exchange") == chosen,
        )
        for row in candidates
    )


def _candidate_sentence(row: Mapping[str, Any]) -> str:
    entry = manual_entry(str(row.get("code", "")))
    sentence = str(row.get("detail") or (entry.meaning if entry else ""))
    inputs = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in sorted(row.get("inputs", {}).items()))
    return f"{sentence} ({inputs})".strip() if inputs else sentence


_ASKED = (("slices", "slices"), ("horizon_s", "horizon_s"), ("display", "display_amount"))


def request_body(signal: Signal) -> dict[str, Any]:
    """What the client sent, as it was stored, without what looks like a secret."""
    numbers = {
        "amount": signal.amount,
        "notional": signal.notional,
        "limit_price": signal.limit_price,
        "max_slippage_bps": signal.max_slippage_bps,
    }
    words = {
        "strategy_id": signal.strategy_id,
        "exchange": signal.requested_exchange,
        "signal_type": signal.signal_type,
        "order_type": signal.order_type,
        "time_in_force": signal.time_in_force,
        "mode": signal.requested_mode,
        "execution_method": signal.execution_method,
    }
    asked = signal.schedule if signal.execution_method and signal.schedule else {}
    return {
        "symbol": signal.symbol,
        "side": signal.side,
        **{name: plain(value) for name, value in numbers.items() if value is not None},
        **{name: value for name, value in words.items() if value},
        **{field: asked[name] for name, field in _ASKED if name in asked},
        **without_secrets(signal.extra),
    }


def without_secrets(value: Any) -> Any:
    """The same structure with the value of everything that is named like a secret removed."""
    if isinstance(value, dict):
        return {
            key: _REMOVED if _SECRET_NAME.search(str(key)) else without_secrets(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value


def as_api_call(signal: Signal, url: str) -> str:
    """The signal as a command line that would submit it again, with a key and a token to be filled in."""
    body = json.dumps(request_body(signal))
    return (
        f"curl -X POST {shlex.quote(url)} \\\n"
        "  -H 'Authorization: Token YOUR_TOKEN' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        "  -H 'Idempotency-Key: NEW_KEY' \\\n"
        f"  -d {shlex.quote(body)}"
    )
