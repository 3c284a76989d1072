"""Points for exchanges, and what it is expected to cost to use one. Pure: the same offers, the same answer.

Points run from 0 to 100. The named strategies add them by their weights; the optimal split reads no points, only costs
in basis points of the order's value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from execution.domain.book import OrderBook
from execution.domain.market import Market
from policies.domain.policy import RouteBy
from policies.domain.smart import StrategyTerms

LATENCY_BANDS: Sequence[tuple[float, float, str]] = (
    (50, 90, "excellent"),
    (100, 75, "good"),
    (200, 50, "acceptable"),
    (500, 25, "poor"),
    (1000, 0, "unacceptable"),
)
"""Up to so many ms, the points at that edge, and the band's name. Between edges points fall evenly, from 100 at 0."""

SECONDS_A_YEAR = 365.25 * 86_400
UNKNOWN_LATENCY_MS = 1000.0
"""What an exchange that was never measured is taken for where a figure is needed."""

FEW_ORDERS = 20
"""With fewer orders than this a share of rejects says little: the rest counts as accepted."""


@dataclass(frozen=True, slots=True)
class Record:
    """What became of the latest orders somewhere. accepted: those that the exchange took."""

    orders: int = 0
    accepted: int = 0

    @property
    def success(self) -> float:
        """0 to 1; a half where nothing is known, and near it where little is."""
        return (self.accepted + 1) / (self.orders + 2)

    @property
    def rejects(self) -> float:
        """The share that was not taken, 0 to 1; 0 where nothing is known."""
        return (self.orders - self.accepted) / max(self.orders, FEW_ORDERS)


@dataclass(frozen=True, slots=True)
class Offer:
    """One exchange that could take an order now, with everything by which it is judged.

    fee: taker, as a fraction; maker: what an order pays that rests, negative for a rebate; None: not known.
    balance: free quote units (buy) or base units (sell); None: not needed.
    latency_ms None: never measured. age_s: of the book. in_flight: unanswered orders of this worker.
    """

    exchange: str
    book: OrderBook
    market: Market
    fee: Decimal
    balance: Decimal | None = None
    latency_ms: float | None = None
    age_s: float = 0.0
    record: Record = Record()
    pair_record: Record = Record()
    in_flight: int = 0
    max_in_flight: int = 1
    preferred: bool = False
    maker: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What one exchange alone would give for the whole order.

    price_bps, cost_bps: how far the average price lies beyond the middle of all books, without and with the fee.
    liquidity: so many times the order lies in its book within the limit.
    """

    offer: Offer
    price_bps: float
    cost_bps: float
    liquidity: float


@dataclass(frozen=True, slots=True)
class Scored:
    """An exchange with its points by term, and their weighted mean."""

    measured: Measured
    points: Mapping[str, float]
    score: float


def score(by: RouteBy, terms: StrategyTerms, measured: Sequence[Measured]) -> list[Scored]:
    """Best first. Equals: the cheaper one, then the earlier one. Those below `fast_below_ms` come before all others."""
    prices, costs = [each.price_bps for each in measured], [each.cost_bps for each in measured]
    weights = terms.weights()
    total = sum(weight for _, weight in weights) or 1
    found = []
    for rank, each in enumerate(measured):
        points = {name: _points(name, by, each, prices, costs) for name, _ in weights}
        mean = sum(points[name] * weight for name, weight in weights) / total
        slow = terms.fast_below_ms is not None and _latency(each.offer) >= terms.fast_below_ms
        found.append(((slow, -round(mean, 6), round(each.cost_bps, 6), rank), Scored(each, points, mean)))
    return [scored for _, scored in sorted(found, key=lambda pair: pair[0])]


def _points(name: str, by: RouteBy, each: Measured, prices: Sequence[float], costs: Sequence[float]) -> float:
    offer = each.offer
    match name:
        case "price":
            return _among(each.price_bps, prices)
        case "cost":
            return _among(each.cost_bps, costs)
        case "liquidity":
            # Without an end, so that of two deep books the deeper one still has more points.
            return 100 * each.liquidity / (each.liquidity + 2)
        case "latency":
            return max(0.0, 100 - _latency(offer) / 10) if by == RouteBy.BALANCED else latency_points(_latency(offer))
        case "reliability":
            return 100 * offer.record.success
        case "fees":
            return max(0.0, 100 - float(offer.fee) * 10_000)
        case "load":
            return max(0.0, 100 - 100 * offer.in_flight / offer.max_in_flight)
        case _:
            return 100 * offer.pair_record.success


def _among(value: float, values: Sequence[float]) -> float:
    """100 for the lowest of them, 0 for the highest; all of them the same: 100."""
    lowest, highest = min(values), max(values)
    return 100.0 if highest - lowest < 1e-6 else 100 * (highest - value) / (highest - lowest)


def latency_points(latency_ms: float) -> float:
    """Points of a latency by the bands."""
    before_ms, before = 0.0, 100.0
    for edge_ms, points, _ in LATENCY_BANDS:
        if latency_ms <= edge_ms:
            return before + (points - before) * (latency_ms - before_ms) / (edge_ms - before_ms)
        before_ms, before = edge_ms, points
    return 0.0


def latency_band(latency_ms: float | None) -> str:
    """The band's name; empty where the latency is not known."""
    if latency_ms is None:
        return ""
    return next((name for edge, _, name in LATENCY_BANDS if latency_ms < edge), LATENCY_BANDS[-1][2])


def _latency(offer: Offer) -> float:
    return UNKNOWN_LATENCY_MS if offer.latency_ms is None else offer.latency_ms


def risk_terms(terms: StrategyTerms, offer: Offer) -> dict[str, Decimal]:
    """What using the exchange costs beyond price and fee, in bps, by term; terms that are switched off are missing.

    late: the price moves before the order arrives. stale: it has moved since the book was told. reject: a part that is
    refused must be sent again. Rounded to 0.01 bps, so that small movements of a latency do not change a plan.
    """
    sigma = float(terms.volatility_percent) * 100 / SECONDS_A_YEAR**0.5
    found = {
        "late": float(terms.late_factor) * sigma * (_latency(offer) / 1000) ** 0.5,
        "stale": float(terms.stale_factor) * sigma * max(0.0, offer.age_s) ** 0.5,
        "reject": float(terms.reject_bps) * offer.record.rejects,
    }
    rounded = {name: Decimal(round(value * 100)) / 100 for name, value in found.items()}
    return {name: value for name, value in rounded.items() if value}
