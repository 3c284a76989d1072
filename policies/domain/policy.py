"""Policy as the router sees it: frozen, complete, no ORM. `policies.snapshot` compiles it from the rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from policies.domain.smart import INSTALLED, RiskTolerance, StrategyTerms


class Mode(StrEnum):
    """Where an order really goes: simulated against a live book, the exchange's test system, or the exchange."""

    PAPER = "paper"
    SANDBOX = "sandbox"
    LIVE = "live"


_CAUTION = (Mode.PAPER, Mode.SANDBOX, Mode.LIVE)


def safest(*modes: Mode | None) -> Mode:
    """The most cautious of the modes given; None means "no opinion". With no opinion at all: paper."""
    given = [mode for mode in modes if mode is not None]
    return min(given, key=_CAUTION.index) if given else Mode.PAPER


class TradingStatus(StrEnum):
    """ACTIVE trades; REDUCING lets only orders through that make a position smaller; HALTED lets none through."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class Scope(StrEnum):
    """What a trading state applies to."""

    GLOBAL = "global"
    EXCHANGE = "exchange"
    USER = "user"
    STRATEGY = "strategy"
    SYMBOL = "symbol"


class OnUnknownExchange(StrEnum):
    USE_DEFAULT = "use_default"
    DENY = "deny"


class OnAllUnhealthy(StrEnum):
    USE_DEFAULT = "use_default"
    DENY = "deny"


class OnMissingCredential(StrEnum):
    NEXT_EXCHANGE = "next_exchange"
    DENY = "deny"


class OnExtraPrecision(StrEnum):
    DENY = "deny"
    ROUND_DOWN = "round_down"


class BeyondChain(StrEnum):
    """Whether an exchange outside the chain may take a signal that nothing in the chain can take."""

    NEVER = "never"
    SMART = "smart"
    ALWAYS = "always"


class ChainOrdering(StrEnum):
    """How the exchanges after the primary are put in order."""

    AS_LISTED = "as_listed"
    FASTEST_FIRST = "fastest_first"
    OWN_REGION_FIRST = "own_region_first"


class RouteBy(StrEnum):
    """One exchange for all signals of a strategy, how they are spread over several, or by what the best is found."""

    ONE_EXCHANGE = "one_exchange"
    ROUND_ROBIN = "round_robin"
    LEAST_LOADED = "least_loaded"
    WEIGHTED = "weighted"
    ADAPTIVE = "adaptive"
    SMART = "smart"
    OPTIMAL_SPLIT = "optimal_split"
    BEST_EXECUTION = "best_execution"
    LOWEST_LATENCY = "lowest_latency"
    BEST_LIQUIDITY = "best_liquidity"
    COST_OPTIMIZATION = "cost_optimization"
    BALANCED = "balanced"

    @property
    def is_smart(self) -> bool:
        """Whether it compares the order books of all exchanges that could take the order."""
        return self in SMART_ROUTES or self == RouteBy.SMART

    @property
    def spreads(self) -> bool:
        """Whether it spreads a strategy's signals over several exchanges without looking at prices."""
        return self != RouteBy.ONE_EXCHANGE and not self.is_smart


SMART_ROUTES = frozenset(
    {
        RouteBy.OPTIMAL_SPLIT,
        RouteBy.BEST_EXECUTION,
        RouteBy.LOWEST_LATENCY,
        RouteBy.BEST_LIQUIDITY,
        RouteBy.COST_OPTIMIZATION,
        RouteBy.BALANCED,
    }
)
"""The strategies that have a row of weights. `smart` is whichever of them the routing settings name."""


class OneLegged(StrEnum):
    """What happens when the second order of an arbitrage leaves something open: try again, trade it back, or ask."""

    COMPLETE = "complete"
    UNWIND = "unwind"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class ChainOrder:
    """The order of a chain. region: preferred by `own_region_first`; empty is the primary's own."""

    ordering: ChainOrdering = ChainOrdering.AS_LISTED
    region: str = ""


AS_LISTED = ChainOrder()


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When a circuit breaker opens, for how long, and when it closes. Shares are of the calls in the window, 0 to 1.

    min_calls: below so many calls in the window no share is looked at. calm_s: closed for so long, the next trip starts
    with the first open time again; before, the doubling goes on, so that what flaps stays out ever longer.
    """

    failures_to_open: int = 5
    failure_share: float = 0.5
    slow_share: float = 0.8
    min_calls: int = 20
    window_s: float = 30.0
    first_open_s: float = 60.0
    longest_open_s: float = 300.0
    jitter: float = 0.1
    probes: int = 1
    successes_to_close: int = 2
    calm_s: float = 600.0


@dataclass(frozen=True, slots=True)
class ExchangePolicy:
    """One exchange as policy has it. Fees in basis points; `max_in_flight` is the count of unanswered orders."""

    slug: str
    name: str
    enabled: bool
    mode: Mode
    region: str
    maker_fee_bps: Decimal
    taker_fee_bps: Decimal
    max_in_flight: int
    degraded_above_ms: int
    stale_after_s: int
    health_interval_s: int
    maintenance_from: datetime | None = None
    maintenance_to: datetime | None = None
    breaker: BreakerRules = BreakerRules()

    def in_maintenance(self, now: datetime) -> bool:
        """Whether `now` lies in the entered maintenance window (open-ended if it has no end)."""
        if self.maintenance_from is None or now < self.maintenance_from:
            return False
        return self.maintenance_to is None or now < self.maintenance_to


@dataclass(frozen=True, slots=True)
class FeeTier:
    """From a volume of 30 days on (USD) an exchange charges this. Fees in basis points."""

    from_volume: Decimal
    maker_bps: Decimal
    taker_bps: Decimal


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """The one row of routing settings.

    smart_route: what `smart` means. smart_needs_balance: without a known balance smart routing leaves an account out.
    twap_above: quote units; None is never. schedule_jitter: share of an interval, and of a slice.
    """

    default_exchange: str
    on_unknown_exchange: OnUnknownExchange
    on_all_unhealthy: OnAllUnhealthy
    on_missing_credential: OnMissingCredential
    on_extra_precision: OnExtraPrecision
    max_slippage_bps: Decimal
    price_collar_bps: Decimal
    book_max_age_s: Decimal
    signal_max_age_s: int
    beyond_chain: BeyondChain = BeyondChain.NEVER
    smart_route: RouteBy = RouteBy.OPTIMAL_SPLIT
    smart_needs_balance: bool = True
    twap_above: Decimal | None = None
    twap_slices: int = 20
    twap_horizon_s: int = 600
    schedule_jitter: Decimal = Decimal("0.2")
    passive_horizon_s: int = 30
    arbitrage_min_profit_bps: Decimal = Decimal(5)
    arbitrage_max_notional: Decimal = Decimal(1000)
    arbitrage_enabled: bool = False
    arbitrage_one_legged: OneLegged = OneLegged.HOLD
    arbitrage_max_loss_bps: Decimal = Decimal(20)
    arbitrage_book_max_age_s: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class StrategyRule:
    """Where a strategy's signals go.

    balanced_over: exchanges with their weights, unless `route_by` is one exchange. None of them can take a signal: it
    goes to `exchange` and along its chain. For a smart route the exchanges to choose from; empty: all of them.
    """

    strategy_id: str
    exchange: str
    mode: Mode
    enabled: bool
    execution_method: str = ""
    route_by: RouteBy = RouteBy.ONE_EXCHANGE
    balanced_over: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class PermissionRule:
    """What one user may trade.

    exchanges: None means all. pairs: patterns such as `BTC/USDT` or `*/NOK`; empty means all.
    max_order_notional: largest value of one order per quote currency; a currency that is missing may not be traded.
    arbitrage: whether arbitrage may be traded with the user's accounts.
    """

    user_id: int
    username: str
    user_active: bool
    enabled: bool
    exchanges: frozenset[str] | None
    pairs: tuple[str, ...]
    max_order_notional: Mapping[str, Decimal]
    arbitrage: bool = False


@dataclass(frozen=True, slots=True)
class PreferenceRule:
    """What a user prefers.

    exchanges: in order. routing: for signals that ask for nothing and whose strategy is not mapped.
    """

    exchanges: tuple[str, ...] = ()
    routing: RouteBy | None = None
    risk: RiskTolerance = RiskTolerance.MEDIUM


@dataclass(frozen=True, slots=True)
class TradingStateRule:
    """A scope that is not ACTIVE: since when, by whom, why."""

    scope: Scope
    target: str
    status: TradingStatus
    reason: str
    by: str
    since: datetime


@dataclass(frozen=True, slots=True)
class CredentialRef:
    """Stored exchange keys, without the keys. `version` changes when they are replaced."""

    id: str
    user_id: int
    exchange: str
    mode: Mode
    frozen: bool
    version: int

    @property
    def key(self) -> tuple[int, str, Mode]:
        return self.user_id, self.exchange, self.mode


@dataclass(frozen=True, slots=True)
class Policy:
    """All policy at one version."""

    version: int
    rules: RoutingRules
    exchanges: Mapping[str, ExchangePolicy]
    strategies: Mapping[str, StrategyRule]
    chains: Mapping[str, tuple[str, ...]]
    permissions: Mapping[int, PermissionRule]
    states: Mapping[tuple[Scope, str], TradingStateRule]
    credentials: Mapping[tuple[int, str, Mode], CredentialRef]
    orderings: Mapping[str, ChainOrder] = field(default_factory=dict)
    fee_tiers: Mapping[str, tuple[FeeTier, ...]] = field(default_factory=dict)
    routing_strategies: Mapping[str, StrategyTerms] = field(default_factory=lambda: INSTALLED)
    preferences: Mapping[int, PreferenceRule] = field(default_factory=dict)

    def chain(self, primary: str) -> tuple[str, ...]:
        """The failover chain that starts at `primary`; an exchange without one stands alone."""
        return self.chains.get(primary) or (primary,)

    def ordering(self, primary: str) -> ChainOrder:
        """How that chain is put in order."""
        return self.orderings.get(primary, AS_LISTED)

    def preference(self, user_id: int) -> PreferenceRule:
        """What this user prefers; by default nothing."""
        return self.preferences.get(user_id, NO_PREFERENCE)

    def terms(self, route_by: RouteBy, user_id: int) -> StrategyTerms:
        """The numbers of a smart strategy, for this user."""
        terms = self.routing_strategies.get(route_by.value, INSTALLED[route_by.value])
        return terms.tolerating(self.preference(user_id).risk)


NO_PREFERENCE = PreferenceRule()
