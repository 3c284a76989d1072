"""Signals in parts: storing the parts of a plan, and carrying what they bring up to their parents.

Locks are taken from the parts up: orders and their signals, then slices, then roots, each sorted. So workers that end
parts of one parent at the same time wait for each other and never deadlock; the sums are made after the wait.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from execution.domain.ids import part_id
from execution.domain.life import MAX_ATTEMPTS
from execution.domain.orders import SIGNAL_FINAL, OrderType, SignalStatus, TimeInForce
from execution.domain.parts import WITHDRAWN, Next, ParentState, parent_after
from execution.domain.sizing import Wanted
from execution.services.sql import as_rows, execute, fetch, names_of, recordset


@dataclass(frozen=True, slots=True)
class NewPart:
    """A part to be made of a signal.

    exchange: "" when it is to be routed when due. amount: base units, whole lots of that exchange; a part of a notional
    may have a notional instead. limit_price: protective, sent as IOC unless `time_in_force` says otherwise; None: as
    the signal says. A leg with an amount, of a notional, needs a limit price: all of them at their limits may not cost
    more than the notional. due_at: None is now. rest_until: what rests there after that is cancelled and planned anew.
    """

    exchange: str
    amount: Decimal | None
    limit_price: Decimal | None
    due_at: datetime | None = None
    notional: Decimal | None = None
    time_in_force: TimeInForce | None = None
    rest_until: datetime | None = None

    def allotted(self, wanted: Wanted) -> Decimal:
        """What it takes of the whole, in the whole's unit. Raises ValueError when that cannot be told."""
        if wanted.notional is None:
            found = self.amount
        elif self.notional is not None:
            found = self.notional
        else:
            found = self.amount * self.limit_price if self.amount is not None and self.limit_price else None
        if found is None or found <= 0:
            raise ValueError(f"A part must take something of its whole: {self}")
        return found


def total(parts: Iterable[NewPart], wanted: Wanted) -> Decimal:
    """What these parts take together. Raises ValueError."""
    return sum((part.allotted(wanted) for part in parts), Decimal(0))


_PART = (
    "id uuid, parent_id uuid, part int, key text, leg bool, exchange text, amount numeric, notional numeric, "
    "allotted numeric, order_type text, limit_price numeric, time_in_force text, due_at timestamptz, schedule text"
)
# A leg keeps its signal's place in the queue; a slice comes into being when it is due.
_INSERT_PARTS = f"""
INSERT INTO execution_signal (
    id, user_id, api_token_id, idempotency_key, body_hash, received_at, symbol, side, amount, notional, order_type,
    limit_price, time_in_force, signal_type, strategy_id, requested_exchange, requested_mode, max_slippage_bps,
    priority, expires_at, extra, status, reason_code, reason_detail, exchange_id, attempt, tried, claimed_until,
    cancel_requested_at, filled_amount, filled_notional, final_at, parent_id, part, leg, allotted, due_at, parts_made,
    allocated_amount, execution_method, schedule, paced_until, routing_strategy, preferred_exchanges)
SELECT v.id, p.user_id, p.api_token_id, v.key, p.body_hash, COALESCE(v.due_at, p.received_at), p.symbol, p.side,
       v.amount, v.notional, COALESCE(v.order_type, p.order_type), COALESCE(v.limit_price, p.limit_price),
       COALESCE(v.time_in_force, p.time_in_force), p.signal_type, p.strategy_id,
       CASE WHEN v.leg THEN v.exchange ELSE p.requested_exchange END, p.requested_mode, p.max_slippage_bps, p.priority,
       p.expires_at, '{{}}'::jsonb, 'pending', '', '', NULL, 0, '{{}}', NULL, NULL, 0, 0, NULL, v.parent_id, v.part,
       v.leg, v.allotted, v.due_at, 0, 0, '', v.schedule::jsonb, NULL, p.routing_strategy, p.preferred_exchanges
FROM {recordset(_PART)} JOIN execution_signal p ON p.id = v.parent_id
"""


def part_key(part: UUID) -> str:
    """The idempotency key of a part. A client's key is printable, so none can be this one."""
    return f"part\t{part.hex}"


@dataclass(frozen=True, slots=True)
class Planned:
    """The parts that are made of one signal. first: how many it has had before."""

    parent: UUID
    first: int
    wanted: Wanted
    parts: Sequence[NewPart]


def insert_parts(planned: Sequence[Planned]) -> None:
    """Store all parts of a batch of signals: one statement."""
    rows = [row for plan in planned for row in _rows(plan)]
    execute(_INSERT_PARTS, {"rows": as_rows(rows, names_of(_PART))})


def _rows(plan: Planned) -> Iterable[tuple[Any, ...]]:
    for number, part in enumerate(plan.parts, plan.first):
        new_id = part_id(plan.parent, number)
        limited = part.limit_price is not None
        in_force = part.time_in_force or (TimeInForce.IOC if limited else None)
        yield (
            new_id, plan.parent, number, part_key(new_id), bool(part.exchange), part.exchange, part.amount,
            part.notional, part.allotted(plan.wanted), OrderType.LIMIT.value if limited else None, part.limit_price,
            in_force.value if in_force else None, part.due_at,
            json.dumps({"rest_until": part.rest_until.isoformat()}) if part.rest_until else None,
        )  # fmt: skip


# --- from the parts up

_LOCK_PARENTS = """
SELECT p.id, p.parent_id FROM execution_signal p
WHERE p.id = ANY(%(ids)s::uuid[])
   OR p.id IN (SELECT s.parent_id FROM execution_signal s WHERE s.id = ANY(%(ids)s::uuid[]))
ORDER BY p.parent_id IS NULL, p.id FOR UPDATE
"""
# What a part holds of its whole: see `execution.domain.parts.used`. An exchange that would not let an order rest may
# still take one that does not.
_ADD_UP = """
UPDATE execution_signal p
SET filled_amount = t.filled, filled_notional = t.notional, allocated_amount = t.allocated,
    tried = ARRAY(SELECT DISTINCT slug FROM unnest(p.tried || t.tried) slug ORDER BY slug)
FROM (
    SELECT c.parent_id, sum(c.filled_amount) AS filled, sum(c.filled_notional) AS notional,
           sum(CASE WHEN c.final_at IS NULL OR c.reason_code = ANY(%(withdrawn)s) THEN c.allotted
                    ELSE LEAST(c.allotted, CASE WHEN w.amount IS NULL THEN c.filled_notional ELSE c.filled_amount END)
               END) AS allocated,
           count(*) FILTER (WHERE c.final_at IS NULL) AS under_way,
           COALESCE(array_agg(c.requested_exchange::text) FILTER (
               WHERE c.leg AND c.time_in_force <> 'PO' AND c.requested_exchange = ANY(c.tried)), '{}') AS tried,
           (array_agg(ARRAY[c.reason_code, c.reason_detail]::text[]
                      ORDER BY c.reason_code = '', c.final_at DESC NULLS LAST, c.part))[1:1] AS why
    FROM execution_signal c JOIN execution_signal w ON w.id = c.parent_id
    WHERE c.parent_id = ANY(%(ids)s::uuid[]) GROUP BY c.parent_id
) t
WHERE p.id = t.parent_id
RETURNING p.id, p.status, COALESCE(p.amount, p.notional), p.amount IS NULL, p.allocated_amount,
          CASE WHEN p.amount IS NULL THEN p.filled_notional ELSE p.filled_amount END, t.under_way, p.parts_made,
          p.attempt, p.cancel_requested_at IS NOT NULL, p.expires_at, t.why[1][1], t.why[1][2],
          COALESCE((p.schedule->>'rounds')::int, %(rounds)s)
"""
_NEXT = "id uuid, status text, code text, detail text, final_at timestamptz"
_MOVE_PARENTS = f"""
UPDATE execution_signal p
SET status = v.status, reason_code = v.code, reason_detail = v.detail, final_at = v.final_at, claimed_until = NULL
FROM {recordset(_NEXT)}
WHERE p.id = v.id
"""


def settle(parents: Collection[UUID], *, now: datetime) -> None:
    """Make the sums of these parents, and of theirs, and move those whose parts have all ended.

    In the transaction that changed the parts, after that. Making a sum twice changes nothing.
    """
    if not parents:
        return
    locked = fetch(_LOCK_PARENTS, {"ids": list(parents)})
    slices = [parent for parent, above in locked if above is not None]
    if slices:
        _settle(slices, now)
    _settle([parent for parent, above in locked if above is None], now)


def _settle(parents: Sequence[UUID], now: datetime) -> None:
    params = {"ids": list(parents), "withdrawn": [code.value for code in WITHDRAWN], "rounds": MAX_ATTEMPTS}
    moved = []
    for parent, status, *state in fetch(_ADD_UP, params):
        if status == SignalStatus.EXECUTING and (after := parent_after(ParentState(*state), now)) is not None:
            moved.append((parent, after))
    if moved:
        _move(moved, now)


def _move(moved: Sequence[tuple[UUID, Next]], now: datetime) -> None:
    rows = [
        (parent, after.status.value, after.code, after.detail, now if after.status in SIGNAL_FINAL else None)
        for parent, after in moved
    ]
    execute(_MOVE_PARENTS, {"rows": as_rows(rows, names_of(_NEXT))})
