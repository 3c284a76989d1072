"""What one user may trade. Pure functions; a missing rule always refuses."""

from decimal import Decimal
from fnmatch import fnmatchcase

from policies.domain.numbers import money
from policies.domain.policy import PermissionRule
from policies.domain.reasons import Denial, ReasonCode


def check_user(permission: PermissionRule | None, *, symbol: str) -> Denial | None:
    """Whether the user may trade this pair at all."""
    if permission is None:
        return Denial(
            ReasonCode.NO_PERMISSION, "This user has no trading permission. A risk manager can add one in the admin."
        )
    if not permission.user_active:
        return Denial(ReasonCode.USER_DISABLED, f"User {permission.username} is switched off.")
    if not permission.enabled:
        return Denial(ReasonCode.TRADING_DISABLED, f"Trading is switched off for {permission.username}.")
    if permission.pairs and not any(fnmatchcase(symbol, pattern) for pattern in permission.pairs):
        allowed = ", ".join(permission.pairs)
        return Denial(ReasonCode.PAIR_NOT_PERMITTED, f"{permission.username} may not trade {symbol}, only: {allowed}.")
    return None


def permits_exchange(permission: PermissionRule, exchange: str) -> bool:
    """Whether the user may trade on this exchange."""
    return permission.exchanges is None or exchange in permission.exchanges


def check_order_size(permission: PermissionRule, *, symbol: str, notional: Decimal) -> Denial | None:
    """Whether one order of this value (in the pair's quote currency, at its worst price) is allowed."""
    quote = symbol.partition("/")[2]
    limit = permission.max_order_notional.get(quote)
    if limit is None:
        return Denial(
            ReasonCode.LIMIT_MISSING,
            f"{permission.username} has no largest order size in {quote}, so nothing priced in {quote} may be sent. "
            "A risk manager can add it under Trading permissions.",
        )
    if notional > limit:
        return Denial(
            ReasonCode.ORDER_VALUE,
            f"This order is worth up to {money(notional)} {quote}; the limit is {money(limit)} {quote} "
            f"(largest order of {permission.username}). Send a smaller order, or ask to raise the limit.",
        )
    return None


def parse_pair_pattern(text: str) -> str:
    """`BTC/USDT` or `*/NOK`, upper-cased. Raises ValueError with a sentence."""
    pattern = text.strip().upper()
    base, slash, quote = pattern.partition("/")
    if not slash or not base or not quote or not all(c.isalnum() or c == "*" for c in base + quote):
        raise ValueError(f"{text.strip()} is not a pair. Write BTC/USDT, or */NOK for every pair in NOK.")
    return pattern


def parse_order_size(text: str) -> tuple[str, Decimal]:
    """`USDT 5000` as (currency, largest notional). Raises ValueError with a sentence."""
    currency, _, number = text.strip().upper().partition(" ")
    try:
        limit = Decimal(number.replace(",", "").strip())
    except ArithmeticError:
        limit = Decimal(0)
    if not currency.isalnum() or not limit.is_finite() or limit <= 0:
        raise ValueError(f"{text.strip()!r} is not a size. Write a currency and a number above 0, e.g. USDT 5000.")
    return currency, limit
