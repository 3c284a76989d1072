"""Rows of costs: computed in batches from orders, fills and sampled mids. Doing it again changes nothing."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Max
from django.utils import timezone

from execution.domain.fee_check import Charged, check_fee
from execution.domain.fees import FeeRate
from execution.domain.orders import Side
from execution.domain.regret import regret_bps
from execution.domain.tca import Analysis, Benchmarks, Executed, analyse, reversion_bps
from execution.models import OrderCost
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


@dataclass(frozen=True, slots=True)
class _Order:
    """An order that ended with fills, and the mids that were sampled for it before."""

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
    explanation: str | None

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
       c.asset_prices, CASE WHEN jsonb_exists(d.explanation, 'asked') THEN d.explanation END
FROM execution_order o
JOIN execution_signal s ON s.id = o.signal_id
LEFT JOIN execution_ordercost c ON c.order_id = o.id
LEFT JOIN execution_decision d ON d.signal_id = o.signal_id AND d.attempt = o.attempt
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


def measure(now: datetime | None = None, mids: ReadMids = mids_now) -> int:
    """Compute the costs of orders that ended since the last time; how many."""
    now = now or timezone.now()
    newest = OrderCost.objects.aggregate(newest=Max("at"))["newest"]
    since = newest - OVERLAP if newest else _EVER
    done = 0
    for orders in _batches(since, again=False, most=MOST_BATCHES):
        _store(orders, now, mids)
        done += len(orders)
    return done


def rebuild(since: datetime, now: datetime | None = None) -> Iterator[int]:
    """Compute the costs of all orders that ended since then once more; yields how many are done.

    Mids that were sampled at the time stay: they cannot be had again.
    """
    done = 0
    for orders in _batches(since, again=True, most=None):
        _store(orders, now or timezone.now(), no_mids)
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
    "shortfall_bps numeric, regret_bps numeric, computed_at timestamptz"
)
_NAMES = names_of(_COLUMNS)
_UPSERT = f"""
INSERT INTO execution_ordercost ({", ".join(_NAMES)})
SELECT {", ".join(f"v.{name}" for name in _NAMES)} FROM {recordset(_COLUMNS)}
ON CONFLICT (order_id) DO UPDATE
SET {", ".join(f"{name} = EXCLUDED.{name}" for name in _NAMES if name != "order_id")}
"""  # noqa: S608 - our own column list


def _store(orders: Sequence[_Order], now: datetime, mids: ReadMids) -> None:
    fills: dict[UUID, list[_Fill]] = defaultdict(list)
    for order_id, at, *charged in fetch(_FILLS, {"ids": [order.id for order in orders]}):
        fills[order_id].append(_Fill(at, Charged(*charged)))
    recent = [order for order in orders if order.end_mid is None and now - order.at <= SAMPLED_WITHIN]
    wanted = {order.symbol for order in recent}
    wanted |= {f"{asset}/{order.quote}" for order in recent for asset in _third_assets(order, fills[order.id])}
    seen = mids(wanted) if wanted else {}
    known = {order.id: seen for order in recent}
    rows = [_row(order, fills[order.id], now, known.get(order.id, {})) for order in orders]
    execute(_UPSERT, {"rows": as_rows([[row[name] for name in _NAMES] for row in rows], _NAMES)})


def _third_assets(order: _Order, fills: Sequence[_Fill]) -> set[str]:
    """What fees were charged in beside the pair's own two assets."""
    return {fill.charged.fee_asset for fill in fills} - {"", *order.symbol.split("/")}


def _row(order: _Order, fills: Sequence[_Fill], now: datetime, seen: Mids) -> dict[str, Any]:
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
    marks = Benchmarks(order.arrival_mid, order.arrival_mid, end_mid, mid_after=order.mid_after)
    found = analyse(order.side, order.amount, executed or [order.as_one_fill()], marks)
    filled_at = max((fill.at for fill in fills), default=order.at)
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
        **_figures(found),
        "regret_bps": _rounded(regret_bps(explanation, order.filled, order.notional, found.fees), BPS_PLACES),
    }


def _figures(found: Analysis) -> dict[str, Any]:
    """The analysis, rounded to what the columns keep."""
    money = ("average_price", "fees", "execution_cost", "opportunity_cost", "shortfall")
    bps = ("arrival_bps", "reversion_bps", "fees_bps", "shortfall_bps")
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
