"""The one door through which an order changes: its move, fills, positions, fees and signal, in one transaction.

Every move is a compare-and-set on (status, filled amount, look-ups that missed): what another process recorded first
wins, and recording the same thing twice changes nothing. Batches keep it cheap: six statements for any number of
orders, and two or three more when some of them are of signals in parts.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from execution.domain import life
from execution.domain.life import FillsDisagree as FillsDisagree
from execution.domain.life import SignalState, check_fills, signal_after
from execution.domain.orders import FINAL, SIGNAL_FINAL, check_move
from execution.services.claims import WorkingOrder
from execution.services.parts import settle
from execution.services.sql import as_rows, execute, fetch, names_of, recordset

if TYPE_CHECKING:
    Move = life.Move[WorkingOrder]
else:
    Move = life.Move  # a parametrised generic cannot make frozen instances with slots (Python 3.11)


def record(moves: Sequence[Move]) -> set[UUID]:
    """Record what is known; returns the ids of the orders that changed. At most one move per order.

    Raises IllegalTransition before anything is written, FillsDisagree when executions and amounts contradict.
    """
    for move in moves:
        check_move(move.order.status, move.status)
    if not moves:
        return set()
    by_id = {move.order.id: move for move in sorted(moves, key=lambda move: move.order.id)}
    with transaction.atomic():
        locked = _lock(by_id.values())
        applied = [move for move in by_id.values() if move.order.id in locked]
        if not applied:
            return set()
        notional = _insert_fills(applied)
        _update_orders(applied, notional)
        _insert_events(applied)
        _update_signals(applied, notional, locked)
        # Parents are locked after all parts.
        settle(_parents_of_changed(applied, locked), now=max(move.at for move in applied))
    return set(locked)


def _parents_of_changed(moves: Sequence[Move], states: Mapping[UUID, SignalState]) -> set[UUID]:
    return {
        parent
        for move in moves
        if (parent := states[move.order.id].parent_id) is not None
        and (move.status in FINAL or move.filled != move.order.filled_amount)
    }


_SEEN = "id uuid, status text, filled numeric, misses int"
_LOCK = f"""
SELECT o.id, s.expires_at, COALESCE(s.cancel_requested_at, o.cancel_requested_at) IS NOT NULL, s.attempt, s.leg,
       s.parent_id
FROM {recordset(_SEEN)}
JOIN execution_order o ON o.id = v.id AND o.status = v.status AND o.filled_amount = v.filled
                      AND o.clean_misses = v.misses
JOIN execution_signal s ON s.id = o.signal_id
ORDER BY o.id FOR UPDATE
"""


def _lock(moves: Iterable[Move]) -> dict[UUID, SignalState]:
    seen = (move.order for move in moves)
    rows = [(order.id, order.status.value, order.filled_amount, order.clean_misses) for order in seen]
    found = fetch(_LOCK, {"rows": as_rows(rows, names_of(_SEEN))})
    return {row[0]: SignalState(*row[1:]) for row in found}


_FILL = (
    "order_id uuid, trade_id text, at timestamptz, amount numeric, price numeric, fee numeric, fee_asset text, "
    "maker bool"
)
_INSERT_FILLS = f"""
INSERT INTO execution_fill (order_id, trade_id, at, amount, price, fee, fee_asset, maker)
SELECT * FROM {recordset(_FILL)}
ON CONFLICT (order_id, trade_id) DO NOTHING
RETURNING order_id, amount, price, fee, fee_asset
"""


def _insert_fills(moves: Sequence[Move]) -> dict[UUID, Decimal]:
    """Insert the executions that are new; returns each order's new notional. Positions and fees follow them."""
    rows = [
        (
            move.order.id, trade.trade_id, datetime.fromtimestamp(trade.at, UTC) if trade.at else move.at,
            trade.amount, trade.price, trade.fee, trade.fee_asset, trade.maker,
        )
        for move in moves
        for trade in move.trades
    ]  # fmt: skip
    if not rows:
        _check_fills(moves, {})
        return {}
    inserted = fetch(_INSERT_FILLS, {"rows": as_rows(rows, names_of(_FILL))})
    amounts: dict[UUID, Decimal] = defaultdict(Decimal)
    notional: dict[UUID, Decimal] = defaultdict(Decimal)
    for order_id, amount, price, _, _ in inserted:
        amounts[order_id] += amount
        notional[order_id] += amount * price
    _check_fills(moves, amounts)
    orders = {move.order.id: move.order for move in moves}
    _add_to_positions([(orders[row[0]], *row[1:]) for row in inserted])
    return notional


def _check_fills(moves: Sequence[Move], inserted: dict[UUID, Decimal]) -> None:
    for move in moves:
        check_fills(move, inserted.get(move.order.id, Decimal(0)))


_MOVED = (
    "id uuid, status text, code text, detail text, exchange_order_id text, filled numeric, notional numeric, "
    "acked_at timestamptz, check_at timestamptz, misses int, final_at timestamptz"
)
_UPDATE_ORDERS = f"""
UPDATE execution_order o
SET status = v.status, reason_code = v.code, reason_detail = v.detail,
    exchange_order_id = CASE WHEN v.exchange_order_id = '' THEN o.exchange_order_id ELSE v.exchange_order_id END,
    filled_amount = v.filled, filled_notional = o.filled_notional + v.notional,
    acked_at = COALESCE(o.acked_at, v.acked_at), next_check_at = v.check_at, clean_misses = v.misses,
    final_at = v.final_at
FROM {recordset(_MOVED)}
WHERE o.id = v.id
"""


def _update_orders(moves: Sequence[Move], notional: dict[UUID, Decimal]) -> None:
    rows = [
        (
            move.order.id, move.status.value, move.code, move.detail, move.exchange_order_id, move.filled,
            notional.get(move.order.id, Decimal(0)), move.at if move.acknowledged else None,
            None if move.status in FINAL else move.check_at, move.clean_misses,
            move.at if move.status in FINAL else None,
        )
        for move in moves
    ]  # fmt: skip
    execute(_UPDATE_ORDERS, {"rows": as_rows(rows, names_of(_MOVED))})


_EVENT = "order_id uuid, at timestamptz, old text, new text, code text, detail text"
_INSERT_EVENTS = f"""
INSERT INTO execution_orderevent (order_id, at, old_status, new_status, reason_code, detail)
SELECT * FROM {recordset(_EVENT)}
"""


def _insert_events(moves: Sequence[Move]) -> None:
    rows = [
        (move.order.id, move.at, move.order.status.value, move.status.value, move.code, move.detail)
        for move in moves
        if move.status != move.order.status or move.filled != move.order.filled_amount or move.detail
    ]
    if rows:
        execute(_INSERT_EVENTS, {"rows": as_rows(rows, names_of(_EVENT))})


_SIGNAL = (
    "id uuid, status text, code text, detail text, final_at timestamptz, filled numeric, notional numeric, tried text"
)
_UPDATE_SIGNALS = f"""
UPDATE execution_signal s
SET status = v.status, reason_code = v.code, reason_detail = v.detail, final_at = v.final_at,
    filled_amount = v.filled, filled_notional = s.filled_notional + v.notional,
    tried = CASE WHEN v.tried = '' THEN s.tried ELSE array_append(s.tried, v.tried) END
FROM {recordset(_SIGNAL)}
WHERE s.id = v.id
"""


def _update_signals(moves: Sequence[Move], notional: dict[UUID, Decimal], states: dict[UUID, SignalState]) -> None:
    rows = []
    for move in moves:
        status, tried = signal_after(move, states[move.order.id])
        final = status in SIGNAL_FINAL
        rows.append(
            (
                move.order.signal_id, status.value, move.code, move.detail, move.at if final else None, move.filled,
                notional.get(move.order.id, Decimal(0)), tried,
            )
        )  # fmt: skip
    execute(_UPDATE_SIGNALS, {"rows": as_rows(rows, names_of(_SIGNAL))})


_POSITION = (
    "user_id int, exchange text, mode text, symbol text, bought_amount numeric, bought_notional numeric, "
    "sold_amount numeric, sold_notional numeric, base_fees numeric, quote_fees numeric"
)
_UPSERT_POSITIONS = f"""
INSERT INTO execution_position (user_id, exchange_id, mode, symbol, bought_amount, bought_notional, sold_amount,
                                sold_notional, base_fees, quote_fees, updated_at)
SELECT v.*, clock_timestamp()
FROM {recordset(_POSITION)}
ON CONFLICT (user_id, exchange_id, mode, symbol) DO UPDATE
SET bought_amount = execution_position.bought_amount + EXCLUDED.bought_amount,
    bought_notional = execution_position.bought_notional + EXCLUDED.bought_notional,
    sold_amount = execution_position.sold_amount + EXCLUDED.sold_amount,
    sold_notional = execution_position.sold_notional + EXCLUDED.sold_notional,
    base_fees = execution_position.base_fees + EXCLUDED.base_fees,
    quote_fees = execution_position.quote_fees + EXCLUDED.quote_fees,
    updated_at = EXCLUDED.updated_at
"""
_FEE = "user_id int, exchange text, mode text, asset text, amount numeric"
_UPSERT_FEES = f"""
INSERT INTO execution_feetotal (user_id, exchange_id, mode, asset, amount)
SELECT v.* FROM {recordset(_FEE)}
ON CONFLICT (user_id, exchange_id, mode, asset) DO UPDATE SET amount = execution_feetotal.amount + EXCLUDED.amount
"""

_Inserted = tuple[WorkingOrder, Decimal, Decimal, Decimal, str]


def _add_to_positions(inserted: Sequence[_Inserted]) -> None:
    # Sums only, sorted by key: batches of several workers add up in any order and cannot deadlock.
    positions: dict[tuple[int, str, str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 6)
    fees: dict[tuple[int, str, str, str], Decimal] = defaultdict(Decimal)
    for order, amount, price, fee, fee_asset in inserted:
        sums = positions[order.user_id, order.exchange, order.mode.value, order.symbol]
        offset = 0 if order.side == "buy" else 2
        sums[offset] += amount
        sums[offset + 1] += amount * price
        base, _, quote = order.symbol.partition("/")
        if fee_asset == base:
            sums[4] += fee
        elif fee_asset == quote:
            sums[5] += fee
        if fee:
            fees[order.user_id, order.exchange, order.mode.value, fee_asset] += fee
    rows = [(*key, *sums) for key, sums in sorted(positions.items())]
    execute(_UPSERT_POSITIONS, {"rows": as_rows(rows, names_of(_POSITION))})
    if fees:
        charged = [(*key, amount) for key, amount in sorted(fees.items())]
        execute(_UPSERT_FEES, {"rows": as_rows(charged, names_of(_FEE))})


_SAVE_BASELINE = """
UPDATE execution_order SET baseline = %(baseline)s::jsonb
WHERE id = %(id)s AND status = 'submitting' AND baseline IS NULL
"""


def save_baseline(order_id: UUID, baseline: str) -> bool:
    """Commit what the exchange showed before sending. False: somebody else moved the order, so do not send it."""
    return execute(_SAVE_BASELINE, {"id": order_id, "baseline": baseline}) == 1
