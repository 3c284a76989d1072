"""Rows of costs: computed in batches from orders, fills and sampled mids. Doing it again changes nothing."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Max
from django.utils import timezone

from execution.domain.fee_check import Charged, check_fee
from execution.domain.fees import FeeRate
from execution.domain.fill_books import EXPIRES_S
from execution.domain.orders import Side
from execution.domain.regret import OwnFill, Paid, fill_regret_bps, kept_books, regret_bps
from execution.domain.tca import Analysis, Benchmarks, Executed, Unknown, analyse, reversion_bps
from execution.models import OrderCost
from execution.services.costs.books_at import ReadBooksAt, books_at, no_books_at
from execution.services.costs.mids import Mids, ReadMids, mids_now, no_mids
from execution.services.sql import as_rows, execute, fetch, names_of, recordset
from policies.domain.numbers import DECIMAL_PLACES, rounded

BATCH = 500
MOST_BATCHES = 10
BPS_PLACES, RATE_PLACES = 4, 8
OVERLAP = timedelta(minutes=10)
"""Orders end in any order and are committed a little later: the search begins this much before the newest row."""

SAMPLED_WITHIN = timedelta(seconds=15)
"""How much later than its moment a mid still counts as that moment's."""

REVERSION_AFTER = timedelta(seconds=60)
REMEMBERED_FOR = timedelta(seconds=EXPIRES_S)


@dataclass(frozen=True, slots=True)
class _Order:
    """An order that ended with fills, and what was sampled for it before.

    filled_until: its last fill then. explanation: of the choice that sent it; a leg's is that of the whole split.
    """

    id: UUID
    user_id: int
    exchange: str
    mode: str
    strategy_id: str
    symbol: str
    side_word: str
    amount: Decimal
    filled: Decimal
    notional: Decimal
    arrival_mid: Decimal | None
    maker_rate: Decimal | None
    taker_rate: Decimal | None
    submitted_at: datetime | None
    at: datetime
    end_mid: Decimal | None
    mid_after: Decimal | None
    asset_prices: str | None
    vwap: Decimal | None
    vwap_exchanges: int | None
    vwap_why: str | None
    filled_until: datetime | None
    fill_books: str | None
    explanation: str | None
    is_leg: bool

    @property
    def side(self) -> Side:
        return Side(self.side_word)

    @property
    def quote(self) -> str:
        return self.symbol.partition("/")[2]

    @property
    def rate(self) -> FeeRate | None:
        if self.maker_rate is None or self.taker_rate is None:
            return None
        return FeeRate(self.maker_rate, self.taker_rate)

    def as_one_fill(self) -> Executed:
        """Its sums, where the exchange told no executions: what it was charged is not known."""
        return Executed(self.notional / self.filled, self.filled, None)


@dataclass(frozen=True, slots=True)
class _Fill:
    at: datetime
    charged: Charged


_ORDERS = """
SELECT o.id, o.user_id, o.exchange_id, o.mode, s.strategy_id, o.symbol, o.side, o.amount, o.filled_amount,
       o.filled_notional, o.arrival_mid, o.maker_rate, o.taker_rate, o.submitted_at, o.final_at, c.end_mid, c.mid_after,
       c.asset_prices, c.interval_vwap, c.vwap_exchanges, c.vwap_why, c.filled_at, c.fill_books,
       CASE WHEN jsonb_exists(d.explanation, 'asked') THEN d.explanation END, s.leg
FROM execution_order o
JOIN execution_signal s ON s.id = o.signal_id
LEFT JOIN execution_ordercost c ON c.order_id = o.id
LEFT JOIN LATERAL (
    SELECT explanation FROM execution_decision d
    WHERE CASE WHEN s.leg THEN d.signal_id = s.parent_id ELSE d.signal_id = o.signal_id AND d.attempt = o.attempt END
    ORDER BY d.attempt DESC LIMIT 1
) d ON true
WHERE o.filled_amount > 0 AND o.final_at IS NOT NULL AND (o.final_at, o.id) > (%(since)s, %(after)s::uuid)
      AND (%(again)s OR c.order_id IS NULL OR c.filled_amount <> o.filled_amount)
ORDER BY o.final_at, o.id LIMIT %(limit)s
"""
_FILLS = """
SELECT order_id, at, price, amount, fee, fee_asset, maker FROM execution_fill
WHERE order_id = ANY(%(ids)s::uuid[]) ORDER BY at, id
"""
_NOBODY = UUID(int=0)
_EVER = datetime(2000, 1, 1, tzinfo=UTC)


def measure(now: datetime | None = None, mids: ReadMids = mids_now, books: ReadBooksAt = books_at) -> int:
    """Compute the costs of orders that ended since the last time; how many."""
    now = now or timezone.now()
    newest = OrderCost.objects.aggregate(newest=Max("at"))["newest"]
    since = newest - OVERLAP if newest else _EVER
    done = 0
    for orders in _batches(since, again=False, most=MOST_BATCHES):
        _store(orders, now, mids, books)
        done += len(orders)
    return done


def rebuild(since: datetime, now: datetime | None = None) -> Iterator[int]:
    """Compute the costs of all orders that ended since then once more; yields how many are done.

    Mids that were sampled at the time stay: they cannot be had again.
    """
    done = 0
    for orders in _batches(since, again=True, most=None):
        _store(orders, now or timezone.now(), no_mids, no_books_at)
        done += len(orders)
        yield done


def _batches(since: datetime, *, again: bool, most: int | None) -> Iterator[list[_Order]]:
    after, count = _NOBODY, 0
    while most is None or count < most:
        params = {"since": since, "after": after, "again": again, "limit": BATCH}
        orders = [_Order(*row) for row in fetch(_ORDERS, params)]
        if orders:
            yield orders
        if len(orders) < BATCH:
            return
        since, after, count = orders[-1].at, orders[-1].id, count + 1


_COLUMNS = (
    "order_id uuid, user_id int, exchange_id text, mode text, strategy_id text, symbol text, quote text, side text, "
    "at timestamptz, filled_at timestamptz, amount numeric, filled_amount numeric, filled_notional numeric, "
    "arrival_mid numeric, end_mid numeric, mid_after numeric, asset_prices jsonb, average_price numeric, "
    "fill_rate numeric, fill_ms bigint, arrival_bps numeric, reversion_bps numeric, fees numeric, fees_bps numeric, "
    "expected_fees numeric, fee_off boolean, execution_cost numeric, opportunity_cost numeric, shortfall numeric, "
    "shortfall_bps numeric, regret_bps numeric, interval_vwap numeric, vwap_exchanges int, vwap_why text, "
    "vwap_bps numeric, fill_books jsonb, fill_regret_bps numeric, fill_regret_why text, computed_at timestamptz"
)
_NAMES = names_of(_COLUMNS)
_UPSERT = f"""
INSERT INTO execution_ordercost ({", ".join(_NAMES)})
SELECT {", ".join(f"v.{name}" for name in _NAMES)} FROM {recordset(_COLUMNS)}
ON CONFLICT (order_id) DO UPDATE
SET {", ".join(f"{name} = EXCLUDED.{name}" for name in _NAMES if name != "order_id")}
"""  # noqa: S608 - our own column list


def _store(orders: Sequence[_Order], now: datetime, mids: ReadMids, books: ReadBooksAt) -> None:
    fills: dict[UUID, list[_Fill]] = defaultdict(list)
    for order_id, at, *charged in fetch(_FILLS, {"ids": [order.id for order in orders]}):
        fills[order_id].append(_Fill(at, Charged(*charged)))
    recent = [order for order in orders if order.end_mid is None and now - order.at <= SAMPLED_WITHIN]
    wanted = {order.symbol for order in recent}
    wanted |= {f"{asset}/{order.quote}" for order in recent for asset in _third_assets(order, fills[order.id])}
    seen = mids(wanted) if wanted else {}
    known = {order.id: seen for order in recent}
    kept = _books_at_fills([order for order in orders if order.explanation], fills, now, books)
    rows = [_row(order, fills[order.id], now, known.get(order.id, {}), kept.get(order.id)) for order in orders]
    execute(_UPSERT, {"rows": as_rows([[row[name] for name in _NAMES] for row in rows], _NAMES)})


def _books_at_fills(
    orders: Sequence[_Order], fills: Mapping[UUID, Sequence[_Fill]], now: datetime, read: ReadBooksAt
) -> dict[UUID, dict[str, Any]]:
    """What exchanges showed at the last fill of orders that were chosen by comparing them. At most one round trip."""
    recent = [order for order in orders if fills[order.id] and now - fills[order.id][-1].at <= REMEMBERED_FOR]
    moments = {order.id: (order.symbol, fills[order.id][-1].at.timestamp()) for order in recent}
    seen = read(list(set(moments.values()))) if moments else {}
    return {
        order.id: kept_books(books, order.side, _whole_amount(order), moments[order.id][1])
        for order in recent
        if (books := seen.get(moments[order.id]))
    }


def _whole_amount(order: _Order) -> Decimal:
    """What the choice that sent it was about, in base units."""
    expected = json.loads(order.explanation or "{}").get("expected", {}).get("amount")
    return max(order.amount, Decimal(expected or 0))


def _third_assets(order: _Order, fills: Sequence[_Fill]) -> set[str]:
    """What fees were charged in beside the pair's own two assets."""
    return {fill.charged.fee_asset for fill in fills} - {"", *order.symbol.split("/")}


def _row(
    order: _Order, fills: Sequence[_Fill], now: datetime, seen: Mids, kept: dict[str, Any] | None
) -> dict[str, Any]:
    end_mid = seen.get((order.exchange, order.symbol)) if order.end_mid is None else order.end_mid
    prices = {asset: Decimal(price) for asset, price in json.loads(order.asset_prices or "{}").items()}
    for asset in _third_assets(order, fills) - prices.keys():
        price = seen.get((order.exchange, f"{asset}/{order.quote}"))
        if price is not None:
            prices[asset] = price
    checks = [check_fee(order.symbol, fill.charged, order.rate, prices) for fill in fills]
    executed = [
        Executed(fill.charged.price, fill.charged.amount, check.actual)
        for fill, check in zip(fills, checks, strict=True)
    ]
    explanation = json.loads(order.explanation) if order.explanation else None
    filled_at = max((fill.at for fill in fills), default=order.at)
    same = filled_at == order.filled_until  # what was sampled holds until the last fill is another one
    vwap = order.vwap if same else None
    marks = Benchmarks(order.arrival_mid, order.arrival_mid, end_mid, vwap, mid_after=order.mid_after)
    found = analyse(order.side, order.amount, executed or [order.as_one_fill()], marks)
    books = json.loads(order.fill_books) if same and order.fill_books else kept
    paid = Paid(order.filled, order.notional, found.fees)
    return {
        "order_id": order.id,
        "user_id": order.user_id,
        "exchange_id": order.exchange,
        "mode": order.mode,
        "strategy_id": order.strategy_id,
        "symbol": order.symbol,
        "quote": order.quote,
        "side": order.side.value,
        "at": order.at,
        "filled_at": filled_at,
        "amount": order.amount,
        "filled_amount": order.filled,
        "filled_notional": order.notional,
        "arrival_mid": order.arrival_mid,
        "end_mid": end_mid,
        "mid_after": order.mid_after,
        "asset_prices": {asset: str(price) for asset, price in prices.items()},
        "fill_ms": _milliseconds(order.submitted_at, filled_at),
        "expected_fees": _total([check.expected for check in checks]),
        "fee_off": _any_off([check.off for check in checks]),
        "computed_at": now,
        "interval_vwap": vwap,
        "vwap_exchanges": order.vwap_exchanges if same else None,
        "vwap_why": (order.vwap_why or "") if same else "",
        "fill_books": books,
        **_figures(found),
        **_regrets(order, explanation, books, fills, paid),
    }


def _regrets(
    order: _Order, explanation: Mapping[str, Any] | None, books: Any, fills: Sequence[_Fill], paid: Paid
) -> dict[str, Any]:
    """A leg has none of its own: how much of a split an exchange got is no fault or merit of it."""
    at_fill: Decimal | Unknown = Unknown.PART
    at_decision = None
    if not order.is_leg:
        taken = [OwnFill(order.exchange, f.at.timestamp(), f.charged.price, f.charged.amount) for f in fills]
        at_decision = regret_bps(explanation, paid.filled, paid.notional, paid.fees)
        at_fill = fill_regret_bps(explanation, books, taken, paid)
    return {
        "regret_bps": _rounded(at_decision, BPS_PLACES),
        "fill_regret_bps": rounded(at_fill, BPS_PLACES) if isinstance(at_fill, Decimal) else None,
        "fill_regret_why": "" if isinstance(at_fill, Decimal) else at_fill.value,
    }


def _figures(found: Analysis) -> dict[str, Any]:
    """The analysis, rounded to what the columns keep."""
    money = ("average_price", "fees", "execution_cost", "opportunity_cost", "shortfall")
    bps = ("arrival_bps", "vwap_bps", "reversion_bps", "fees_bps", "shortfall_bps")
    return {
        "fill_rate": rounded(found.fill_rate, RATE_PLACES),
        **{name: _rounded(getattr(found, name), DECIMAL_PLACES) for name in money},
        **{name: _rounded(getattr(found, name), BPS_PLACES) for name in bps},
    }


def _rounded(value: Decimal | None, places: int) -> Decimal | None:
    return None if value is None else rounded(value, places)


def _total(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(values) else None


def _any_off(flags: Sequence[bool | None]) -> bool | None:
    """True if any fill is off; False only if all could be told and none is."""
    if any(flags):
        return True
    return None if None in flags or not flags else False


def _milliseconds(start: datetime | None, end: datetime) -> int | None:
    """Never negative: fills have the exchange's time, which may be behind ours."""
    return None if start is None else max(0, round((end - start).total_seconds() * 1000))


_DUE = """
SELECT order_id, exchange_id, symbol, side, average_price FROM execution_ordercost
WHERE at >= %(oldest)s AND mid_after IS NULL AND filled_at BETWEEN %(oldest)s AND %(newest)s
"""
_SAMPLE = f"""
UPDATE execution_ordercost c SET mid_after = v.mid, reversion_bps = v.reversion
FROM {recordset("id uuid, mid numeric, reversion numeric")} WHERE c.order_id = v.id AND c.mid_after IS NULL
"""  # noqa: S608 - our own column list


def sample(now: datetime | None = None, mids: ReadMids = mids_now) -> int:
    """Note the mids of orders whose last fill is a minute old; how many. Too late, it stays unknown."""
    now = now or timezone.now()
    due = fetch(_DUE, {"newest": now - REVERSION_AFTER, "oldest": now - REVERSION_AFTER - SAMPLED_WITHIN})
    seen = mids({row[2] for row in due}) if due else {}
    rows = [
        (order_id, mid, rounded(reversion_bps(Side(side), average, mid), BPS_PLACES))
        for order_id, exchange, symbol, side, average in due
        if (mid := seen.get((exchange, symbol))) is not None
    ]
    return execute(_SAMPLE, {"rows": as_rows(rows, ("id", "mid", "reversion"))}) if rows else 0
