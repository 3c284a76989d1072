"""Fee tiers as step functions, and the way to the next."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest

from execution.domain.fees import (
    AccountFacts,
    FeeRate,
    FeeSource,
    Tier,
    account_rate,
    days_until,
    fee_rate,
    next_tier,
    progress,
    rebalancing_bps,
    schedule_of,
    taker_fee,
    tier_at,
)
from policies.domain.policy import FeeTier
from tests.domain import builders

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TIERS = (
    Tier(D(0), D("0.0025"), D("0.0040")),
    Tier(D(10_000), D("0.0020"), D("0.0035")),
    Tier(D(50_000), D("-0.0001"), D("0.0024")),
)
TOLD = FeeRate(D("0.0002"), D("0.0007"), FeeSource.TOLD)


@dataclass
class Known:
    fees: dict = field(default_factory=dict)


@pytest.mark.parametrize(
    ("volume", "tier", "following"),
    [("0", 0, 1), ("9999.99", 0, 1), ("10000", 1, 2), ("49999", 1, 2), ("50000", 2, None), ("9e9", 2, None)],
)
def test_a_tier_holds_from_its_volume_on(volume, tier, following):
    assert tier_at(TIERS, D(volume)) == TIERS[tier]
    assert next_tier(TIERS, D(volume)) == (None if following is None else TIERS[following])


def test_what_the_exchange_told_lately_beats_its_table():
    told = AccountFacts(TOLD, NOW - timedelta(days=3), D(50_000))

    assert account_rate(TIERS, told, NOW) == TOLD
    assert account_rate(TIERS, told, NOW + timedelta(seconds=1)) == FeeRate(D("-0.0001"), D("0.0024"), FeeSource.TIER)


def test_without_a_known_volume_the_basic_fee_counts_and_without_any_table_nothing():
    assert account_rate(TIERS, AccountFacts(), NOW) == FeeRate(D("0.0025"), D("0.0040"), FeeSource.BASIC)
    assert account_rate((), AccountFacts(volume=D(1)), NOW) is None
    assert account_rate((), AccountFacts(TOLD, NOW), NOW) == TOLD


def test_the_fee_of_a_decision_is_the_accounts_else_the_exchanges_else_unknown():
    policy = builders.policy(fee_tiers={"kraken": (FeeTier(D(10_000), D(20), D(35)),)})
    facts = Known({("kraken", "k1"): TOLD})
    basic = policy.exchanges["kraken"].taker_fee_bps / 10_000

    assert taker_fee(policy, facts, "kraken", "k1") == D("0.0007")
    assert taker_fee(policy, facts, "kraken", "k2") == basic
    assert taker_fee(policy, facts, "kraken", None) == basic
    assert taker_fee(policy, facts, "mtgox", None) is None
    assert fee_rate(policy, facts, "mtgox", "k1") is None
    assert [tier.volume for tier in schedule_of(policy, "kraken")] == [0, 10_000]


def test_a_rate_is_known_for_either_side_and_for_neither_only_where_they_are_the_same():
    rate = FeeRate(D("0.0002"), D("0.0007"))

    assert (rate.of(True), rate.of(False), rate.of(None)) == (D("0.0002"), D("0.0007"), None)
    assert FeeRate(D("0.001"), D("0.001")).of(None) == D("0.001")


def test_steady_trading_reaches_a_tier_when_the_window_has_filled():
    # 100 a day since ten days: 1,000 now, 3,000 in the end.
    daily = [D(0)] * 20 + [D(100)] * 10

    assert days_until(D(1_500), daily, D(100)) == 5
    assert days_until(D(3_000), daily, D(100)) == 20
    assert days_until(D(3_001), daily, D(100)) is None
    assert days_until(D(1_000), daily, D(100)) == 0


def test_days_that_leave_the_window_count_against_the_forecast():
    # One large day, which is over in 5 days, and nothing since.
    daily = [D(0)] * 5 + [D(9_000)] + [D(0)] * 24

    assert days_until(D(10_000), daily, D(100)) is None
    # 9,000 + 200 a day until that day leaves: never 10,200; 6,000 at the end without it.
    assert days_until(D(10_000), daily, D(200)) == 5
    assert days_until(D(10_001), daily, D(200)) is None


def test_progress_says_how_far_how_much_is_missing_and_when():
    daily = [D(0)] * 23 + [D(1_000)] * 7

    found = progress(TIERS, daily)

    assert (found.volume, found.share, found.missing, found.pace, found.days) == (
        D(7_000), D("0.7"), D(3_000), D(1_000), 3,
    )  # fmt: skip
    assert (found.tier, found.next) == TIERS[:2]


def test_what_the_exchange_counts_beyond_ours_is_taken_to_stay():
    daily = [D(0)] * 23 + [D(100)] * 7

    found = progress(TIERS, daily, D(9_500))

    assert (found.missing, found.days) == (D(500), 5)
    assert progress(TIERS, daily, D(60_000)).next is None
    assert progress(TIERS, daily, D(60_000)).share == 1


def test_there_is_no_progress_without_tiers():
    with pytest.raises(ValueError, match="no tiers"):
        progress((), [])


def test_a_withdrawal_fee_is_spread_over_what_is_traded_between_two_moves():
    assert rebalancing_bps(D("0.0005"), D(5)) == D(1)
    with pytest.raises(ValueError, match="nothing"):
        rebalancing_bps(D("0.0005"), D(0))
