"""The last check before an order leaves: on every path, on the newest policy. Pure; refuses when in doubt."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from policies.domain import permissions, trading_state
from policies.domain.policy import Mode, Policy, Scope, TradingStatus
from policies.domain.reasons import Denial, ReasonCode

CLOCKS_AGREE_S = 5.0
"""How far the clocks of this platform's machines may be apart: a signal from a further future is nobody's."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """What the gate must know of an order. `notional`: its value at the worst price, in quote units."""

    user_id: int
    strategy_id: str
    exchange: str
    symbol: str
    mode: Mode
    is_buy: bool
    notional: Decimal
    received_at: datetime
    expires_at: datetime


def clock_set_back(received_at: datetime, now: datetime) -> Denial | None:
    """The refusal of a signal from the future: the clock was set back, so nobody knows how old the signal is."""
    ahead_s = (received_at - now).total_seconds()
    if ahead_s <= CLOCKS_AGREE_S:
        return None
    return Denial(
        ReasonCode.SIGNAL_EXPIRED,
        f"It was received {ahead_s:.0f} s after what the clock says now: the clock was set back, and the signal's age "
        "is not known. Send a fresh one if it is still wanted.",
    )


def check_leaving(policy: Policy, order: Leaving, now: datetime) -> Denial | None:
    """Why this order may not be sent now, or None."""
    if now >= order.expires_at:
        age = (now - order.expires_at).total_seconds()
        return Denial(ReasonCode.SIGNAL_EXPIRED, f"The signal expired {age:.1f} s before it could be sent.")
    if (set_back := clock_set_back(order.received_at, now)) is not None:
        return set_back
    permission = policy.permissions.get(order.user_id)
    refused = permissions.check_user(permission, symbol=order.symbol)
    if refused is not None or permission is None:
        return refused
    return (
        _halt(policy, order)
        or _exchange(policy, order, permits=permissions.permits_exchange(permission, order.exchange))
        or permissions.check_order_size(permission, symbol=order.symbol, notional=order.notional)
    )


def _halt(policy: Policy, order: Leaving) -> Denial | None:
    scopes = trading_state.signal_scopes(user_id=order.user_id, strategy_id=order.strategy_id, symbol=order.symbol)
    rule = trading_state.strictest(policy, (*scopes, (Scope.EXCHANGE, order.exchange)))
    if rule is None or (rule.status == TradingStatus.REDUCING and not order.is_buy):
        return None
    return trading_state.denial(rule)


def _exchange(policy: Policy, order: Leaving, *, permits: bool) -> Denial | None:
    exchange = policy.exchanges.get(order.exchange)
    if exchange is None or not exchange.enabled:
        return Denial(ReasonCode.EXCHANGE_DISABLED, f"{order.exchange} was switched off.")
    if not permits:
        return Denial(ReasonCode.EXCHANGE_NOT_PERMITTED, f"This user may no longer trade on {order.exchange}.")
    if order.mode == Mode.PAPER:
        return None
    credential = policy.credentials.get((order.user_id, order.exchange, order.mode))
    if credential is None:
        return Denial(ReasonCode.NO_CREDENTIAL, f"The {order.mode} keys for {order.exchange} are gone.")
    if credential.frozen:
        return Denial(ReasonCode.CREDENTIAL_FROZEN, f"The {order.mode} keys for {order.exchange} are frozen.")
    return None
