"""The failover editor: order, rules, and the answer before saving."""

from typing import Any

import pytest
from django.urls import reverse

from execution.selectors.chains import chain_now
from execution.selectors.facts import refresh_facts
from policies.domain.policy import Scope, TradingStatus
from policies.models import Exchange, FailoverChain, FailoverStep
from policies.services import set_trading_state
from policies.snapshot import refresh
from tests.admin import world
from tests.admin.forms import REASON, fields_of

WRONG_HEAD = "The first step must be the primary, binance. Drag it to the top, or change the primary."


@pytest.fixture
def chain(db):
    world.all_healthy()
    return FailoverChain.objects.get(primary="binance")


def opened(client, chain):
    address = reverse("admin:policies_failoverchain_change", args=[chain.pk])
    return address, fields_of(client.get(address).content.decode())


def save(client, chain, **changes: Any):
    address, fields = opened(client, chain)
    body = {**fields, "reason": REASON, **changes}
    return client.post(address, {name: value for name, value in body.items() if value is not None})


def positions(*numbers: int) -> dict[str, str]:
    return {f"steps-{row}-position": str(number) for row, number in enumerate(numbers)}


def test_the_steps_are_saved_in_the_order_they_stand(boss, chain):
    response = save(boss, chain, **positions(0, 5, 4, 3, 2, 1))

    assert response.status_code == 302
    assert chain.slugs() == ("binance", "firi", "kraken", "kucoin", "okx", "bybit")
    assert refresh().chain("binance") == chain.slugs()
    assert set(FailoverStep.history.filter(chain_id=chain.pk).values_list("history_change_reason", flat=True)) == {
        REASON
    }


def test_only_what_moved_is_written(boss, chain):
    save(boss, chain, **positions(0, 2, 1, 3, 4, 5))

    assert FailoverStep.history.filter(chain_id=chain.pk).count() == 2


def test_a_step_is_removed_and_another_added_in_its_place(boss, chain):
    added = {"steps-6-chain": str(chain.pk), "steps-6-id": "", "steps-6-exchange": "coinbase", "steps-6-position": "1"}
    changes = {"steps-1-DELETE": "on", "steps-TOTAL_FORMS": "7", **added}

    save(boss, chain, **changes)

    assert chain.slugs() == ("binance", "coinbase", "okx", "kucoin", "kraken", "firi")


def test_a_new_step_that_was_never_moved_comes_last(boss, chain):
    added = {"steps-6-chain": str(chain.pk), "steps-6-id": "", "steps-6-exchange": "alpaca", "steps-6-position": ""}

    save(boss, chain, **{"steps-TOTAL_FORMS": "7", **added})

    assert chain.slugs()[-1] == "alpaca"
    assert len(chain.slugs()) == 7


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (positions(1, 0, 2, 3, 4, 5), WRONG_HEAD),
        ({"steps-2-exchange": "bybit"}, "bybit is in the chain twice."),
        ({f"steps-{row}-DELETE": "on" for row in range(6)}, "A chain needs at least one exchange."),
        ({"steps-5-exchange": "mtgox"}, "Select a valid choice."),
        ({"steps-5-exchange": "alpaca"}, "alpaca is not an enabled exchange. Enable it first, or leave it out."),
    ],
)
def test_what_is_wrong_with_a_chain_is_said_and_nothing_is_saved(boss, chain, changes, sentence):
    Exchange.objects.filter(pk="alpaca").update(enabled=False)
    before = chain.slugs()

    response = save(boss, chain, **changes)

    assert sentence in response.content.decode()
    assert chain.slugs() == before
    assert not FailoverChain.history.filter(id=chain.pk).exists()


def test_a_chain_that_was_overtaken_is_refused_also_when_only_its_steps_changed(boss, chain):
    address, fields = opened(boss, chain)
    save(boss, chain, **positions(0, 2, 1, 3, 4, 5))

    response = boss.post(address, {**fields, "reason": REASON, **positions(0, 5, 4, 3, 2, 1)})

    assert "risk.two changed this at" in response.content.decode()
    assert chain.slugs()[1] == "okx"


def test_the_history_shows_the_old_order_and_the_new(boss, chain):
    save(boss, chain, **positions(0, 2, 1, 3, 4, 5))
    save(boss, chain, **positions(0, 1, 2, 3, 5, 4))

    html = boss.get(reverse("admin:policies_failoverchain_history", args=[chain.pk])).content.decode()

    assert "okx → bybit" in html.replace("\n", "")


def ask(client, primary, *steps):
    return client.get(
        reverse("admin:policies_failoverchain_preview"), {"primary": primary, "steps": ",".join(steps)}
    ).json()


def test_the_preview_says_where_a_signal_goes_and_why_not_to_the_others(boss, chain, risk_manager):
    world.healthy("binance", 610, status="degraded")
    world.healthy("okx", status="down", last_error="HTTP 503")
    set_trading_state(scope=Scope.EXCHANGE, target="firi", status=TradingStatus.HALTED, reason="503s", by=risk_manager)
    refresh()
    refresh_facts()

    told = ask(boss, "binance", "binance", "okx", "firi", "kraken", "bybit")

    assert "goes to" in told["answer"]
    assert "kraken" in told["answer"]
    assert "610 ms on average" in told["answer"]
    assert "UNHEALTHY" in told["steps"]["binance"]["fate"]
    assert "EXCHANGE_DOWN" in told["steps"]["okx"]["fate"]
    assert "TRADING_HALTED" in told["steps"]["firi"]["fate"]
    assert "used now" in told["steps"]["kraken"]["fate"]
    assert "next in line" in told["steps"]["bybit"]["fate"]
    assert told["problem"] == ""


def test_the_preview_follows_the_order_on_the_screen_and_changes_nothing(boss, chain):
    refresh_facts()
    before = chain.slugs()

    told = ask(boss, "binance", "bybit", "binance")

    assert told["problem"] == WRONG_HEAD
    assert "bybit" in told["answer"]
    assert chain.slugs() == before
    assert boss.post(reverse("admin:policies_failoverchain_preview")).status_code == 403


def test_a_chain_of_one_is_warned_about(boss, chain):
    refresh_facts()

    assert "A chain of one cannot fail over." in ask(boss, "binance", "binance")["answer"]


@pytest.mark.parametrize("query", [{}, {"primary": "mtgox", "steps": "mtgox"}, {"primary": "binance", "steps": "<b>"}])
def test_the_preview_of_nonsense_is_harmless(boss, chain, query):
    told = boss.get(reverse("admin:policies_failoverchain_preview"), query)

    assert told.status_code == 200
    assert "<b>" not in told.json()["answer"].replace("<strong>", "")


def test_the_answer_is_the_routers_own(chain, risk_manager):
    for slug in world.CHAIN:
        world.healthy(slug, status="down", last_error="HTTP 503")
    facts, policy = refresh_facts(), refresh()

    answer = chain_now(policy, facts, "binance", world.ago())

    assert answer.exchange == ""
    assert answer.why.startswith("All 6 exchanges of the chain are out: binance EXCHANGE_DOWN, bybit EXCHANGE_DOWN")


def test_the_list_shows_the_order_and_the_answer_now(boss, chain):
    world.healthy("binance", status="down", last_error="HTTP 503")
    refresh_facts()

    html = boss.get(reverse("admin:policies_failoverchain_changelist")).content.decode()

    assert "binance → bybit → okx → kucoin → kraken → firi" in html
    assert "HTTP 503" in html
