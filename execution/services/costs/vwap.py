"""The market's average price in the minutes of an order, once they are over."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from execution.domain.orders import Side
from execution.domain.tca import Traded, Unknown, interval_vwap, vwap_slippage_bps
from execution.services.sql import as_rows, execute, fetch, recordset
from policies.domain.numbers import DECIMAL_PLACES, rounded

READY_AFTER = timedelta(seconds=15)
"""So long after its last minute the trades of an order can be known."""

GIVE_UP_AFTER = timedelta(minutes=10)
"""What the market data process has not learned so long after the order's end it will not learn any more."""

BATCH = 500
BPS_PLACES = 4


_Interval = tuple[str, str, datetime, datetime]
"""An order's exchange, its pair, and the beginnings of its first and last minute."""


@dataclass(frozen=True, slots=True)
class _Due:
    """An order whose minutes are over. first, last: their beginnings."""

    id: UUID
    exchange: str
    symbol: str
    side: str
    average_price: Decimal
    first: datetime
    last: datetime
    ended_at: datetime

    @property
    def interval(self) -> _Interval:
        return self.exchange, self.symbol, self.first, self.last


# An exchange's clock may be behind ours: an order has the minute of its sending at least.
_DUE = """
SELECT c.order_id, c.exchange_id, c.symbol, c.side, c.average_price, m.first, greatest(m.first, m.last), c.at
FROM execution_ordercost c JOIN execution_order o ON o.id = c.order_id
CROSS JOIN LATERAL (SELECT date_trunc('minute', COALESCE(o.submitted_at, o.created_at)) AS first,
                           date_trunc('minute', c.filled_at) AS last) m
WHERE c.at >= %(oldest)s AND c.interval_vwap IS NULL AND c.vwap_why = ''
  AND greatest(m.first, m.last) + interval '1 minute' <= %(ready)s
ORDER BY c.at LIMIT %(limit)s
"""
_WANTED = "exchange text, symbol text, first timestamptz, last timestamptz"
_TRADED = f"""
SELECT v.exchange, v.symbol, v.first, v.last, t.*
FROM {recordset(_WANTED)}
CROSS JOIN LATERAL (
    SELECT count(*), count(*) FILTER (WHERE NOT b.gap AND b.seen_to >= b.minute + interval '1 minute'),
           count(DISTINCT b.exchange_id), COALESCE(bool_or(b.exchange_id = v.exchange), false),
           COALESCE(sum(b.notional), 0), COALESCE(sum(b.volume), 0)
    FROM execution_marketbar b WHERE b.symbol = v.symbol AND b.minute BETWEEN v.first AND v.last
) t
"""
_KNOWN = "id uuid, vwap numeric, bps numeric, exchanges int, why text"
_STORE = f"""
UPDATE execution_ordercost c
SET interval_vwap = v.vwap, vwap_bps = v.bps, vwap_exchanges = v.exchanges, vwap_why = v.why
FROM {recordset(_KNOWN)} WHERE c.order_id = v.id
"""  # noqa: S608 - our own column list


def measure_vwap(now: datetime) -> int:
    """Compare orders with the market's trades of their minutes; how many are settled. Three statements.

    What is not whole yet is asked again until GIVE_UP_AFTER, and is unknown then.
    """
    params = {"oldest": now - 2 * GIVE_UP_AFTER, "ready": now - READY_AFTER, "limit": BATCH}
    due = [_Due(*row) for row in fetch(_DUE, params)]
    if not due:
        return 0
    traded = _traded({order.interval for order in due})
    rows = []
    for order in due:
        found = interval_vwap(traded[order.interval])
        if isinstance(found, Decimal) or now - _over_at(order) > GIVE_UP_AFTER:
            rows.append(_row(order, found, traded[order.interval].exchanges))
    return execute(_STORE, {"rows": as_rows(rows, ("id", "vwap", "bps", "exchanges", "why"))}) if rows else 0


def _traded(intervals: Collection[_Interval]) -> dict[_Interval, Traded]:
    """What the market traded in each. Many orders of a moment have one interval in common."""
    found = {}
    wanted = as_rows(intervals, ("exchange", "symbol", "first", "last"))
    for *interval, bars, whole, exchanges, own, notional, volume in fetch(_TRADED, {"rows": wanted}):
        exchange, symbol, first, last = interval
        minutes = round((last - first).total_seconds() / 60) + 1
        found[exchange, symbol, first, last] = Traded(minutes, exchanges, bars, whole, own, notional, volume)
    return found


def _over_at(order: _Due) -> datetime:
    return max(order.ended_at, order.last + timedelta(minutes=1))


def _row(order: _Due, found: Decimal | Unknown, exchanges: int) -> Sequence[object]:
    if isinstance(found, Unknown):
        return order.id, None, None, None, found.value
    bps = vwap_slippage_bps(Side(order.side), order.average_price, found)
    return order.id, rounded(found, DECIMAL_PLACES), rounded(bps, BPS_PLACES), exchanges, ""
