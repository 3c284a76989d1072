"""Chains and balanced strategies in the policy file: every rule with its sentence and line, also in a dry run."""

import pytest
from django.core.exceptions import ValidationError

from policies import policy_file, snapshot
from policies.domain.policy import BeyondChain, ChainOrder, ChainOrdering, RouteBy
from policies.models import Exchange, FailoverChain, FailoverStep, StrategyPolicy
from policies.policy_file import PolicyFileError
from policies.services import map_strategy, set_chain

pytestmark = pytest.mark.django_db

FILE = """
routing_settings:
  all: {beyond_chain: always}
failover_chains:
  binance: {ordering: fastest_first}
  kraken: {steps: [kraken, firi, binance], ordering: own_region_first, region: us}
strategies:
  spread: {exchange: binance, route_by: weighted, balanced_over: {okx: 1, binance: 3}}
  turns: {exchange: kraken, route_by: round_robin, balanced_over: [kraken, binance]}
"""


def applied(text):
    return [str(change) for change in policy_file.apply(text, reason="reviewed in meeting", by=None)]


def test_orderings_and_balancing_are_applied_and_compiled():
    applied(FILE)

    policy = snapshot.refresh()
    assert policy.rules.beyond_chain == BeyondChain.ALWAYS
    assert policy.ordering("binance") == ChainOrder(ChainOrdering.FASTEST_FIRST)
    assert policy.ordering("kraken") == ChainOrder(ChainOrdering.OWN_REGION_FIRST, "us")
    assert policy.ordering("okx") == ChainOrder()
    spread, turns = policy.strategies["spread"], policy.strategies["turns"]
    assert (spread.route_by, spread.balanced_over) == (RouteBy.WEIGHTED, (("binance", 3), ("okx", 1)))
    assert turns.balanced_over == (("binance", 1), ("kraken", 1))


def test_a_dump_of_them_applied_again_changes_nothing():
    applied(FILE)

    dumped = policy_file.dump()

    assert "balanced_over:\n      binance: 3\n      okx: 1" in dumped
    assert policy_file.plan(dumped) == []


def test_the_installed_policy_leaves_a_chain_only_for_balanced_strategies():
    assert snapshot.refresh().rules.beyond_chain == BeyondChain.SMART


CHAINS = "failover_chains:\n  okx: {}\n"
WRONG = [
    (f"{CHAINS}  binance: {{steps: []}}", "A chain needs at least one exchange."),
    (f"{CHAINS}  binance: {{steps: [kraken, binance]}}", "The first step must be the primary, binance."),
    (f"{CHAINS}  binance: {{steps: [okx, kraken]}}", "The first step must be the primary, binance."),
    (f"{CHAINS}  binance: {{steps: [binance, okx, okx]}}", "okx is in the chain twice."),
    (f"{CHAINS}  binance: {{steps: [binance, nope]}}", "nope is not an enabled exchange."),
    (f"{CHAINS}  binance: {{steps: [binance, alpaca]}}", "alpaca is not an enabled exchange."),
    (f"{CHAINS}  binance: {{ordering: random}}", "Value 'random' is not a valid choice."),
    (f"{CHAINS}  binance: {{region: eu}}", "A region only counts with “own region first”."),
    (f"{CHAINS}  binance: {{ordering: own_region_first, region: mars}}", "No exchange is in region mars; there are eu"),
    (f"{CHAINS}  coinbase: {{notes: none yet}}", "A chain needs at least one exchange."),
]
STRATEGIES = "strategies:\n  fine: {exchange: okx}\n"
UNBALANCED = [
    ("{exchange: okx, balanced_over: [okx, kraken]}", "Choose how to balance over these, or empty the list."),
    ("{exchange: okx, route_by: adaptive}", "Balancing needs at least two exchanges."),
    ("{exchange: okx, route_by: adaptive, balanced_over: [okx]}", "Balancing needs at least two exchanges."),
    ("{exchange: okx, route_by: weighted, balanced_over: {okx: 1, nope: 1}}", "nope is not an enabled exchange."),
    ("{exchange: okx, route_by: weighted, balanced_over: {okx: 1, alpaca: 1}}", "alpaca is not an enabled exchange."),
    (
        "{exchange: okx, route_by: weighted, balanced_over: {okx: 0, kraken: 1}}",
        "The weight of okx must be a whole number",
    ),
    ("{exchange: okx, route_by: luck, balanced_over: [okx, kraken]}", "Value 'luck' is not a valid choice."),
]
WRONG += [(f"{STRATEGIES}  s: {row}", sentence) for row, sentence in UNBALANCED]


@pytest.mark.parametrize("make", [policy_file.plan, applied], ids=["dry run", "apply"])
@pytest.mark.parametrize(("text", "sentence"), WRONG)
def test_what_is_wrong_is_refused_with_its_line_before_anything_is_made(make, text, sentence):
    Exchange.objects.filter(pk="alpaca").update(enabled=False)
    FailoverChain.objects.get(pk=FailoverChain.objects.get(primary="coinbase").pk).steps.all().delete()
    FailoverChain.objects.filter(primary="coinbase").delete()
    before = list(FailoverStep.objects.values_list("chain__primary", "exchange", "position"))

    with pytest.raises(PolicyFileError) as caught:
        make(text)

    assert sentence in str(caught.value)
    assert str(caught.value).startswith("line 3: ")
    assert list(FailoverStep.objects.values_list("chain__primary", "exchange", "position")) == before
    assert not StrategyPolicy.objects.exists()


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("balanced_over: okx", "must be exchanges with their weights"),
        ("balanced_over: {okx: 1.5}", "1.5 is not a whole number"),
    ],
)
def test_what_is_not_a_list_of_weights_is_refused_with_its_line(row, sentence):
    with pytest.raises(PolicyFileError, match=f"line 3: strategies.s.balanced_over: .*{sentence}"):
        policy_file.plan(f"strategies:\n  s:\n    {row}")


def test_a_dry_run_leaves_nothing_behind():
    version = snapshot.current_version()

    assert len(policy_file.plan(FILE)) == 11

    assert snapshot.current_version() == version
    assert not StrategyPolicy.objects.exists()
    assert not FailoverChain.history.exists()


def test_a_chain_is_not_rewritten_when_only_its_notes_change():
    set_chain("binance", None, reason="just a note", by=None, notes="as agreed")
    set_chain("binance", snapshot.refresh().chain("binance"), reason="the same again", by=None)

    assert not FailoverStep.history.exists()


def test_a_chain_of_an_exchange_that_is_not_there_is_refused():
    with pytest.raises(ValidationError, match="There is no exchange 'mtgox'"):
        set_chain("mtgox", ["mtgox"], reason="for old times", by=None)


def test_mapping_a_balanced_strategy_ends_its_balancing():
    applied(FILE)

    map_strategy("spread", "firi", reason="nordic only now", by=None)

    rule = snapshot.refresh().strategies["spread"]
    assert (rule.exchange, rule.route_by, rule.balanced_over) == ("firi", RouteBy.ONE_EXCHANGE, ())
