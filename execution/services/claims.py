"""Taking work from the database: each row is taken by one worker, urgent first, in turn over the users."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from execution.domain.orders import Method, OrderStatus, OrderType, Side, SignalType, TimeInForce
from execution.domain.router import Question
from execution.domain.sizing import Wanted
from execution.exchanges.base import OrderRequest
from execution.services.sql import execute, fetch
from policies.domain.policy import Mode, RouteBy

SIGNAL_LEASE_S = 30
"""A signal that was claimed and not routed within this time goes back to pending: nothing was sent for it."""

CHECK_LEASE_S = 15


@dataclass(frozen=True, slots=True)
class ClaimedSignal:
    """A signal that this worker routes. `claimed_until` is the proof of the claim.

    wanted: of a signal in parts, what none of its parts has; it is only claimed when all of them have ended.
    parts_made: parts it has had so far. filled: base units. parent_id, leg: see `execution.models.Signal`.
    """

    id: UUID
    user_id: int
    symbol: str
    strategy_id: str
    requested_exchange: str
    requested_mode: Mode | None
    tried: tuple[str, ...]
    attempt: int
    priority: int
    received_at: datetime
    expires_at: datetime
    claimed_until: datetime
    cancel_requested: bool
    wanted: Wanted
    parent_id: UUID | None = None
    leg: bool = False
    parts_made: int = 0
    filled: Decimal = Decimal(0)
    method: Method | None = None
    schedule: Mapping[str, Any] | None = None
    routing: RouteBy | None = None
    preferred: tuple[str, ...] = ()

    @property
    def tried_before(self) -> bool:
        """Whether orders of it have taken from books already: what was read before them is not there any more."""
        return self.attempt > 0 or self.parts_made > 0

    @property
    def is_slice(self) -> bool:
        """Whether it is a part that is routed when it is due."""
        return self.parent_id is not None and not self.leg

    @property
    def of_trade(self) -> bool:
        """Whether it is one order of an arbitrage (`execution.services.arbitrage_trades`)."""
        return self.leg and self.parent_id is None

    @property
    def remaining(self) -> Decimal:
        """What is left of it, in the unit of its size."""
        left = self.wanted.amount if self.wanted.notional is None else self.wanted.notional
        assert left is not None
        return left

    def question(self) -> Question:
        """What routing asks about it."""
        return Question(
            self.user_id,
            self.symbol,
            self.strategy_id,
            self.requested_exchange,
            self.requested_mode,
            self.tried,
            only=self.leg,
            exact=self.of_trade,
            routing=self.routing,
            preferred=self.preferred,
        )


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """An order that this worker sends or looks after."""

    id: UUID
    signal_id: UUID
    user_id: int
    exchange: str
    credential_id: UUID | None
    mode: Mode
    status: OrderStatus
    strategy_id: str
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    amount: Decimal
    price: Decimal | None
    reference_price: Decimal
    filled_amount: Decimal
    exchange_order_id: str
    baseline: dict[str, object] | None
    exclusive: bool
    submitted_at: datetime
    valid_until: datetime
    expires_at: datetime
    clean_misses: int
    cancel_requested_at: datetime | None
    received_at: datetime
    cancel_code: str = ""
    cancel_reason: str = ""
    of_part: bool = False
    rest_until: datetime | None = None
    of_trade: bool = False

    def request(self) -> OrderRequest:
        """The order as an exchange adapter wants it."""
        return OrderRequest(
            client_order_id=self.id.hex,
            symbol=self.symbol,
            side=self.side,
            order_type=self.order_type,
            amount=self.amount,
            price=self.price,
            time_in_force=self.time_in_force,
            sent_at=self.submitted_at.timestamp(),
            valid_until=self.valid_until.timestamp(),
            exchange_order_id=self.exchange_order_id,
            baseline=self.baseline,
            filled=self.filled_amount,
        )


# What a signal's parts have is not wanted a second time.
_SIGNAL_COLUMNS = """
    s.id, s.user_id, s.symbol, s.strategy_id, s.requested_exchange, s.requested_mode, s.tried, s.attempt, s.priority,
    s.received_at, s.expires_at, s.claimed_until, s.cancel_requested_at IS NOT NULL, s.side,
    s.amount - s.allocated_amount, s.notional - s.allocated_amount, s.order_type, s.limit_price, s.time_in_force,
    s.signal_type, s.max_slippage_bps, s.parent_id, s.leg, s.parts_made, s.filled_amount, s.execution_method,
    s.schedule, s.routing_strategy, s.preferred_exchanges
"""

# The users with pending signals by a loose index scan; each one's first few (twice a fair share: the next claim gets
# what an uneven queue leaves); then one of each user in turn.
_CLAIM_SIGNALS = f"""
WITH RECURSIVE users (user_id) AS (
    (SELECT user_id FROM execution_signal WHERE status = 'pending' AND due_at IS NULL ORDER BY user_id LIMIT 1)
    UNION ALL
    SELECT (SELECT s.user_id FROM execution_signal s
            WHERE s.status = 'pending' AND s.due_at IS NULL AND s.user_id > u.user_id ORDER BY s.user_id LIMIT 1)
    FROM users u WHERE u.user_id IS NOT NULL
), share (size) AS (
    SELECT LEAST(%(limit)s, ceil(2.0 * %(limit)s / greatest(count(user_id), 1)))::int FROM users
), heads AS (
    SELECT head.* FROM users u CROSS JOIN LATERAL (
        SELECT s.id, s.priority, s.received_at,
               row_number() OVER (ORDER BY s.priority, s.received_at) AS turn
        FROM execution_signal s
        WHERE s.status = 'pending' AND s.due_at IS NULL AND s.user_id = u.user_id AND NOT EXISTS (
            SELECT 1 FROM unnest(%(held)s::int[], %(before)s::timestamptz[]) AS held (user_id, before)
            WHERE held.user_id = s.user_id AND s.received_at < held.before AND s.expires_at > clock_timestamp())
        ORDER BY s.priority, s.received_at LIMIT (SELECT size FROM share)
    ) head WHERE u.user_id IS NOT NULL
), chosen AS (
    SELECT s.id FROM execution_signal s
    JOIN (SELECT id FROM heads ORDER BY priority, turn, received_at LIMIT %(limit)s) head USING (id)
    WHERE s.status = 'pending' FOR UPDATE OF s SKIP LOCKED
)
UPDATE execution_signal s
SET status = 'routing', claimed_until = clock_timestamp() + make_interval(secs => %(lease)s)
FROM chosen WHERE s.id = chosen.id
RETURNING {_SIGNAL_COLUMNS}
"""


def claim_signals(limit: int, held_before: Mapping[int, datetime] | None = None) -> list[ClaimedSignal]:
    """Take up to `limit` pending signals, and at least one if there is any.

    One statement; another worker's rows are skipped, not waited for. held_before: users whose signals from before that
    instant are left where they are, because an order of theirs may exist already; those that expired are not.
    """
    held = held_before or {}
    params = {"limit": limit, "lease": SIGNAL_LEASE_S, "held": list(held), "before": list(held.values())}
    rows = fetch(_CLAIM_SIGNALS, params)
    return [_claimed_signal(*row) for row in rows]


# One slice of a signal at a time, its earliest; the next one not before half an interval has passed: what was held up
# is made good at no more than one extra slice per interval.
_CLAIM_SLICES = f"""
WITH heads AS (
    SELECT DISTINCT ON (s.parent_id) s.id, s.parent_id, s.priority, s.due_at
    FROM execution_signal s JOIN execution_signal p ON p.id = s.parent_id
    WHERE s.status = 'pending' AND s.due_at <= clock_timestamp()
      AND (p.paced_until IS NULL OR p.paced_until <= clock_timestamp())
      AND NOT EXISTS (
        SELECT 1 FROM unnest(%(held)s::int[], %(before)s::timestamptz[]) AS held (user_id, before)
        WHERE held.user_id = s.user_id AND s.received_at < held.before AND s.expires_at > clock_timestamp())
    ORDER BY s.parent_id, s.part
), chosen AS (
    SELECT s.id, s.parent_id FROM execution_signal s
    JOIN (SELECT id FROM heads ORDER BY priority, due_at LIMIT %(limit)s) head USING (id)
    WHERE s.status = 'pending' ORDER BY s.id FOR UPDATE OF s SKIP LOCKED
), paced AS (
    UPDATE execution_signal p
    SET paced_until = clock_timestamp()
        + make_interval(secs => COALESCE((p.schedule->>'interval_s')::float8, 0) / 2)
    FROM chosen WHERE p.id = chosen.parent_id
)
UPDATE execution_signal s
SET status = 'routing', claimed_until = clock_timestamp() + make_interval(secs => %(lease)s)
FROM chosen WHERE s.id = chosen.id
RETURNING {_SIGNAL_COLUMNS}
"""


def claim_slices(limit: int, held_before: Mapping[int, datetime] | None = None) -> list[ClaimedSignal]:
    """Take up to `limit` slices that are due. See `claim_signals`."""
    held = held_before or {}
    params = {"limit": limit, "lease": SIGNAL_LEASE_S, "held": list(held), "before": list(held.values())}
    return [_claimed_signal(*row) for row in fetch(_CLAIM_SLICES, params)]


def _claimed_signal(
    id: UUID, user_id: int, symbol: str, strategy_id: str, exchange: str, mode: str, tried: list[str], attempt: int,
    priority: int, received_at: datetime, expires_at: datetime, claimed_until: datetime, cancel_requested: bool,
    side: str, amount: Decimal | None, notional: Decimal | None, order_type: str, limit_price: Decimal | None,
    time_in_force: str, signal_type: str, max_slippage_bps: Decimal | None, parent_id: UUID | None, leg: bool,
    parts_made: int, filled: Decimal, method: str, schedule: str | None, routing: str, preferred: list[str],
) -> ClaimedSignal:  # fmt: skip
    wanted = Wanted(
        side=Side(side),
        amount=amount,
        notional=notional,
        order_type=OrderType(order_type) if order_type else None,
        limit_price=limit_price,
        time_in_force=TimeInForce(time_in_force) if time_in_force else None,
        signal_type=SignalType(signal_type),
        max_slippage_bps=max_slippage_bps,
        capped=parent_id is not None,
    )
    return ClaimedSignal(
        id, user_id, symbol, strategy_id, exchange, Mode(mode) if mode else None, tuple(tried), attempt, priority,
        received_at, expires_at, claimed_until, cancel_requested, wanted, parent_id, leg, parts_made, filled,
        Method(method) if method else None, json.loads(schedule) if schedule else None,
        RouteBy(routing) if routing else None, tuple(preferred),
    )  # fmt: skip


_ORDER_COLUMNS = """
    o.id, o.signal_id, o.user_id, o.exchange_id, o.credential_id, o.mode, o.status, s.strategy_id, o.symbol, o.side,
    o.order_type, o.time_in_force, o.amount, o.price, o.reference_price, o.filled_amount, o.exchange_order_id,
    o.baseline, o.exclusive, o.submitted_at, o.valid_until, o.expires_at, o.clean_misses, o.cancel_requested_at,
    s.received_at, o.cancel_code, o.cancel_reason, s.parent_id IS NOT NULL,
    (s.schedule->>'rest_until')::timestamptz, s.leg AND s.parent_id IS NULL
"""

# An exclusive order is only taken when no other one of these keys in this pair is in doubt, and oldest first.
_CLAIM_ORDERS = f"""
WITH slots AS (
    SELECT * FROM unnest(%(exchanges)s::text[], %(free)s::int[]) AS slot (exchange_id, free)
), heads AS (
    SELECT head.id FROM slots CROSS JOIN LATERAL (
        SELECT o.id FROM execution_order o
        WHERE o.status = 'queued' AND o.exchange_id = slots.exchange_id
          AND (o.credential_id IS NULL OR o.credential_id <> ALL(%(unreconciled)s::uuid[]))
          AND (NOT o.exclusive OR NOT EXISTS (
            SELECT 1 FROM execution_order other
            WHERE other.credential_id = o.credential_id AND other.symbol = o.symbol AND other.exclusive
              AND (other.status IN ('submitting', 'unknown', 'needs_attention')
                   OR (other.status = 'queued' AND (other.priority, other.created_at, other.id)
                                                 < (o.priority, o.created_at, o.id)))))
        ORDER BY o.priority, o.created_at LIMIT slots.free
    ) head
), chosen AS (
    SELECT o.id FROM execution_order o JOIN heads USING (id) WHERE o.status = 'queued' FOR UPDATE OF o SKIP LOCKED
), moved AS (
    UPDATE execution_order o
    SET status = 'submitting', submitted_at = clock_timestamp(),
        valid_until = clock_timestamp() + make_interval(secs => %(validity)s),
        next_check_at = clock_timestamp() + make_interval(secs => %(check_after)s)
    FROM chosen WHERE o.id = chosen.id RETURNING o.*
), noted AS (
    INSERT INTO execution_orderevent (order_id, at, old_status, new_status, reason_code, detail)
    SELECT id, submitted_at, 'queued', 'submitting', '', '' FROM moved
)
SELECT {_ORDER_COLUMNS} FROM moved o JOIN execution_signal s ON s.id = o.signal_id
"""


def claim_orders(
    free: dict[str, int], *, validity_s: float, check_after_s: float, unreconciled: Iterable[str] = ()
) -> list[WorkingOrder]:
    """Move queued orders to `submitting` and commit, up to `free[exchange]` each. Only then may they be sent.

    unreconciled: ids of keys whose orders stay, because one of them may have been sent already.
    """
    if not free:
        return []
    params = {
        "exchanges": list(free),
        "free": list(free.values()),
        "validity": validity_s,
        "check_after": check_after_s,
        "unreconciled": list(unreconciled),
    }
    try:
        with transaction.atomic():
            return [_working_order(*row) for row in fetch(_CLAIM_ORDERS, params)]
    except IntegrityError:
        return []  # another worker took an exclusive order of the same keys and pair at this moment


_CLAIM_CHECKS = f"""
WITH due AS (
    SELECT id FROM execution_order
    WHERE next_check_at <= clock_timestamp()
    ORDER BY next_check_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE execution_order o SET next_check_at = clock_timestamp() + make_interval(secs => %(lease)s)
    FROM due WHERE o.id = due.id RETURNING o.*
)
SELECT {_ORDER_COLUMNS} FROM leased o JOIN execution_signal s ON s.id = o.signal_id
"""


def claim_checks(limit: int) -> list[WorkingOrder]:
    """Take orders whose outcome must be asked for: open ones, unknown ones, and those a dead worker left behind."""
    return [_working_order(*row) for row in fetch(_CLAIM_CHECKS, {"limit": limit, "lease": CHECK_LEASE_S})]


def working_order(order_id: UUID) -> WorkingOrder:
    """One order as workers see it; claims nothing."""
    statement = f"SELECT {_ORDER_COLUMNS} FROM execution_order o JOIN execution_signal s ON s.id = o.signal_id"
    (row,) = fetch(f"{statement} WHERE o.id = %(id)s", {"id": order_id})
    return _working_order(*row)


def _working_order(
    id: UUID, signal_id: UUID, user_id: int, exchange: str, credential_id: UUID | None, mode: str, status: str,
    strategy_id: str, symbol: str, side: str, order_type: str, time_in_force: str, amount: Decimal,
    price: Decimal | None, reference_price: Decimal, filled_amount: Decimal, exchange_order_id: str,
    baseline: str | None, exclusive: bool, submitted_at: datetime, valid_until: datetime,
    expires_at: datetime, clean_misses: int, cancel_requested_at: datetime | None,
    received_at: datetime, cancel_code: str, cancel_reason: str, of_part: bool,
    rest_until: datetime | None, of_trade: bool,
) -> WorkingOrder:  # fmt: skip
    return WorkingOrder(
        id, signal_id, user_id, exchange, credential_id, Mode(mode), OrderStatus(status), strategy_id, symbol,
        Side(side), OrderType(order_type), TimeInForce(time_in_force), amount, price, reference_price, filled_amount,
        exchange_order_id, json.loads(baseline) if baseline else None, exclusive, submitted_at, valid_until,
        expires_at, clean_misses, cancel_requested_at, received_at, cancel_code, cancel_reason, of_part,
        rest_until, of_trade,
    )  # fmt: skip


_RETURN_STALE_CLAIMS = """
UPDATE execution_signal SET status = 'pending', claimed_until = NULL
WHERE status = 'routing' AND claimed_until < clock_timestamp()
"""


def return_stale_claims() -> int:
    """Give back signals whose worker died while routing them. Nothing was sent for them: no order row exists."""
    return execute(_RETURN_STALE_CLAIMS, {})
