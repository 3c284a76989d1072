"""What an account pays: fee tiers as step functions of its 30-day volume, and when it reaches the next. Pure.

Rates are fractions of the value: 0.001 is 0.10 %. A negative rate is a rebate. Volumes are in USD.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from policies.domain.policy import Policy

_BPS = Decimal(10_000)
WINDOW_DAYS = 30
PACE_DAYS = 7
TOLD_FOR = timedelta(days=3)
"""How long what an exchange told of an account's rate counts. It is asked once a day."""

DOLLARS = frozenset({"USD", "USDT", "USDC", "FDUSD", "TUSD", "DAI", "PYUSD"})
"""Quote currencies that count as dollars towards a volume. Others are not converted: their rate is not known here."""


class FeeSource(StrEnum):
    """Where a rate comes from: the exchange said so, its table of tiers at the account's volume, or its basic fee."""

    TOLD = "told"
    TIER = "tier"
    BASIC = "basic"


@dataclass(frozen=True, slots=True)
class FeeRate:
    """What one account pays at one exchange."""

    maker: Decimal
    taker: Decimal
    source: FeeSource = FeeSource.BASIC

    def of(self, maker: bool | None) -> Decimal | None:
        """The rate of a fill; None where it is not known which side it was and the rates differ."""
        if maker is None:
            return self.taker if self.taker == self.maker else None
        return self.maker if maker else self.taker


@dataclass(frozen=True, slots=True)
class Tier:
    """From `volume` on these rates hold."""

    volume: Decimal
    maker: Decimal
    taker: Decimal


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What is known of an account's fees. told: the exchange's own answer. volume: of 30 days, USD; None: unknown."""

    told: FeeRate | None = None
    told_at: datetime | None = None
    volume: Decimal | None = None


class HasFees(Protocol):
    """`execution.domain.router.Facts`, as far as fees go."""

    @property
    def fees(self) -> Mapping[tuple[str, str], FeeRate]:
        """By exchange and id of keys."""


def schedule_of(policy: Policy, exchange: str) -> tuple[Tier, ...]:
    """The exchange's tiers, lowest volume first; the first begins at 0. Empty for an exchange that is not known."""
    row = policy.exchanges.get(exchange)
    if row is None:
        return ()
    basic = Tier(Decimal(0), row.maker_fee_bps / _BPS, row.taker_fee_bps / _BPS)
    steps = sorted(policy.fee_tiers.get(exchange, ()), key=lambda step: step.from_volume)
    return (basic, *(Tier(step.from_volume, step.maker_bps / _BPS, step.taker_bps / _BPS) for step in steps))


def tier_at(schedule: Sequence[Tier], volume: Decimal) -> Tier:
    """The marginal tier: what the next order pays after so much volume. Raises ValueError for an empty schedule."""
    if not schedule:
        raise ValueError("no tiers")
    return schedule[max(0, bisect_right([tier.volume for tier in schedule], volume) - 1)]


def next_tier(schedule: Sequence[Tier], volume: Decimal) -> Tier | None:
    """The first tier that is not reached yet; None at the top."""
    return next((tier for tier in schedule if tier.volume > volume), None)


def account_rate(schedule: Sequence[Tier], account: AccountFacts, now: datetime) -> FeeRate | None:
    """What an account pays: what the exchange told lately, else its tier by volume, else the basic fee.

    None where nothing is known of the exchange.
    """
    if account.told is not None and account.told_at is not None and now - account.told_at <= TOLD_FOR:
        return account.told
    if not schedule:
        return None
    tier = tier_at(schedule, account.volume or Decimal(0))
    source = FeeSource.TIER if len(schedule) > 1 and account.volume is not None else FeeSource.BASIC
    return FeeRate(tier.maker, tier.taker, source)


def fee_rate(policy: Policy, facts: HasFees, exchange: str, credential_id: str | None) -> FeeRate | None:
    """What an order with these keys pays there; None: unknown. Without keys (paper) it is the exchange's basic fee."""
    known = facts.fees.get((exchange, credential_id)) if credential_id is not None else None
    if known is not None:
        return known
    row = policy.exchanges.get(exchange)
    return None if row is None else FeeRate(row.maker_fee_bps / _BPS, row.taker_fee_bps / _BPS)


def taker_fee(policy: Policy, facts: HasFees, exchange: str, credential_id: str | None) -> Decimal | None:
    """The fraction of its value that an order pays when it takes from the book; None: unknown."""
    rate = fee_rate(policy, facts, exchange, credential_id)
    return None if rate is None else rate.taker


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an account stands between two tiers.

    share: of the way from this tier to the next, 0 to 1; 1 at the top. days: until the next at the pace of the last
    days; None: never at this pace, or there is none. pace: USD a day.
    """

    volume: Decimal
    tier: Tier
    next: Tier | None
    share: Decimal
    missing: Decimal
    pace: Decimal
    days: int | None


def progress(schedule: Sequence[Tier], daily: Sequence[Decimal], volume: Decimal | None = None) -> Progress:
    """How far an account is to its next tier.

    daily: USD traded on each of the last 30 days, oldest first. volume: what the exchange counts, which may be more
    than we saw; the difference is taken to stay. Raises ValueError for an empty schedule.
    """
    seen = sum(daily, Decimal(0))
    total = seen if volume is None else volume
    tier, following = tier_at(schedule, total), next_tier(schedule, total)
    pace = sum(daily[-PACE_DAYS:], Decimal(0)) / PACE_DAYS
    if following is None:
        return Progress(total, tier, None, Decimal(1), Decimal(0), pace, None)
    return Progress(
        volume=total,
        tier=tier,
        next=following,
        share=max(Decimal(0), (total - tier.volume) / (following.volume - tier.volume)),
        missing=following.volume - total,
        pace=pace,
        days=days_until(following.volume - (total - seen), daily, pace),
    )


def days_until(target: Decimal, daily: Sequence[Decimal], pace: Decimal) -> int | None:
    """After how many days at `pace` the trailing sum reaches `target`; None: not at this pace.

    Days leave the window as others enter it, so the sum ends at 30 times the pace and need not grow until then.
    """
    if sum(daily, Decimal(0)) >= target:
        return 0
    for day in range(1, WINDOW_DAYS + 1):
        if sum(daily[day:], Decimal(0)) + pace * day >= target:
            return day
    return None


def rebalancing_bps(withdrawal_fee: Decimal, traded: Decimal) -> Decimal:
    """What moving money between exchanges costs, in bps of what is traded between two moves.

    Both in the asset that is moved; the fee is fixed, however much is moved. It is no cost of any one order: it is paid
    to keep balances where they are used, and counted nowhere else. Raises ValueError for nothing traded.
    """
    if traded <= 0:
        raise ValueError("nothing was traded")
    return withdrawal_fee / traded * _BPS
