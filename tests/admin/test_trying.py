"""A change of policy tried on the latest decisions before it is saved: told, and nothing kept."""

import html

import pytest
from django.urls import reverse

from policies import snapshot
from policies.models import PolicyVersion, RoutingSettings, RoutingStrategy, TradingPreference
from policies.snapshot import current_policy
from tests.admin import world
from tests.admin.forms import fields_of


@pytest.fixture
def decided(db, now_read):
    """A split, an order along its chain, and an order by a balancer."""
    world.all_healthy()
    sender = world.trader()
    TradingPreference.objects.create(user=sender)
    split = world.make_signal(sender, "executing", amount="4.5", strategy_id="", routing_strategy="optimal_split")
    world.decide(split, "", source="smart", ordering="optimal_split", explanation=world.split_explanation())
    world.decide(world.make_signal(sender, strategy_id=""), "binance", source="default", ordering="as_listed")
    spread = world.make_signal(sender, strategy_id="turns")
    world.decide(spread, "okx", source="smart", ordering="round_robin")
    now_read()
    return split


def press(client, model, pk, **changes):
    """Press "Show what would change" with the form changed."""
    form = client.get(reverse(f"admin:policies_{model}_change", args=[pk])).content.decode()
    at = reverse("admin:what_would_change", args=[model, pk])
    assert f'hx-post="{at}"' in form
    answer = client.post(at, {**fields_of(form), **changes})
    return html.unescape(answer.content.decode())


def test_a_change_of_a_smart_strategy_is_told_with_its_cost(boss, decided):
    before = PolicyVersion.objects.get().version

    told = press(boss, "routingstrategy", "optimal_split", max_legs="1")

    assert "1 of 3 decisions of the last 24 h would have come out otherwise, at" in told
    assert "more on average (1 can be compared)" in told
    assert str(decided.pk)[:8] in told
    assert "<td>binance</td>" in told
    assert "binance 62" in told
    assert "1 not tried: balanced: where it went hung on the load of that moment." in told
    assert RoutingStrategy.objects.get(pk="optimal_split").max_legs == 8
    assert PolicyVersion.objects.get().version == before
    assert RoutingStrategy.history.filter(name="optimal_split", history_type="~").count() == 0
    assert snapshot.refresh().routing_strategies["optimal_split"].max_legs == 8


def test_a_change_of_the_settings_or_of_an_exchange_is_told(boss, decided):
    elsewhere = press(boss, "routingsettings", 1, default_exchange="kraken")
    fields = {"enabled": ""}
    switched_off = press(boss, "exchange", "bybit", **fields)

    assert "1 of 3 decisions" in elsewhere
    assert "<td>kraken</td>" in elsewhere
    assert "1 of 3 decisions" in switched_off
    assert RoutingSettings.objects.get().default_exchange_id == "binance"
    assert current_policy().exchanges["bybit"].enabled


def test_without_a_change_everything_comes_out_the_same(boss, decided):
    row = TradingPreference.objects.get()

    assert "All 3 decisions of the last 24 h would have come out the same." in press(boss, "tradingpreference", row.pk)


def test_what_makes_no_sense_is_said_and_without_decisions_there_is_nothing_to_try(boss, db, now_read):
    world.trader()
    now_read()

    assert "At least one weight must be above 0" in press(boss, "routingstrategy", "cost_optimization", cost="0")
    assert "nothing to try it on" in press(boss, "routingstrategy", "cost_optimization", cost="50")


def test_only_who_may_change_the_row_may_try_and_only_what_can_be_tried(client, staff, decided):
    at = reverse("admin:what_would_change", args=["routingstrategy", "optimal_split"])
    client.force_login(staff("viewer"))

    assert client.post(at, {}).status_code == 403
    client.force_login(staff("risk manager"))
    assert client.get(at).status_code == 403
    assert client.post(at, {}).status_code == 200
    for model, pk in (("apitoken", 1), ("nonsense", 1), ("routingstrategy", "unknown")):
        assert client.post(reverse("admin:what_would_change", args=[model, pk]), {}).status_code == 404
