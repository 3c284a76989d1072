"""The costs of orders as a table for a spreadsheet."""

import csv
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.http import HttpResponse

from execution.models import OrderCost
from policies.domain.numbers import plain

FIELDS = (
    "at", "user", "exchange_id", "mode", "strategy_id", "symbol", "side", "amount", "filled_amount", "filled_notional",
    "average_price", "arrival_mid", "end_mid", "mid_after", "interval_vwap", "vwap_exchanges", "fill_rate", "fill_ms",
    "arrival_bps", "spread_bps", "vwap_bps", "vwap_why", "reversion_bps", "fees", "fees_bps", "expected_fees",
    "fee_off", "execution_cost", "opportunity_cost", "shortfall", "shortfall_bps", "regret_bps", "fill_regret_bps",
    "fill_regret_why", "order_id",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cost_csv(rows: Iterable[OrderCost]) -> HttpResponse:
    """One line per order. Clients choose the names of strategies: none becomes a formula."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="costs.csv"'
    writer = csv.writer(response)
    writer.writerow(name.removesuffix("_id") for name in FIELDS)
    for row in rows:
        writer.writerow(_cell(getattr(row, name)) for name in FIELDS)
    return response


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
