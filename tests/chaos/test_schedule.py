"""What is broken is a pure function of seed and tier."""

from collections import Counter

import pytest

from chaos.load import EXCHANGES, plan
from chaos.schedule import KILLS, LINKS, TIERS, Kind, schedule


@pytest.mark.parametrize("tier", TIERS.values(), ids=lambda tier: tier.name)
def test_the_same_seed_breaks_the_same_things(tier):
    assert schedule(7, tier) == schedule(7, tier)
    assert schedule(7, tier) != schedule(8, tier)


@pytest.mark.parametrize("tier", TIERS.values(), ids=lambda tier: tier.name)
def test_everything_a_tier_promises_happens_and_is_over_with_the_load(tier):
    faults = schedule(3, tier)

    kinds = Counter(fault.kind for fault in faults)
    assert kinds == {**tier.faults, Kind.LINK: sum(tier.links.values())}
    assert all(fault.at >= 0 and fault.until < tier.seconds for fault in faults)
    assert all(fault.target in LINKS and fault.mode for fault in faults if fault.kind == Kind.LINK)
    assert sum(kinds[kind] for kind in KILLS) >= 10


def test_faults_are_spread_over_the_whole_time():
    tier = TIERS["night"]
    quarters = Counter(int(4 * fault.at / tier.seconds) for fault in schedule(1, tier))

    assert min(quarters[n] for n in range(4)) > 0.15 * sum(quarters.values())


def test_a_fault_says_what_it_is():
    lines = [str(fault) for fault in schedule(1, TIERS["quick"])]

    assert any("kill worker worker1" in line for line in lines)
    assert any("link worker-postgres black_hole for" in line for line in lines)


def test_the_load_is_repeatable_and_reaches_every_exchange():
    posts = plan(5, 600, 30.0, users=8)

    assert posts == plan(5, 600, 30.0, users=8)
    items = [item for post in posts for item in post.items]
    assert len(items) == len({item.key for item in items}) == 600
    assert {item.body.get("exchange", "") for item in items} == {*EXCHANGES, ""}
    assert {item.body["side"] for item in items} == {"buy", "sell"}
    assert any(len(post.items) > 1 for post in posts)
    assert any(post.repeats for post in posts)
    assert any(item.rests for item in items)
    assert all(0 <= post.at <= 30 for post in posts)
