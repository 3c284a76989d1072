"""The market's latest trades in an exchange's answer, and how far back they are all there."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from execution.domain.trade_tape import RecentTrades, named
from execution.exchanges.firi_orders import epoch
from execution.exchanges.reading import reading

SURELY_WHOLE = 50
"""No exchange cuts its answer at fewer trades, whatever length it was asked for and documents."""

Raw = Mapping[str, Any]


@reading()
def from_ccxt(raws: Sequence[Raw], limit: int, start: float) -> RecentTrades:
    """ccxt's trades. start: the moment they were asked for from; 0: none, so a short answer is all there ever was."""
    rows = [
        (
            str(raw.get("id") or ""),
            _number(raw["price"]),
            _number(raw["amount"]),
            float(raw.get("timestamp") or 0) / 1000,
        )
        for raw in raws
    ]
    return _recent(rows, limit, start)


@reading()
def from_firi(raws: Sequence[Raw], limit: int) -> RecentTrades:
    """Firi's history, which has no ids."""
    rows = [("", _number(raw["price"]), _number(raw["amount"]), epoch(str(raw["created_at"]))) for raw in raws]
    return _recent(rows, limit, 0.0)


def _recent(rows: Sequence[tuple[str, Decimal, Decimal, float]], limit: int, start: float) -> RecentTrades:
    oldest = min((at for *_, at in rows if at > 0), default=start)
    whole = len(rows) < min(limit, SURELY_WHOLE)
    return RecentTrades(named(rows), start if whole else oldest)


def _number(value: Any) -> Decimal:
    """Not `reading.number`: one absurd trade must not hide the others; whoever counts them refuses it."""
    return Decimal(str(value))
