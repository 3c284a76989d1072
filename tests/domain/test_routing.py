from dataclasses import replace

import pytest

from execution.domain.health import HealthStatus
from execution.domain.router import Question, Refused, route
from policies.domain.policy import Mode, OnAllUnhealthy, OnMissingCredential, OnUnknownExchange, Scope, TradingStatus
from policies.domain.reasons import ReasonCode
from policies.domain.routing import Source, resolve
from tests.domain.builders import NOW, RULES, SLUGS, USER, exchange, facts, halt, healthy, permission, policy, strategy

ASK = Question(USER, "BTC/USDT")
DOWN, DEGRADED = HealthStatus.DOWN, HealthStatus.DEGRADED


def codes(answer):
    return {candidate.exchange: candidate.code for candidate in answer.candidates}


def refusal(a_policy, some_facts, question=ASK):
    with pytest.raises(Refused) as caught:
        route(a_policy, some_facts, question, NOW)
    return caught.value


@pytest.mark.parametrize(
    ("requested", "strategy_id", "expected"),
    [
        ("kraken", "scalper_btc", ("kraken", Source.EXPLICIT)),
        ("KRAKEN", "", ("kraken", Source.EXPLICIT)),
        ("", "scalper_btc", ("okx", Source.POLICY)),
        ("", "unmapped", ("binance", Source.DEFAULT)),
        ("", "", ("binance", Source.DEFAULT)),
    ],
)
def test_explicit_beats_policy_beats_default(requested, strategy_id, expected):
    resolution = resolve(
        policy(strategies=strategy("scalper_btc", "okx")), requested=requested, strategy_id=strategy_id
    )

    assert (resolution.exchange, resolution.source) == expected
    assert resolution.warning == ""


def test_an_unknown_name_goes_to_the_default_and_says_so():
    resolution = resolve(policy(), requested="binnace", strategy_id="")

    assert (resolution.exchange, resolution.source) == ("binance", Source.DEFAULT)
    assert resolution.warning == "Exchange 'binnace' is unknown; routed to the default binance instead."


def test_an_unknown_name_is_denied_when_policy_says_so():
    strict = policy(rules=replace(RULES, on_unknown_exchange=OnUnknownExchange.DENY))

    denied = refusal(strict, facts(), replace(ASK, requested_exchange="binnace"))

    assert denied.denial.code == ReasonCode.UNKNOWN_EXCHANGE
    assert denied.denial.detail.startswith("Exchange 'binnace' is unknown. Use one of: alpaca, binance, bybit")


def test_a_disabled_exchange_counts_as_unknown_when_named():
    exchanges = {**policy().exchanges, "okx": exchange("okx", enabled=False)}

    resolution = resolve(policy(exchanges=exchanges), requested="okx", strategy_id="")

    assert resolution.warning == "Exchange 'okx' is not enabled; routed to the default binance instead."


def test_a_disabled_strategy_is_denied():
    denied = refusal(policy(strategies=strategy("s", "okx", enabled=False)), facts(), replace(ASK, strategy_id="s"))

    assert denied.denial.code == ReasonCode.STRATEGY_DISABLED


def test_a_healthy_primary_is_taken_and_the_others_are_explained():
    answer = route(policy(), facts(), ASK, NOW)

    assert answer.exchange == "binance"
    assert answer.mode == Mode.LIVE
    assert answer.credential.id == "key-binance"
    assert codes(answer) == {
        "binance": None,
        "bybit": ReasonCode.LATER_IN_CHAIN,
        "okx": ReasonCode.LATER_IN_CHAIN,
        "kucoin": ReasonCode.LATER_IN_CHAIN,
        "kraken": ReasonCode.LATER_IN_CHAIN,
        "firi": ReasonCode.PAIR_NOT_LISTED,
    }


def test_the_chain_is_walked_in_its_order_past_what_is_not_ok():
    answer = route(policy(), facts(binance=DOWN, bybit=DEGRADED), ASK, NOW)

    assert answer.exchange == "okx"
    assert [c.code for c in answer.candidates[:3]] == [ReasonCode.EXCHANGE_DOWN, ReasonCode.UNHEALTHY, None]
    assert answer.candidates[0].detail == "DOWN since 2026-11-20 13:00:00 UTC: HTTP 503."


def test_stale_health_is_skipped():
    stale = facts()
    stale.health["binance"] = healthy(age_s=91)

    assert route(policy(), stale, ASK, NOW).exchange == "bybit"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exchanges": {**policy().exchanges, "binance": exchange("binance", enabled=False)}}, "EXCHANGE_DISABLED"),
        ({"exchanges": {**policy().exchanges, "binance": exchange("binance", maintenance_from=NOW)}},
         "EXCHANGE_MAINTENANCE"),
        ({"permissions": {USER: permission(exchanges=frozenset({"kraken"}))}}, "EXCHANGE_NOT_PERMITTED"),
        ({"states": halt(Scope.EXCHANGE, "binance")}, "TRADING_HALTED"),
        ({"credentials": {k: v for k, v in policy().credentials.items() if k[1] != "binance"}}, "NO_CREDENTIAL"),
        ({"credentials": {k: replace(v, frozen=k[1] == "binance") for k, v in policy().credentials.items()}},
         "CREDENTIAL_FROZEN"),
    ],
)  # fmt: skip
def test_every_reason_to_skip_an_exchange_has_its_code(changes, code):
    answer = route(policy(**changes), facts(), replace(ASK, requested_exchange="kraken"), NOW)

    assert codes(answer)["binance"] == code


def test_a_live_order_never_fails_over_to_paper_nor_a_paper_order_to_live():
    exchanges = {**policy().exchanges, "bybit": exchange("bybit", mode=Mode.PAPER)}

    live = route(policy(exchanges=exchanges), facts(binance=DOWN), ASK, NOW)
    paper = refusal(policy(exchanges=exchanges), facts(bybit=DOWN), replace(ASK, requested_exchange="bybit"))

    assert (live.exchange, live.mode) == ("okx", Mode.LIVE)
    assert codes(live)["bybit"] == ReasonCode.OTHER_MODE
    assert {c.code for c in paper.candidates} == {ReasonCode.EXCHANGE_DOWN, ReasonCode.OTHER_MODE}


def test_tried_unpriced_and_unlisted_exchanges_are_skipped():
    question = Question(USER, "BTC/USDT", tried=("binance",), unpriced=("bybit",))

    answer = route(policy(), facts(), question, NOW)

    assert answer.exchange == "okx"
    assert codes(answer)["binance"] == ReasonCode.ALREADY_TRIED
    assert codes(answer)["bybit"] == ReasonCode.PRICE_UNKNOWN


def test_a_pair_in_another_currency_finds_the_exchange_that_lists_it():
    assert route(policy(), facts(), Question(USER, "BTC/NOK"), NOW).exchange == "firi"


def test_when_all_are_down_nothing_is_routed_even_with_the_default_fallback():
    denied = refusal(policy(), facts(**dict.fromkeys(SLUGS, DOWN)))

    assert denied.denial.code == ReasonCode.NO_HEALTHY_EXCHANGE
    assert denied.denial.detail == (
        "All 6 exchanges of the chain are out: binance EXCHANGE_DOWN, bybit EXCHANGE_DOWN, okx EXCHANGE_DOWN, "
        "kucoin EXCHANGE_DOWN, kraken EXCHANGE_DOWN, firi PAIR_NOT_LISTED. Nothing was sent."
    )
    assert len(denied.candidates) == 6


def test_when_all_are_degraded_the_default_stands_in_loudly():
    answer = route(policy(), facts(**dict.fromkeys(SLUGS, DEGRADED)), replace(ASK, requested_exchange="kraken"), NOW)

    assert answer.exchange == "binance"
    assert answer.warning == "No exchange of the chain is healthy; sent to the default binance although it is not."


def test_when_all_are_degraded_and_policy_says_deny_nothing_is_sent():
    strict = policy(rules=replace(RULES, on_all_unhealthy=OnAllUnhealthy.DENY))

    assert refusal(strict, facts(**dict.fromkeys(SLUGS, DEGRADED))).denial.code == ReasonCode.NO_HEALTHY_EXCHANGE


def test_no_keys_anywhere_says_so():
    denied = refusal(policy(credentials={}), facts(), Question(USER, "BTC/NOK"))

    assert denied.denial.code == ReasonCode.NO_ELIGIBLE_EXCHANGE
    assert "firi NO_CREDENTIAL" in denied.denial.detail


def test_a_missing_key_denies_when_policy_says_so():
    rules = replace(RULES, on_missing_credential=OnMissingCredential.DENY)
    without_binance = {k: v for k, v in policy().credentials.items() if k[1] != "binance"}

    denied = refusal(policy(rules=rules, credentials=without_binance), facts())

    assert denied.denial.code == ReasonCode.NO_CREDENTIAL


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"permissions": {}}, "NO_PERMISSION"),
        ({"permissions": {USER: permission(user_active=False)}}, "USER_DISABLED"),
        ({"permissions": {USER: permission(enabled=False)}}, "TRADING_DISABLED"),
        ({"permissions": {USER: permission(pairs=("ETH/*", "*/NOK"))}}, "PAIR_NOT_PERMITTED"),
        ({"states": halt(Scope.GLOBAL)}, "TRADING_HALTED"),
        ({"states": halt(Scope.USER, str(USER))}, "TRADING_HALTED"),
        ({"states": halt(Scope.SYMBOL, "BTC/USDT")}, "TRADING_HALTED"),
    ],
)
def test_what_forbids_the_signal_itself_denies_it(changes, code):
    assert refusal(policy(**changes), facts()).denial.code == code


def test_a_halt_tells_who_when_and_why():
    denied = refusal(policy(states=halt(Scope.STRATEGY, "s")), facts(), replace(ASK, strategy_id="s"))

    assert denied.denial.detail == (
        "Strategy s is halted since 2026-11-20 14:00:00 UTC by risk.two: “503s since 09:12”. Wait for the release."
    )


def test_reduce_only_passes_routing_with_its_reason():
    reducing = policy(states=halt(Scope.EXCHANGE, "binance", TradingStatus.REDUCING))

    assert route(reducing, facts(), ASK, NOW).reducing.startswith("Exchange binance is reduce-only since")


@pytest.mark.parametrize(
    ("of_exchange", "of_strategy", "of_signal", "expected"),
    [
        (Mode.LIVE, Mode.LIVE, None, Mode.LIVE),
        (Mode.LIVE, Mode.PAPER, None, Mode.PAPER),
        (Mode.PAPER, Mode.LIVE, Mode.LIVE, Mode.PAPER),
        (Mode.LIVE, Mode.LIVE, Mode.PAPER, Mode.PAPER),
    ],
)
def test_the_most_cautious_mode_decides(of_exchange, of_strategy, of_signal, expected):
    exchanges = {slug: exchange(slug, mode=of_exchange) for slug in SLUGS}
    a_policy = policy(exchanges=exchanges, strategies=strategy("s", "binance", mode=of_strategy))

    answer = route(a_policy, facts(), Question(USER, "BTC/USDT", "s", "", of_signal), NOW)

    assert answer.mode == expected
    assert (answer.credential is None) == (expected == Mode.PAPER)
