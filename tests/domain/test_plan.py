"""The order in which exchanges are asked: chains in their order, balanced strategies, and beyond the chain."""

from collections import Counter
from dataclasses import replace

import pytest

from execution.domain.balance import Load
from execution.domain.health import HealthStatus
from execution.domain.router import Question, Refused, route, stale_among
from policies.domain.policy import BeyondChain, ChainOrder, ChainOrdering, Mode, RouteBy
from policies.domain.reasons import ReasonCode
from policies.domain.routing import Source
from tests.domain.builders import (
    BTC,
    NOW,
    RULES,
    SLUGS,
    USER,
    exchange,
    facts,
    healthy,
    permission,
    policy,
    strategy,
)  # fmt: skip

ASK = Question(USER, "BTC/USDT")
BALANCED = Question(USER, "BTC/USDT", "spread")
DOWN = HealthStatus.DOWN
OVER = (("binance", 3), ("kraken", 1), ("okx", 1))


def balanced(method=RouteBy.ROUND_ROBIN, over=OVER, **changes):
    rule = strategy("spread", "bybit", route_by=method, balanced_over=over)
    return policy(strategies=rule, **changes)


def taken(a_policy, some_facts, turns=300):
    return Counter(route(a_policy, some_facts, replace(BALANCED, turn=turn), NOW).exchange for turn in range(turns))


def codes(answer):
    return {candidate.exchange: candidate.code for candidate in answer.candidates}


def test_a_chain_that_is_fastest_first_is_walked_so_and_the_record_says_it():
    some = facts(binance=DOWN)
    for slug, ms in (("bybit", 300.0), ("okx", 250.0), ("kucoin", 90.0)):
        some.health[slug] = replace(healthy(), settled_ms=ms)
    ordered = policy(orderings={"binance": ChainOrder(ChainOrdering.FASTEST_FIRST)})

    answer = route(ordered, some, ASK, NOW)

    assert (answer.exchange, answer.ordering) == ("kraken", "fastest_first")
    assert [c.exchange for c in answer.candidates][:4] == ["binance", "kraken", "firi", "kucoin"]
    assert dict(answer.candidates[3].inputs) == {"latency_ms": 90.0}


def test_what_is_down_is_skipped_however_fast_it_was():
    some = facts(binance=DOWN, kucoin=DOWN)
    some.health["kucoin"] = replace(some.health["kucoin"], settled_ms=1.0)

    answer = route(policy(orderings={"binance": ChainOrder(ChainOrdering.FASTEST_FIRST)}), some, ASK, NOW)

    assert answer.exchange == "bybit"
    assert codes(answer)["kucoin"] == ReasonCode.EXCHANGE_DOWN


def test_own_region_first():
    exchanges = {slug: exchange(slug, region="eu" if slug in {"kraken", "firi"} else "global") for slug in SLUGS}
    ordered = policy(exchanges=exchanges, orderings={"kraken": ChainOrder(ChainOrdering.OWN_REGION_FIRST)})
    some = facts(kraken=DOWN)
    some.markets["firi"]["BTC/USDT"] = BTC

    assert route(ordered, some, replace(ASK, requested_exchange="kraken"), NOW).exchange == "firi"


def test_a_plain_chain_records_its_order_and_no_figures():
    answer = route(policy(), facts(), ASK, NOW)

    assert answer.ordering == "as_listed"
    assert not any(candidate.inputs for candidate in answer.candidates)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (RouteBy.ROUND_ROBIN, {"binance": 100, "kraken": 100, "okx": 100}),
        (RouteBy.LEAST_LOADED, {"binance": 100, "kraken": 100, "okx": 100}),
        (RouteBy.WEIGHTED, {"binance": 180, "kraken": 60, "okx": 60}),
    ],
)
def test_a_balanced_strategy_spreads_its_signals(method, expected):
    assert taken(balanced(method), facts()) == expected


def test_the_record_of_a_balanced_signal_has_source_method_and_the_figures_of_each():
    load = {"binance": Load(7, 250.0), "kraken": Load(1, None)}

    answer = route(balanced(RouteBy.ADAPTIVE), replace(facts(), load=load), replace(BALANCED, turn=4), NOW)

    assert (answer.resolution.source, answer.ordering) == (Source.SMART, "adaptive")
    assert answer.resolution.exchange == answer.exchange, "no failover happened"
    inputs = {candidate.exchange: dict(candidate.inputs) for candidate in answer.candidates}
    assert inputs["binance"] == {"turn": 4, "weight": 3, "in_flight": 7, "latency_ms": 250.0}
    assert inputs["kraken"] == {"turn": 4, "weight": 1, "in_flight": 1, "latency_ms": 40.0}
    assert inputs["bybit"] == {}


def test_what_is_down_or_not_permitted_or_not_listed_gets_nothing_and_says_why():
    some = facts(okx=DOWN)
    some.markets["kraken"] = {}
    over = (*OVER, ("kucoin", 1))
    limited = {USER: permission(exchanges=frozenset(SLUGS) - {"kucoin"})}

    assert taken(balanced(over=over, permissions=limited), some) == {"binance": 300}
    answer = route(balanced(over=over, permissions=limited), some, BALANCED, NOW)
    assert codes(answer) | {"bybit": None} == codes(answer) | {
        "bybit": None,
        "binance": None,
        "okx": ReasonCode.EXCHANGE_DOWN,
        "kraken": ReasonCode.MARKETS_NOT_LOADED,
        "kucoin": ReasonCode.EXCHANGE_NOT_PERMITTED,
    }


def test_with_one_out_the_others_share_what_it_leaves():
    assert taken(balanced(), facts(binance=DOWN)) == {"kraken": 150, "okx": 150}


def test_with_all_of_the_list_out_the_chain_of_its_own_exchange_takes_over():
    answer = route(balanced(), facts(binance=DOWN, kraken=DOWN, okx=DOWN), BALANCED, NOW)

    assert (answer.exchange, answer.resolution.exchange) == ("bybit", "bybit")
    after = route(balanced(), facts(binance=DOWN, kraken=DOWN, okx=DOWN, bybit=DOWN), BALANCED, NOW)
    assert (after.exchange, after.resolution.exchange) == ("kucoin", "bybit")


def test_an_explicit_exchange_beats_the_balancer():
    answer = route(balanced(), facts(), replace(BALANCED, requested_exchange="kucoin"), NOW)

    assert (answer.exchange, answer.resolution.source, answer.ordering) == ("kucoin", Source.EXPLICIT, "as_listed")


def test_a_second_attempt_goes_to_another_of_the_list():
    assert taken(balanced(), facts()) == {"binance": 100, "kraken": 100, "okx": 100}
    again = Counter(
        route(balanced(), facts(), replace(BALANCED, turn=turn, tried=("okx",)), NOW).exchange for turn in range(100)
    )

    assert again == {"binance": 50, "kraken": 50}


def test_a_member_in_another_mode_takes_nothing():
    exchanges = {**policy().exchanges, "okx": exchange("okx", mode=Mode.PAPER)}

    assert taken(balanced(exchanges=exchanges), facts()) == {"binance": 150, "kraken": 150}


def test_facts_count_one_more_under_way():
    more = facts().with_one_more("okx").with_one_more("okx")

    assert more.load["okx"] == Load(2)


OUTSIDE = policy(chains={**policy().chains, "binance": ("binance", "bybit")})


def beyond(setting, **changes):
    return replace(OUTSIDE, rules=replace(RULES, beyond_chain=setting), **changes)


def test_beyond_the_chain_the_fastest_healthy_permitted_exchange_that_lists_the_pair_is_taken():
    some = facts(binance=DOWN, bybit=DOWN)
    some.health["okx"] = replace(healthy(), settled_ms=90.0)
    some.health["kucoin"] = replace(healthy(), settled_ms=20.0)

    answer = route(beyond(BeyondChain.ALWAYS), some, ASK, NOW)

    assert answer.exchange == "kucoin"
    assert answer.warning == "No exchange of the chain can take it; sent to kucoin, which is not in it."
    assert answer.resolution.exchange == "binance"


@pytest.mark.parametrize("setting", [BeyondChain.NEVER, BeyondChain.SMART])
def test_a_fixed_route_stays_in_its_chain_unless_policy_says_always(setting):
    with pytest.raises(Refused) as caught:
        route(beyond(setting), facts(binance=DOWN, bybit=DOWN), ASK, NOW)

    assert caught.value.denial.code == ReasonCode.NO_HEALTHY_EXCHANGE
    assert len(caught.value.candidates) == 2


def test_a_balanced_strategy_may_leave_its_chain_where_policy_says_smart():
    rule = strategy("spread", "binance", route_by=RouteBy.ROUND_ROBIN, balanced_over=(("binance", 1), ("bybit", 1)))

    answer = route(beyond(BeyondChain.SMART, strategies=rule), facts(binance=DOWN, bybit=DOWN), BALANCED, NOW)

    assert answer.exchange in {"okx", "kucoin", "kraken", "coinbase", "alpaca"}


def test_a_chain_that_is_switched_off_is_never_left():
    switched_off = beyond(BeyondChain.ALWAYS, chains={})

    with pytest.raises(Refused):
        route(switched_off, facts(binance=DOWN), ASK, NOW)


def test_beyond_the_chain_permission_keys_mode_and_listing_still_count():
    limited = {USER: permission(exchanges=frozenset({"binance", "bybit", "kraken", "firi"}))}
    a_policy = beyond(BeyondChain.ALWAYS, permissions=limited, credentials={})

    with pytest.raises(Refused) as caught:
        route(a_policy, facts(binance=DOWN, bybit=DOWN), ASK, NOW)

    assert codes(caught.value)["okx"] == ReasonCode.EXCHANGE_NOT_PERMITTED
    assert codes(caught.value)["kraken"] == ReasonCode.NO_CREDENTIAL
    assert codes(caught.value)["firi"] == ReasonCode.PAIR_NOT_LISTED
    for slug in SLUGS:
        assert slug in caught.value.denial.detail, "the refusal names every exchange"


def test_a_refusal_tells_what_became_of_the_orders_that_were_tried():
    with pytest.raises(Refused) as caught:
        route(OUTSIDE, facts(bybit=DOWN), replace(ASK, tried=("binance",)), NOW)

    told = caught.value.telling({"binance": "EXCHANGE_UNAVAILABLE: connection refused."})

    assert told.denial.detail == (
        "All 2 exchanges of the chain are out: binance ALREADY_TRIED (EXCHANGE_UNAVAILABLE: connection refused), "
        "bybit EXCHANGE_DOWN. Nothing more was sent."
    )
    assert told.resolution == caught.value.resolution


def test_a_default_that_only_stands_in_is_checked_again_with_the_others():
    """With every sample too old the default is taken as the last resort, and it is as stale as the rest."""
    stale = facts()
    stale.health.update({slug: healthy(age_s=1000) for slug in SLUGS})

    answer = route(policy(), stale, ASK, NOW)

    assert answer.exchange == "binance"
    found = stale_among(policy(), stale, answer.candidates, answer.exchange, NOW)
    assert found == {"binance", "bybit", "okx", "kucoin", "kraken"}
    assert stale_among(policy(), facts(), route(policy(), facts(), ASK, NOW).candidates, "binance", NOW) == set()
