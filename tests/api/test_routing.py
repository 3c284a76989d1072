"""Smart previews, preferences and routing statistics over HTTP."""

import pytest

from execution.domain.choosing import ROUTER_VERSION
from execution.models import Decision, Signal
from execution.selectors import facts
from execution.services import preview
from policies import snapshot
from policies.models import OrderSizeLimit, TradingPermission
from policies.models.smart import TradingPreference
from tests.admin import world

GOOD = {"preferred_exchanges": ["okx", "binance"], "routing_strategy": "best_execution", "risk_tolerance": "low"}


@pytest.fixture
def books(api, monkeypatch):
    """The client may trade, and the exchanges have books."""
    world.all_healthy()
    world.list_pairs("BTC/USDT")
    permission = TradingPermission.objects.get(user=api.user)
    OrderSizeLimit.objects.create(permission=permission, currency="USDT", max_notional=1_000_000)
    monkeypatch.setattr(preview, "books_now", lambda symbol, slugs, oldest: world.split_books())
    facts.refresh_facts()
    snapshot.refresh()
    return api


def ask(api, **changes):
    body = {"symbol": "BTC/USDT", "side": "buy", "amount": "4.5", "routing_strategy": "optimal_split", **changes}
    response = api.post("/api/route", {name: value for name, value in body.items() if value is not None})
    assert response.status_code == 200, response.content
    return response.json()


def test_a_smart_preview_has_parts_costs_and_everything_it_was_made_from(books):
    found = ask(books)

    assert (found["source"], found["ordering"], found["mode"]) == ("smart", "optimal_split", "paper")
    assert len(found["parts"]) > 1
    assert sum(float(part["amount"]) for part in found["parts"]) == pytest.approx(4.5)
    told = found["explanation"]
    assert told["router"] == ROUTER_VERSION
    assert told["best_single"]["extra_bps"] > 0
    assert {offer["exchange"] for offer in told["offers"]} == {"binance", "bybit", "okx", "kraken"}
    assert Signal.objects.count() == 0


def test_a_preview_by_value_and_with_preferences(books):
    assert sum(float(part["notional"]) for part in ask(books, amount=None, notional="30000")["parts"]) <= 30_000
    assert ask(books, amount="0.01", preferred_exchanges=["kraken"])["exchange"] == "kraken"


def test_a_preview_that_would_be_denied(books):
    found = ask(books, amount="100000")

    assert (found["exchange"], found["code"], found["parts"]) == ("", "INSUFFICIENT_LIQUIDITY", [])


@pytest.mark.parametrize(
    "changes", [{"routing_strategy": "cheapest"}, {"preferred_exchanges": ["binnace"]}, {"preferred_exchanges": "okx"}]
)
def test_names_that_nobody_knows_are_refused(api, changes):
    response = api.signal(**changes)

    assert response.status_code == 400
    assert response.json()["fields"].keys() == changes.keys()


def test_a_stored_signal_keeps_what_it_asked_for(api):
    api.signal(routing_strategy="smart", preferred_exchanges=["OKX", "binance", "okx"])

    signal = Signal.objects.get()
    assert (signal.routing_strategy, signal.preferred_exchanges) == ("smart", ["okx", "binance"])


def test_preferences_are_set_read_and_set_back(api):
    assert api.get("/api/preferences").json()["risk_tolerance"] == "medium"
    assert api.call("PUT", "/api/preferences", GOOD).json() == GOOD
    assert api.get("/api/preferences").json() == GOOD

    assert api.call("PUT", "/api/preferences", {}).json()["preferred_exchanges"] == []
    assert TradingPreference.objects.get().history.first().history_change_reason == "Set over the API"


@pytest.mark.parametrize(
    "changes",
    [
        {"preferred_exchanges": ["nowhere"]},
        {"routing_strategy": "x"},
        {"risk_tolerance": ""},
        {"risc_tolerance": "low"},
    ],
)
def test_preferences_that_make_no_sense_are_refused(api, changes):
    response = api.call("PUT", "/api/preferences", {**GOOD, **changes})

    assert (response.status_code, response.json()["code"]) == (400, "INVALID_REQUEST")
    assert TradingPreference.objects.count() == 0


def test_statistics_count_the_clients_own_decisions(api, stranger):
    split = world.make_signal(api.user, "filled")
    world.decide(split, "", source="smart", ordering="optimal_split", explanation=world.split_explanation())
    failed_over = world.make_signal(api.user, "filled")
    world.decide(failed_over, "okx", ordering="as_listed")
    world.decide(world.make_signal(stranger.user, "denied"), "", reason_code="ORDER_VALUE")

    mine, theirs = (client.get("/api/routing/stats").json() for client in (api, stranger))

    assert (mine["decisions"], mine["smart"], mine["split"], mine["failovers"]) == (2, 1, 1, 1)
    assert mine["split_saved_bps"] > 0
    assert mine["by_exchange"] == {"okx": 1}
    assert mine["success_rate"] == 1
    assert (theirs["decisions"], theirs["denied"], theirs["success_rate"]) == (1, 1, None)
    Decision.objects.all().delete()
    assert api.get("/api/routing/stats?window=24h").json()["took_p50_ms"] is None
    assert api.get("/api/routing/stats?window=1y").status_code == 400
