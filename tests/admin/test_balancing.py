"""The admin's side of ordered chains and balanced strategies."""

import pytest
from django.urls import reverse

from execution.selectors.facts import refresh_facts
from policies.models import FailoverChain, StrategyPolicy
from policies.snapshot import refresh
from tests.admin import world
from tests.admin.forms import REASON, edit, fields_of


@pytest.fixture
def chain(db):
    world.all_healthy()
    return FailoverChain.objects.get(primary="binance")


def ask(client, **query):
    steps = "binance,bybit,okx,kraken,firi"
    address = reverse("admin:policies_failoverchain_preview")
    return client.get(address, {"primary": "binance", "steps": steps, **query}).json()


def test_the_preview_shows_the_order_that_the_speed_makes(boss, chain):
    world.healthy("binance", status="down", last_error="HTTP 503")
    for slug, ms in (("bybit", 300), ("okx", 200), ("kraken", 30), ("firi", 90)):
        world.healthy(slug, ms)
    refresh_facts()

    told = ask(boss, ordering="fastest_first")

    assert "Tried in this order now: binance → kraken → firi → okx → bybit." in told["answer"]
    assert "used now" in told["steps"]["kraken"]["fate"]
    assert "Tried in this order" not in ask(boss, ordering="as_listed")["answer"]


def test_the_preview_shows_the_order_of_the_region(boss, chain):
    refresh_facts()

    told = ask(boss, ordering="own_region_first", region="eu")

    assert "binance → kraken → firi → bybit → okx" in told["answer"]


@pytest.mark.parametrize("query", [{"ordering": "nonsense"}, {"ordering": "own_region_first", "region": "<b>"}])
def test_nonsense_in_the_preview_is_harmless(boss, chain, query):
    refresh_facts()

    assert "<b>" not in ask(boss, **query)["answer"].replace("<strong>", "")


def test_the_ordering_is_saved_and_shown_in_the_list(boss, chain):
    response = edit(boss, "failoverchain", chain.pk, ordering="fastest_first")

    assert response.status_code == 302
    assert refresh().ordering("binance").ordering == "fastest_first"
    html = boss.get(reverse("admin:policies_failoverchain_changelist")).content.decode()
    assert "binance → bybit → okx → kucoin → kraken → firi (fastest first)" in html


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"region": "eu"}, "A region only counts with “own region first”."),
        (
            {"ordering": "own_region_first", "region": "mars"},
            "No exchange is in region mars; there are eu, global, us.",
        ),
    ],
)
def test_region_sentences(boss, chain, changes, sentence):
    response = edit(boss, "failoverchain", chain.pk, **changes)

    assert sentence in response.content.decode()
    chain.refresh_from_db()
    assert (chain.ordering, chain.region) == ("as_listed", "")


BODY = {"strategy_id": "spread", "exchange": "bybit", "mode": "paper", "enabled": "on", "reason": REASON}


def test_a_balanced_strategy_is_typed_one_exchange_per_line(boss, chain):
    refresh_facts()
    values = {"route_by": "weighted", "balanced_over": "binance 3\n\n Kraken\nokx 2"}

    response = boss.post(reverse("admin:policies_strategypolicy_add"), {**BODY, **values})

    assert response.status_code == 302
    row = StrategyPolicy.objects.get()
    assert (row.route_by, row.balanced_over) == ("weighted", {"binance": 3, "kraken": 1, "okx": 2})
    page = boss.get(reverse("admin:policies_strategypolicy_change", args=[row.pk])).content.decode()
    assert fields_of(page)["balanced_over"] == "binance 3\nkraken\nokx 2"
    refresh()
    html = boss.get(reverse("admin:policies_strategypolicy_changelist")).content.decode()
    assert "weighted: binance, kraken, okx" in html
    edit(boss, "strategypolicy", row.pk, notes="untouched otherwise")
    row.refresh_from_db()
    assert row.balanced_over == {"binance": 3, "kraken": 1, "okx": 2}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"route_by": "round_robin", "balanced_over": "binance"}, "Balancing needs at least two exchanges."),
        ({"route_by": "round_robin", "balanced_over": "binance\nbinance 2"}, "binance is in the list twice."),
        ({"route_by": "round_robin", "balanced_over": "binance\nnope"}, "nope is not an enabled exchange."),
        ({"route_by": "weighted", "balanced_over": "binance x\nokx"}, "write an exchange and its weight"),
        ({"route_by": "weighted", "balanced_over": "binance 101\nokx"}, "must be a whole number from 1 to 100"),
        ({"route_by": "one_exchange", "balanced_over": "binance\nokx"}, "Choose how to balance over these"),
        ({"balanced_over": "binance\nokx"}, "Choose how to balance over these"),
    ],
)
def test_balancing_sentences(boss, values, sentence):
    response = boss.post(reverse("admin:policies_strategypolicy_add"), {**BODY, **values})

    assert sentence in response.content.decode()
    assert not StrategyPolicy.objects.exists()


def test_the_list_shows_where_a_balanced_strategy_goes_when_its_list_is_out(boss, chain):
    StrategyPolicy.objects.create(
        strategy_id="spread", exchange_id="bybit", route_by="adaptive", balanced_over={"binance": 1, "okx": 1}
    )
    for slug in ("binance", "okx"):
        world.healthy(slug, status="down", last_error="HTTP 503")
    refresh()
    refresh_facts()

    html = boss.get(reverse("admin:policies_strategypolicy_changelist")).content.decode()

    assert "adaptive: binance, okx" in html
    assert "bybit</span>" in html or ">bybit" in html


def test_the_signal_page_shows_how_the_candidates_were_ordered(boss, chain):
    sender = world.trader()
    signal = world.make_signal(sender)
    figures = {
        "exchange": "okx",
        "code": "LATER_IN_CHAIN",
        "detail": "Usable.",
        "inputs": {"in_flight": 4, "weight": 2},
    }
    candidates = [{"exchange": "binance", "code": "", "detail": ""}, figures]
    world.decide(signal, source="smart", ordering="adaptive", candidates=candidates)

    html = boss.get(reverse("admin:execution_signal_change", args=[signal.pk])).content.decode()

    assert "Balanced: the faster and freer of two" in html
    assert "Usable. (in flight 4, weight 2)" in html
