"""Halts: which trading state is in force for one signal. Pure functions."""

from collections.abc import Iterable

from policies.domain.policy import Policy, Scope, TradingStateRule, TradingStatus
from policies.domain.reasons import Denial, ReasonCode

_STRICTNESS = {TradingStatus.ACTIVE: 0, TradingStatus.REDUCING: 1, TradingStatus.HALTED: 2}


def strictest(policy: Policy, scopes: Iterable[tuple[Scope, str]]) -> TradingStateRule | None:
    """The strictest state of the given scopes, or None when all are ACTIVE."""
    if not policy.states:
        return None
    found = [rule for key in scopes if (rule := policy.states.get(key)) is not None]
    return max(found, key=lambda rule: _STRICTNESS[rule.status], default=None)


def signal_scopes(*, user_id: int, strategy_id: str, symbol: str) -> tuple[tuple[Scope, str], ...]:
    """The scopes that apply to a signal before its exchange is known. A user's target is the user id as text."""
    return (
        (Scope.GLOBAL, ""),
        (Scope.USER, str(user_id)),
        (Scope.STRATEGY, strategy_id),
        (Scope.SYMBOL, symbol),
    )


def describe(rule: TradingStateRule, name: str = "") -> str:
    """One sentence for people: what is halted, since when, by whom and why."""
    where = "Trading" if rule.scope == Scope.GLOBAL else f"{rule.scope.capitalize()} {name or rule.target}"
    what = "is halted" if rule.status == TradingStatus.HALTED else "is reduce-only"
    return f"{where} {what} since {rule.since:%Y-%m-%d %H:%M:%S} UTC by {rule.by}: “{rule.reason}”."


def denial(rule: TradingStateRule, name: str = "") -> Denial:
    """The refusal that a state causes."""
    if rule.status == TradingStatus.HALTED:
        return Denial(ReasonCode.TRADING_HALTED, f"{describe(rule, name)} Wait for the release.")
    return Denial(
        ReasonCode.TRADING_REDUCING,
        f"{describe(rule, name)} Only a sell of at most what is held passes.",
    )
