"""Choices of policy fields: the domain's enums with the words people see."""

from django.db import models

from policies.domain import policy, smart


class ModeChoices(models.TextChoices):
    PAPER = policy.Mode.PAPER.value, "Paper: filled against the live book, nothing is sent"
    SANDBOX = policy.Mode.SANDBOX.value, "Sandbox: the exchange's test system"
    LIVE = policy.Mode.LIVE.value, "Live: real orders"


class TradingStatusChoices(models.TextChoices):
    ACTIVE = policy.TradingStatus.ACTIVE.value, "Active"
    REDUCING = policy.TradingStatus.REDUCING.value, "Reduce only"
    HALTED = policy.TradingStatus.HALTED.value, "Halted"


class ScopeChoices(models.TextChoices):
    GLOBAL = policy.Scope.GLOBAL.value, "Everything"
    EXCHANGE = policy.Scope.EXCHANGE.value, "Exchange"
    USER = policy.Scope.USER.value, "User"
    STRATEGY = policy.Scope.STRATEGY.value, "Strategy"
    SYMBOL = policy.Scope.SYMBOL.value, "Pair"


class OnUnknownExchangeChoices(models.TextChoices):
    USE_DEFAULT = policy.OnUnknownExchange.USE_DEFAULT.value, "Use the default exchange, and warn"
    DENY = policy.OnUnknownExchange.DENY.value, "Deny the signal"


class OnAllUnhealthyChoices(models.TextChoices):
    USE_DEFAULT = policy.OnAllUnhealthy.USE_DEFAULT.value, "Use the default exchange unless it is down, and warn"
    DENY = policy.OnAllUnhealthy.DENY.value, "Deny the signal"


class OnMissingCredentialChoices(models.TextChoices):
    NEXT_EXCHANGE = policy.OnMissingCredential.NEXT_EXCHANGE.value, "Go on to the next exchange of the chain"
    DENY = policy.OnMissingCredential.DENY.value, "Deny the signal"


class OneLeggedChoices(models.TextChoices):
    HOLD = policy.OneLegged.HOLD.value, "Leave it open, and ask a person"
    COMPLETE = policy.OneLegged.COMPLETE.value, "Try the second order again, within the largest loss; then ask"
    UNWIND = policy.OneLegged.UNWIND.value, "Trade it back where the first order was, within the largest loss; then ask"


class OnExtraPrecisionChoices(models.TextChoices):
    DENY = policy.OnExtraPrecision.DENY.value, "Deny the signal and name the rounded amount"
    ROUND_DOWN = policy.OnExtraPrecision.ROUND_DOWN.value, "Round down to the exchange's lot"


class ExecutionMethodChoices(models.TextChoices):
    AUTOMATIC = "", "By signal type: market for exits and stops, else a limit at a protective price"
    LIMIT = "limit", "Limit at a protective price"
    MARKET = "market", "Market"
    TWAP = "twap", "Over time, in slices; exits and stops at once"
    PASSIVE = "passive", "Rest at the best price, then take the rest; exits and stops at once"


class BeyondChainChoices(models.TextChoices):
    NEVER = policy.BeyondChain.NEVER.value, "Never: the chain is all there is"
    SMART = policy.BeyondChain.SMART.value, "Only for balanced strategies: any healthy permitted exchange with the pair"
    ALWAYS = policy.BeyondChain.ALWAYS.value, "Always: any healthy permitted exchange with the pair, fastest first"


class ChainOrderingChoices(models.TextChoices):
    AS_LISTED = policy.ChainOrdering.AS_LISTED.value, "As listed"
    FASTEST_FIRST = policy.ChainOrdering.FASTEST_FIRST.value, "Fastest first"
    OWN_REGION_FIRST = policy.ChainOrdering.OWN_REGION_FIRST.value, "Own region first"


class RouteByChoices(models.TextChoices):
    ONE_EXCHANGE = policy.RouteBy.ONE_EXCHANGE.value, "One exchange"
    ROUND_ROBIN = policy.RouteBy.ROUND_ROBIN.value, "Balanced: in turn"
    LEAST_LOADED = policy.RouteBy.LEAST_LOADED.value, "Balanced: where the least is under way"
    WEIGHTED = policy.RouteBy.WEIGHTED.value, "Balanced: by weight"
    ADAPTIVE = policy.RouteBy.ADAPTIVE.value, "Balanced: the faster and freer of two"
    SMART = policy.RouteBy.SMART.value, "Smart: as Routing settings say"
    OPTIMAL_SPLIT = policy.RouteBy.OPTIMAL_SPLIT.value, "Smart: the cheapest split over exchanges"
    BEST_EXECUTION = policy.RouteBy.BEST_EXECUTION.value, "Smart: best execution by points"
    LOWEST_LATENCY = policy.RouteBy.LOWEST_LATENCY.value, "Smart: the fastest exchange"
    BEST_LIQUIDITY = policy.RouteBy.BEST_LIQUIDITY.value, "Smart: the deepest book"
    COST_OPTIMIZATION = policy.RouteBy.COST_OPTIMIZATION.value, "Smart: the cheapest exchange"
    BALANCED = policy.RouteBy.BALANCED.value, "Smart: fees, latency, success, load and history by points"


class SmartRouteChoices(models.TextChoices):
    """The routing strategies that have a row of their own."""

    OPTIMAL_SPLIT = policy.RouteBy.OPTIMAL_SPLIT.value, "Optimal split"
    BEST_EXECUTION = policy.RouteBy.BEST_EXECUTION.value, "Best execution"
    LOWEST_LATENCY = policy.RouteBy.LOWEST_LATENCY.value, "Lowest latency"
    BEST_LIQUIDITY = policy.RouteBy.BEST_LIQUIDITY.value, "Best liquidity"
    COST_OPTIMIZATION = policy.RouteBy.COST_OPTIMIZATION.value, "Cost optimization"
    BALANCED = policy.RouteBy.BALANCED.value, "Balanced"


class RiskToleranceChoices(models.TextChoices):
    LOW = smart.RiskTolerance.LOW.value, "Low: a dearer exchange that is near"
    MEDIUM = smart.RiskTolerance.MEDIUM.value, "Medium"
    HIGH = smart.RiskTolerance.HIGH.value, "High: a cheaper exchange that is far"


class KeyCheckChoices(models.TextChoices):
    """What the exchange said of a set of keys when it was last asked."""

    UNCHECKED = "unchecked", "not checked yet"
    ACCEPTED = "accepted", "accepted"
    REFUSED = "refused", "refused"
    DANGEROUS = "dangerous", "may withdraw"
    UNANSWERED = "unanswered", "no answer"
