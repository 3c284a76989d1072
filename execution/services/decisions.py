"""Storing what was decided for a batch of signals: decision rows, orders, and the signals' new state."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import transaction

from execution.domain.fees import FeeRate
from execution.domain.ids import order_id
from execution.domain.orders import OrderStatus, OrderType, SignalStatus, TimeInForce
from execution.domain.parts import MAX_PARTS, end_status
from execution.services.claims import ClaimedSignal, WorkingOrder
from execution.services.parts import NewPart as NewPart
from execution.services.parts import Planned, insert_parts, settle, total
from execution.services.sql import as_rows, execute, fetch, names_of, recordset
from policies.domain.numbers import plain
from policies.domain.policy import Mode
from policies.domain.reasons import Denial, ReasonCode
from policies.domain.routing import Candidate


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to be made for a signal. With `send_now` it is stored as already claimed by this worker.

    arrival_mid, fees: what its costs are measured against later; None: unknown.
    """

    exchange: str
    credential_id: str | None
    mode: Mode
    order_type: OrderType
    time_in_force: TimeInForce
    amount: Decimal
    price: Decimal | None
    reference_price: Decimal
    exclusive: bool
    send_now: bool
    arrival_mid: Decimal | None = None
    fees: FeeRate | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision about one claimed signal: an order, or parts, or a denial.

    schedule, expires_at: of a signal that is traded over time, once that is decided. waits_until: a slice that was
    denied for what may pass: it is asked about again then, and keeps the denial as the reason why it waits.
    router, explanation: the version of the rules that chose, and what they chose from, as JSON text; empty: none.
    """

    signal: ClaimedSignal
    policy_version: int
    source: str = ""
    primary: str = ""
    ordering: str = ""
    method: str = ""
    warning: str = ""
    candidates: tuple[Candidate, ...] = ()
    order: NewOrder | None = None
    denial: Denial | None = None
    final_status: SignalStatus = SignalStatus.DENIED
    took_us: int = 0
    parts: tuple[NewPart, ...] = ()
    schedule: Mapping[str, Any] | None = None
    expires_at: datetime | None = None
    router: str = ""
    explanation: str = ""
    waits_until: datetime | None = None


_MOVED = (
    "id uuid, claimed_until timestamptz, status text, attempt int, exchange text, code text, detail text, "
    "final_at timestamptz, parts int, allotted numeric, schedule text, expires_at timestamptz, "
    "due_at timestamptz"
)
_MOVE_SIGNALS = f"""
UPDATE execution_signal s
SET status = v.status, attempt = v.attempt, exchange_id = v.exchange, reason_code = v.code, reason_detail = v.detail,
    claimed_until = NULL, final_at = v.final_at, parts_made = s.parts_made + v.parts,
    allocated_amount = s.allocated_amount + v.allotted, schedule = COALESCE(v.schedule::jsonb, s.schedule),
    expires_at = COALESCE(v.expires_at, s.expires_at), due_at = COALESCE(v.due_at, s.due_at),
    tried = CASE WHEN v.due_at IS NULL THEN s.tried ELSE '{{}}' END
FROM {recordset(_MOVED)}
WHERE s.id = v.id AND s.status = 'routing' AND s.claimed_until = v.claimed_until
  AND (v.final_at IS NOT NULL OR s.cancel_requested_at IS NULL)
RETURNING s.id
"""
_CANCEL_WITHDRAWN = """
UPDATE execution_signal
SET status = CASE WHEN filled_amount > 0 THEN 'partial_fill' ELSE 'cancelled' END,
    reason_code = 'CANCELLED_BY_CLIENT', claimed_until = NULL, final_at = %(now)s,
    reason_detail = CASE WHEN parts_made > 0 THEN 'Cancelled; its parts have ended. Nothing more was sent.'
                         ELSE 'Cancelled before it was routed. Nothing was sent.' END
WHERE id = ANY(%(ids)s::uuid[]) AND status = 'routing' AND cancel_requested_at IS NOT NULL
"""
_DECISION = (
    'signal_id uuid, attempt int, policy_version bigint, source text, "primary" text, exchange text, ordering text, '
    "method text, mode text, code text, detail text, warning text, candidates int, took_us int, "
    "router text, explanation int"
)
# A batch repeats the same few candidates and books: each text is sent, and read as JSON, once (25 of 40 µs a row).
_INSERT_DECISIONS = f"""
WITH texts AS MATERIALIZED (
    SELECT n, body::jsonb AS body FROM unnest(%(texts)s::text[]) WITH ORDINALITY AS t (body, n)
)
INSERT INTO execution_decision (signal_id, attempt, decided_at, policy_version, source, "primary", exchange, ordering,
                                method, mode, reason_code, detail, warning, candidates, took_us, router,
                                explanation)
SELECT v.signal_id, v.attempt, %(now)s, v.policy_version, v.source, v."primary", v.exchange, v.ordering, v.method,
       v.mode, v.code, v.detail, v.warning, candidates.body, v.took_us, v.router, explanation.body
FROM {recordset(_DECISION)}
JOIN texts candidates ON candidates.n = v.candidates
LEFT JOIN texts explanation ON explanation.n = v.explanation
"""
_ORDER = (
    "id uuid, signal_id uuid, user_id int, exchange text, credential_id uuid, attempt int, mode text, symbol text, "
    "side text, order_type text, time_in_force text, amount numeric, price numeric, reference_price numeric, "
    "arrival_mid numeric, maker_rate numeric, taker_rate numeric, priority int, expires_at timestamptz, "
    "exclusive bool, status text, submitted_at timestamptz, valid_until timestamptz, next_check_at timestamptz"
)
_INSERT_ORDERS = f"""
WITH made AS (
    INSERT INTO execution_order (
        id, signal_id, user_id, exchange_id, credential_id, attempt, mode, symbol, side, order_type, time_in_force,
        amount, price, reference_price, arrival_mid, maker_rate, taker_rate, priority, expires_at, exclusive, status,
        reason_code, reason_detail, exchange_order_id, filled_amount, filled_notional, baseline, created_at,
        submitted_at, valid_until, acked_at, next_check_at, clean_misses, cancel_requested_at, cancel_code,
        cancel_reason, final_at)
    SELECT v.id, v.signal_id, v.user_id, v.exchange, v.credential_id, v.attempt, v.mode, v.symbol, v.side,
           v.order_type, v.time_in_force, v.amount, v.price, v.reference_price, v.arrival_mid, v.maker_rate,
           v.taker_rate, v.priority, v.expires_at, v.exclusive, v.status, '', '', '', 0, 0, NULL, %(now)s,
           v.submitted_at, v.valid_until, NULL, v.next_check_at, 0, NULL, '', '', NULL
    FROM {recordset(_ORDER)}
    RETURNING id, status
)
INSERT INTO execution_orderevent (order_id, at, old_status, new_status, reason_code, detail)
SELECT id, %(now)s, '', status, '', '' FROM made
"""


def store_decisions(
    decided: Sequence[Decided], *, now: datetime, validity_s: float, check_after_s: float
) -> list[WorkingOrder]:
    """Commit a batch of decisions; returns the orders that this worker may now send.

    A signal whose claim was lost meanwhile is left alone; one that was cancelled meanwhile ends cancelled.
    """
    if not decided:
        return []
    decided = [with_parts(item) for item in decided]
    with transaction.atomic():
        kept_ids = _move_signals(decided, now)
        kept = [item for item in decided if item.signal.id in kept_ids]
        if len(kept) < len(decided):
            lost = [item.signal.id for item in decided if item.signal.id not in kept_ids]
            execute(_CANCEL_WITHDRAWN, {"ids": lost, "now": now})
        orders: list[tuple[WorkingOrder, Decided]] = []
        if final := [item for item in kept if item.waits_until is None]:
            _insert_decisions(final, now)
            orders = [(_order_of(item, now, validity_s), item) for item in kept if item.order is not None]
        if orders:
            _insert_orders(orders, now, now + timedelta(seconds=check_after_s))
        if planned := [_planned(item) for item in kept if item.parts]:
            insert_parts(planned)
        settle(_parents_of_ended(decided, kept_ids), now=now)
    return [order for order, item in orders if item.order is not None and item.order.send_now]


def with_parts(item: Decided) -> Decided:
    """The decision as it is stored: what has parts has no order of its own, and they are not more than what is left."""
    if item.order is not None and item.signal.parts_made:
        item = replace(item, order=None, parts=(_as_part(item.order, item.signal),))
    if not item.parts:
        return item
    left, made = item.signal.remaining, item.signal.parts_made + len(item.parts)
    try:
        problem = "" if total(item.parts, item.signal.wanted) <= left else f"Only {plain(left)} is left of it."
    except ValueError as e:
        problem = str(e)
    if made > MAX_PARTS:
        problem = f"That would be {made} parts; {MAX_PARTS} is the limit."
    if not problem:
        return item
    status = end_status(item.signal.filled, ReasonCode.PARTS_TOO_LARGE)
    return replace(item, parts=(), denial=Denial(ReasonCode.PARTS_TOO_LARGE, problem), final_status=status)


def _as_part(order: NewOrder, signal: ClaimedSignal) -> NewPart:
    if signal.wanted.notional is not None:
        return NewPart(order.exchange, None, None, notional=signal.wanted.notional)
    return NewPart(order.exchange, order.amount, order.price, time_in_force=order.time_in_force)


def _planned(item: Decided) -> Planned:
    return Planned(item.signal.id, item.signal.parts_made, item.signal.wanted, item.parts)


def _parents_of_ended(decided: Sequence[Decided], kept_ids: Collection[UUID]) -> set[UUID]:
    """Parents of parts that were denied or, without our doing, are not what we took them for."""
    return {
        item.signal.parent_id
        for item in decided
        if item.signal.parent_id is not None
        and ((item.denial is not None and item.waits_until is None) or item.signal.id not in kept_ids)
    }


_OUTCOMES = """
SELECT signal_id, exchange_id, reason_code, reason_detail FROM execution_order
WHERE signal_id = ANY(%(ids)s::uuid[]) ORDER BY attempt
"""


def outcomes_of(signal_ids: Sequence[UUID]) -> dict[UUID, dict[str, str]]:
    """Signal -> exchange -> why its order there came to nothing, in words."""
    found: dict[UUID, dict[str, str]] = {}
    for signal, exchange, code, detail in fetch(_OUTCOMES, {"ids": list(signal_ids)}):
        found.setdefault(signal, {})[exchange] = f"{code}: {detail}" if detail else code
    return found


def _move_signals(decided: Sequence[Decided], now: datetime) -> set[UUID]:
    rows = [
        (
            item.signal.id,
            item.signal.claimed_until,
            _signal_status(item),
            item.signal.attempt + (item.order is not None or bool(item.parts)),
            item.order.exchange if item.order else None,
            item.denial.code.value if item.denial else "",
            item.denial.detail if item.denial else "",
            now if item.denial and not item.waits_until else None,
            len(item.parts),
            total(item.parts, item.signal.wanted),
            None if item.schedule is None else json.dumps(item.schedule),
            item.expires_at,
            item.waits_until,
        )
        for item in decided
    ]
    return {row[0] for row in fetch(_MOVE_SIGNALS, {"rows": as_rows(rows, names_of(_MOVED))})}


def _signal_status(item: Decided) -> str:
    if item.waits_until:
        return SignalStatus.PENDING.value
    if item.parts:
        return SignalStatus.EXECUTING.value
    if item.order is None:
        return item.final_status.value
    return (SignalStatus.EXECUTING if item.order.send_now else SignalStatus.QUEUED).value


def _insert_decisions(decided: Sequence[Decided], now: datetime) -> None:
    texts: dict[str, int] = {}

    def number(text: str) -> int | None:
        """Its place, from 1, among the distinct texts."""
        return texts.setdefault(text, len(texts) + 1) if text else None

    rows = [
        (
            item.signal.id,
            item.signal.attempt + 1,
            item.policy_version,
            item.source,
            item.primary,
            exchange_of(item),
            item.ordering,
            item.method,
            item.order.mode.value if item.order else "",
            item.denial.code.value if item.denial else "",
            item.denial.detail if item.denial else "",
            item.warning,
            number(candidates_json(item.candidates)),
            item.took_us,
            item.router,
            number(item.explanation),
        )
        for item in decided
    ]
    params = {"rows": as_rows(rows, names_of(_DECISION)), "texts": list(texts), "now": now}
    execute(_INSERT_DECISIONS, params)


def exchange_of(item: Decided) -> str:
    """The chosen exchange; of several, the one that gets most."""
    if item.order is not None:
        return item.order.exchange
    legs = [part for part in item.parts if part.exchange]
    return max(legs, key=lambda leg: leg.allotted(item.signal.wanted)).exchange if legs else ""


@lru_cache(maxsize=256)
def candidates_json(candidates: tuple[Candidate, ...]) -> str:
    """The candidates as stored. A batch mostly repeats the same few."""
    return json.dumps([candidate_body(candidate) for candidate in candidates])


def candidate_body(candidate: Candidate) -> dict[str, Any]:
    """One candidate as stored, and as the API shows it."""
    code = candidate.code.value if candidate.code else ""
    inputs = {"inputs": dict(candidate.inputs)} if candidate.inputs else {}
    return {"exchange": candidate.exchange, "code": code, "detail": candidate.detail, **inputs}


def _order_of(item: Decided, now: datetime, validity_s: float) -> WorkingOrder:
    order, signal = item.order, item.signal
    assert order is not None
    return WorkingOrder(
        id=order_id(signal.id, signal.attempt + 1),
        signal_id=signal.id,
        user_id=signal.user_id,
        exchange=order.exchange,
        credential_id=UUID(order.credential_id) if order.credential_id else None,
        mode=order.mode,
        status=OrderStatus.SUBMITTING if order.send_now else OrderStatus.QUEUED,
        strategy_id=signal.strategy_id,
        symbol=signal.symbol,
        side=signal.wanted.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        amount=order.amount,
        price=order.price,
        reference_price=order.reference_price,
        filled_amount=Decimal(0),
        exchange_order_id="",
        baseline=None,
        exclusive=order.exclusive,
        submitted_at=now,
        valid_until=now + timedelta(seconds=validity_s),
        expires_at=signal.expires_at,
        clean_misses=0,
        cancel_requested_at=None,
        received_at=signal.received_at,
        of_part=signal.parent_id is not None,
        rest_until=_rest_until(signal),
        of_trade=signal.of_trade,
    )


def _rest_until(signal: ClaimedSignal) -> datetime | None:
    until = (signal.schedule or {}).get("rest_until")
    return datetime.fromisoformat(until) if until else None


def _insert_orders(orders: Sequence[tuple[WorkingOrder, Decided]], now: datetime, check_at: datetime) -> None:
    rows = []
    for order, item in orders:
        assert item.order is not None
        sent, fees = item.order.send_now, item.order.fees
        rows.append(
            (
                order.id, order.signal_id, order.user_id, order.exchange, order.credential_id,
                item.signal.attempt + 1, order.mode.value, order.symbol, order.side.value, order.order_type.value,
                order.time_in_force.value, order.amount, order.price, item.order.reference_price,
                item.order.arrival_mid, fees.maker if fees else None, fees.taker if fees else None,
                item.signal.priority, order.expires_at, order.exclusive, order.status.value,
                order.submitted_at if sent else None, order.valid_until if sent else None, check_at if sent else None,
            )
        )  # fmt: skip
    execute(_INSERT_ORDERS, {"rows": as_rows(rows, names_of(_ORDER)), "now": now})
