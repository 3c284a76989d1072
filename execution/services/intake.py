"""Storing signals, once per (user, idempotency key). The row is the promise; everything else follows from it.

One statement stores a whole batch and says for each key whether it is new, a replay, a reuse with another body, or
still being stored by somebody else. No transaction spans a network call; the wake-up after it may be lost.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from django.db import transaction

from execution import metrics
from execution.domain.ids import signal_id
from execution.domain.orders import PRIORITY, Method, OrderType, Side, SignalType, TimeInForce
from execution.services.installation import installation_id
from execution.services.sql import as_rows, fetch, names_of, recordset
from execution.services.wake import waker
from policies.domain.policy import Mode, RouteBy

URGENT_PRIORITY = 2


@dataclass(frozen=True, slots=True)
class NewSignal:
    """A validated wish of a client. Exactly one of amount (base units) and notional (quote units).

    sent_at: when the client made it; its age counts from there. schedule: the client's own slices, horizon_s, display.
    leg: it goes to the exchange it names or nowhere.
    """

    idempotency_key: str
    body_hash: str
    symbol: str
    side: Side
    amount: Decimal | None
    notional: Decimal | None
    order_type: OrderType | None
    limit_price: Decimal | None
    time_in_force: TimeInForce | None
    signal_type: SignalType
    strategy_id: str
    requested_exchange: str
    requested_mode: Mode | None
    max_slippage_bps: Decimal | None
    priority: int | None
    sent_at: datetime | None
    expires_at: datetime | None
    extra: Mapping[str, Any]
    routing_strategy: RouteBy | None = None
    preferred_exchanges: tuple[str, ...] = ()
    method: Method | None = None
    schedule: Mapping[str, Any] | None = None
    leg: bool = False


class Outcome(Enum):
    """What became of storing one signal."""

    STORED = "stored"
    REPLAYED = "replayed"
    KEY_REUSED = "key reused"
    IN_PROGRESS = "in progress"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to one signal; for a replay the same as the first time."""

    outcome: Outcome
    signal_id: UUID | None = None
    received_at: datetime | None = None


def body_hash(body: Mapping[str, Any]) -> str:
    """Hash of a body's meaning: field order and white space do not matter, numbers count as they were written.

    The key itself is left out: it may come in the header one time and as `id` the next.
    """
    meaning = {name: value for name, value in body.items() if name != "id"}
    canonical = json.dumps(meaning, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


# The advisory lock marks a key as being stored: a twin that cannot have it answers "in progress" instead of waiting.
_SIGNAL = (
    "id uuid, key text, body_hash text, symbol text, side text, amount numeric, notional numeric, order_type text, "
    "limit_price numeric, time_in_force text, signal_type text, strategy_id text, exchange text, mode text, "
    "slippage numeric, priority int, expires_at timestamptz, extra text, method text, schedule text, routing text, "
    "preferred json, leg bool"
)
_STORE = f"""
WITH fresh AS (
    SELECT * FROM {recordset(_SIGNAL)} WHERE pg_try_advisory_xact_lock(hashtextextended(key, %(user_id)s))
)
INSERT INTO execution_signal (
    id, user_id, api_token_id, idempotency_key, body_hash, received_at, symbol, side, amount, notional, order_type,
    limit_price, time_in_force, signal_type, strategy_id, requested_exchange, requested_mode, max_slippage_bps,
    priority, expires_at, extra, status, reason_code, reason_detail, exchange_id, attempt, tried, claimed_until,
    cancel_requested_at, filled_amount, filled_notional, final_at, parent_id, part, leg, allotted, due_at, parts_made,
    allocated_amount, execution_method, schedule, paced_until, routing_strategy,
    preferred_exchanges)
SELECT id, %(user_id)s, %(token_id)s, key, body_hash, %(now)s, symbol, side, amount, notional, order_type,
       limit_price, time_in_force, signal_type, strategy_id, exchange, mode, slippage,
       priority, expires_at, extra::jsonb, 'pending', '', '', NULL, 0, '{{}}', NULL, NULL, 0, 0, NULL,
       NULL, NULL, leg, NULL, NULL, 0, 0, method, schedule::jsonb, NULL,
       routing, ARRAY(SELECT json_array_elements_text(preferred))
FROM fresh
ON CONFLICT DO NOTHING
RETURNING idempotency_key
"""
_FIND = """
SELECT idempotency_key, body_hash, id, received_at FROM execution_signal
WHERE user_id = %(user_id)s AND idempotency_key = ANY(%(keys)s)
"""


def store_signals(
    signals: Sequence[NewSignal], *, user_id: int, token_id: int | None, now: datetime, max_age_s: int
) -> list[Receipt]:
    """Store all signals or none, in one statement; a receipt for each, in order. Keys must differ within one call."""
    installation = installation_id()
    ids = [signal_id(installation, user_id, signal.idempotency_key) for signal in signals]
    rows = [_row(signal, new_id, now, max_age_s) for signal, new_id in zip(signals, ids, strict=True)]
    params = {"rows": as_rows(rows, names_of(_SIGNAL)), "user_id": user_id, "token_id": token_id, "now": now}
    stored = {row[0] for row in fetch(_STORE, params)}
    known = {}
    if len(stored) < len(signals):
        keys = [signal.idempotency_key for signal in signals if signal.idempotency_key not in stored]
        known = {row[0]: row[1:] for row in fetch(_FIND, {"user_id": user_id, "keys": keys})}
    metrics.signals_accepted_total.inc(len(stored))
    if stored:
        urgent = any(_priority(signal) <= URGENT_PRIORITY for signal in signals)
        # At once, unless the caller's transaction is still open: before its end there is nothing to be seen.
        transaction.on_commit(lambda: waker.wake(urgent=urgent))
    return [
        Receipt(Outcome.STORED, new_id, now)
        if signal.idempotency_key in stored
        else _earlier(signal, known.get(signal.idempotency_key))
        for signal, new_id in zip(signals, ids, strict=True)
    ]


def _earlier(signal: NewSignal, known: tuple[str, UUID, datetime] | None) -> Receipt:
    if known is None:
        return Receipt(Outcome.IN_PROGRESS)
    first_hash, found_id, received_at = known
    if first_hash != signal.body_hash:
        return Receipt(Outcome.KEY_REUSED)
    return Receipt(Outcome.REPLAYED, found_id, received_at)


def _row(signal: NewSignal, new_id: UUID, now: datetime, max_age_s: int) -> tuple[Any, ...]:
    latest = min(now, signal.sent_at or now) + timedelta(seconds=max_age_s)
    return (
        new_id,
        signal.idempotency_key,
        signal.body_hash,
        signal.symbol,
        signal.side.value,
        signal.amount,
        signal.notional,
        signal.order_type.value if signal.order_type else "",
        signal.limit_price,
        signal.time_in_force.value if signal.time_in_force else "",
        signal.signal_type.value,
        signal.strategy_id,
        signal.requested_exchange,
        signal.requested_mode.value if signal.requested_mode else "",
        signal.max_slippage_bps,
        _priority(signal),
        min(signal.expires_at, latest) if signal.expires_at else latest,
        json.dumps(signal.extra, default=str),
        signal.method.value if signal.method else "",
        json.dumps(signal.schedule) if signal.schedule else None,
        signal.routing_strategy.value if signal.routing_strategy else "",
        signal.preferred_exchanges,
        signal.leg,
    )


def _priority(signal: NewSignal) -> int:
    return signal.priority if signal.priority is not None else PRIORITY[signal.signal_type]
