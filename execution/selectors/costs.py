"""What executions cost: by exchange, by strategy, how it is spread, and of one signal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db.models import QuerySet

from execution.domain.fee_check import Charged, FeeCheck, check_fee
from execution.domain.fees import FeeRate
from execution.domain.orders import Side
from execution.domain.regret import OwnFill, Paid, fill_regret_bps, regret_bps
from execution.domain.tca import Part, Unknown, Whole, combine
from execution.models import Decision, Fill, Order, OrderCost, Signal
from execution.selectors.query import fetch

WINDOWS = {"1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
USUAL_WINDOW = "7d"
MOST_GROUPS = 200
BOUNDS_BPS = (-20, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 50)
"""The bars of the distribution end here; the first and the last are open."""


class By(StrEnum):
    """What costs are added up by."""

    EXCHANGE = "exchange"
    STRATEGY = "strategy"


@dataclass(frozen=True, slots=True)
class Which:
    """Which orders: ended since then, and of one user, exchange, strategy or mode where it is given."""

    since: datetime
    user_id: int | None = None
    exchange: str = ""
    strategy_id: str = ""
    mode: str = ""

    def _given(self) -> dict[str, Any]:
        wanted = {
            "user_id": self.user_id, "exchange_id": self.exchange, "strategy_id": self.strategy_id, "mode": self.mode,
        }  # fmt: skip
        return {name: value for name, value in wanted.items() if value not in (None, "")}

    def rows(self) -> QuerySet[OrderCost]:
        """Newest first."""
        rows = OrderCost.objects.filter(at__gte=self.since, **self._given())
        return rows.order_by("-at", "pk").defer("fill_books")

    def sql(self) -> tuple[str, dict[str, Any]]:
        """The same as a condition with its parameters."""
        given = self._given()
        conditions = ["at >= %(since)s", *(f"{name} = %({name})s" for name in given)]
        return " AND ".join(conditions), {"since": self.since, **given}


@dataclass(frozen=True, slots=True)
class Group:
    """The orders of one exchange or strategy in one mode and quote asset. Means are weighted by value.

    measured: orders whose mid at the decision is known; slippages and the whole cost are theirs. vwap_measured and so
    on: orders of which that figure is known; its mean is theirs. What nothing is known of is None. Times in
    milliseconds; shares of 1.
    """

    name: str
    mode: str
    quote: str
    orders: int
    measured: int
    traded: Decimal
    slippage_bps: Decimal | None
    slippage_p50_bps: Decimal | None
    slippage_p95_bps: Decimal | None
    fees_bps: Decimal | None
    cost_bps: Decimal | None
    reversion_bps: Decimal | None
    fill_rate: Decimal
    fill_p50_ms: float | None
    fees_off: int
    vwap_bps: Decimal | None
    vwap_measured: int
    regret_bps: Decimal | None
    regret_measured: int
    fill_regret_bps: Decimal | None
    fill_regret_measured: int

    @property
    def spread_bps(self) -> Decimal | None:
        """The mean effective spread."""
        return None if self.slippage_bps is None else 2 * self.slippage_bps


def _mean(figure: str, weight: str = "filled_notional") -> str:
    known = f"FILTER (WHERE {figure} IS NOT NULL)"
    return f"sum({figure} * {weight}) {known} / NULLIF(sum({weight}) {known}, 0)"


_GROUPS = f"""
SELECT {{column}}, mode, quote, count(*), count(arrival_bps), sum(filled_notional), {_mean("arrival_bps")},
       (percentile_cont(0.5) WITHIN GROUP (ORDER BY arrival_bps))::numeric(14, 4),
       (percentile_cont(0.95) WITHIN GROUP (ORDER BY arrival_bps))::numeric(14, 4),
       {_mean("fees_bps")}, {_mean("shortfall_bps", "amount * arrival_mid")}, {_mean("reversion_bps")}, avg(fill_rate),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY fill_ms), count(*) FILTER (WHERE fee_off),
       {_mean("vwap_bps")}, count(vwap_bps), {_mean("regret_bps")}, count(regret_bps),
       {_mean("fill_regret_bps")}, count(fill_regret_bps)
FROM execution_ordercost WHERE {{where}}
GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3 LIMIT {MOST_GROUPS}
"""
_COLUMNS = {By.EXCHANGE: "exchange_id", By.STRATEGY: "strategy_id"}


def groups(by: By, which: Which) -> list[Group]:
    """The busiest first. One query."""
    where, params = which.sql()
    return [Group(*row) for row in fetch(_GROUPS.format(column=_COLUMNS[by], where=where), params)]


@dataclass(frozen=True, slots=True)
class Bar:
    """How many orders' slippage lies from `low` to below `high` bps; None: without a bound."""

    low: int | None
    high: int | None
    orders: int


_SPREAD = """
SELECT width_bucket(arrival_bps, %(bounds)s::numeric[]), count(*)
FROM execution_ordercost WHERE arrival_bps IS NOT NULL AND {where} GROUP BY 1
"""


def distribution(which: Which) -> list[Bar]:
    """How slippage is spread; every bar is there, empty or not. One query."""
    where, params = which.sql()
    counts = dict(fetch(_SPREAD.format(where=where), {**params, "bounds": list(BOUNDS_BPS)}))
    edges = [None, *BOUNDS_BPS, None]
    return [Bar(edges[n], edges[n + 1], counts.get(n, 0)) for n in range(len(edges) - 1)]


def fees_off(which: Which, most: int) -> list[OrderCost]:
    """The newest orders that were charged something else than expected. One query."""
    return list(which.rows().filter(fee_off=True).select_related("user", "order")[:most])


@dataclass(frozen=True, slots=True)
class FillCost:
    """A fill with its fee as charged and as expected, in quote units."""

    fill: Fill
    check: FeeCheck


@dataclass(frozen=True, slots=True)
class OrderPanel:
    """One order of a signal, as far as its costs are known."""

    order: Order
    cost: OrderCost
    fills: tuple[FillCost, ...]


@dataclass(frozen=True, slots=True)
class CostPanel:
    """What a signal cost: its orders, and all of them together where there are several.

    regret_bps, fill_regret: of the whole, against the best on the books that were compared when it was decided, and on
    those of the last fill.
    """

    orders: tuple[OrderPanel, ...]
    whole: Whole | None
    regret_bps: Decimal | None = None
    fill_regret: Decimal | Unknown = Unknown.NOT_COMPARED

    @property
    def fill_regret_bps(self) -> Decimal | None:
        """None: not known."""
        return None if isinstance(self.fill_regret, Unknown) else self.fill_regret

    @property
    def fill_regret_why(self) -> str:
        """Why it is not known."""
        return self.fill_regret.value if isinstance(self.fill_regret, Unknown) else ""


def cost_panel(orders: Sequence[Order]) -> CostPanel | None:
    """From orders that were read with `cost` and their fills; None while nothing is measured. No query."""
    panels = tuple(_panel(order, order.cost) for order in orders if hasattr(order, "cost"))
    if not panels:
        return None
    parts = [Part(p.cost.filled_amount, p.cost.filled_notional, p.cost.arrival_mid, p.cost.fees) for p in panels]
    return CostPanel(panels, combine(Side(orders[0].side), parts) if len(panels) > 1 else None)


MOST_PARTS = 200


def parts_cost(parent: Signal, decisions: Sequence[Decision]) -> CostPanel | None:
    """What the orders of a signal's parts cost, and all together. Two queries; none for a signal without parts."""
    if not parent.parts_made:
        return None
    orders = (
        Order.objects.filter(signal__parent=parent)
        .select_related("cost", "signal")
        .prefetch_related("fills")
        .order_by("signal__part", "attempt")
    )
    panel = cost_panel(list(orders[:MOST_PARTS]))
    if panel is None or panel.whole is None or len(decisions) != 1:
        return panel
    whole, explanation = panel.whole, decisions[0].explanation
    if explanation and explanation.get("books_dropped"):
        at_fill = _stayed(explanation, "fill_regret_bps")
        return replace(
            panel,
            regret_bps=_stayed(explanation, "regret_bps"),
            fill_regret=Unknown.DROPPED if at_fill is None else at_fill,
        )
    return replace(
        panel,
        regret_bps=regret_bps(explanation, whole.filled, whole.notional, whole.fees),
        fill_regret=_regret_at_fill(explanation, panel),
    )


def _stayed(explanation: dict[str, Any], figure: str) -> Decimal | None:
    """What was worked out before the books were dropped."""
    return Decimal(explanation[figure]) if figure in explanation else None


def _regret_at_fill(explanation: dict[str, Any] | None, panel: CostPanel) -> Decimal | Unknown:
    """Of all legs together, on the books at the last fill of any."""
    assert panel.whole is not None
    last = max(panel.orders, key=lambda each: each.cost.filled_at)
    fills = [
        OwnFill(leg.order.exchange_id, each.fill.at.timestamp(), each.fill.price, each.fill.amount)
        for leg in panel.orders
        for each in leg.fills
    ]
    whole = panel.whole
    return fill_regret_bps(explanation, last.cost.fill_books, fills, Paid(whole.filled, whole.notional, whole.fees))


def _panel(order: Order, cost: OrderCost) -> OrderPanel:
    prices = {asset: Decimal(price) for asset, price in cost.asset_prices.items()}
    rate = None
    if order.maker_rate is not None and order.taker_rate is not None:
        rate = FeeRate(order.maker_rate, order.taker_rate)
    fills = tuple(
        FillCost(
            fill,
            check_fee(
                order.symbol, Charged(fill.price, fill.amount, fill.fee, fill.fee_asset, fill.maker), rate, prices
            ),
        )
        for fill in order.fills.all()
    )
    return OrderPanel(order, cost, fills)
