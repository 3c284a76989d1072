"""Minutes of the market's trades in the database: written together, read to go on where a process stopped."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from execution.domain.trade_tape import REMEMBERED_S, Bar, Mark, Tape
from execution.services.sql import as_rows, execute, fetch, names_of, recordset

_BAR = (
    "exchange_id text, symbol text, minute timestamptz, volume numeric, notional numeric, trades int, gap boolean, "
    "seen_to timestamptz, last_trade_id text, last_trade_at timestamptz"
)
_NAMES = names_of(_BAR)
_UPSERT = f"""
INSERT INTO execution_marketbar ({", ".join(_NAMES)})
SELECT {", ".join(f"v.{name}" for name in _NAMES)} FROM {recordset(_BAR)}
JOIN policies_exchange e ON e.slug = v.exchange_id
ON CONFLICT (symbol, minute, exchange_id) DO UPDATE
SET {", ".join(f"{name} = EXCLUDED.{name}" for name in _NAMES[3:])}
"""  # noqa: S608 - our own column list

Key = tuple[str, str]
"""Exchange and pair."""

Changed = dict[tuple[str, str, int], tuple[Mark, Bar]]
"""Bars to write, by exchange, pair and beginning, each with how far its tape had come."""


def store_bars(changed: Changed) -> int:
    """Write bars as they stand: sums, so that writing them twice changes nothing. One statement; how many."""
    rows = [
        (
            exchange, symbol, _moment(bar.begins), bar.volume, bar.notional, bar.trades, bar.gap, _moment(bar.seen_to),
            mark.last_id[:80], _moment(mark.last_at) if mark.last_id else None,
        )
        for (exchange, symbol, _), (mark, bar) in changed.items()
    ]  # fmt: skip
    return execute(_UPSERT, {"rows": as_rows(rows, _NAMES)}) if rows else 0


_STOPPED = """
SELECT b.exchange_id, b.symbol, b.minute, b.volume, b.notional, b.trades, b.gap, b.seen_to, b.last_trade_id,
       b.last_trade_at
FROM execution_marketbar b
JOIN unnest(%(exchanges)s::text[], %(symbols)s::text[]) AS v (exchange_id, symbol) USING (exchange_id, symbol)
WHERE b.minute >= %(since)s ORDER BY b.minute
"""


def stopped_tapes(keys: Collection[Key], now: datetime) -> dict[Key, Tape]:
    """Tapes that go on where an earlier process stopped, if that is not long ago. One query."""
    if not keys:
        return {}
    exchanges, symbols = zip(*sorted(keys), strict=True)
    since = now - timedelta(seconds=REMEMBERED_S)
    found: dict[Key, list[Any]] = {}
    params = {"exchanges": list(exchanges), "symbols": list(symbols), "since": since}
    for exchange, symbol, *row in fetch(_STOPPED, params):
        found.setdefault((exchange, symbol), []).append(row)
    return {key: _tape(rows) for key, rows in found.items()}


def _tape(rows: list[Any]) -> Tape:
    bars = [
        Bar(int(minute.timestamp()), volume, notional, trades, gap, seen_to.timestamp())
        for minute, volume, notional, trades, gap, seen_to, *_ in rows
    ]
    *_, last_id, last_at = rows[-1]
    return Tape(Mark(last_id, last_at.timestamp() if last_at else 0.0, max(bar.seen_to for bar in bars)), bars)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
