"""The route preview, the panel of a smart choice, and the pages of what decides it."""

import re
from decimal import Decimal

import pytest
from django.urls import reverse

from execution.display.explained import panel
from execution.models import Decision, Signal
from execution.services import preview
from policies import snapshot
from policies.domain.policy import Scope, TradingStatus
from policies.models import Exchange, PolicyVersion, RoutingSettings, RoutingStrategy, StrategyPolicy, TradingPreference
from policies.services import set_trading_state
from policies.snapshot import current_policy
from tests.admin import world
from tests.admin.forms import edit

PAGE = "admin:route_preview"


@pytest.fixture
def market(db, monkeypatch, now_read):
    """Eight exchanges that list the pair; four of them have books."""
    day = world.calm_day(4)
    world.list_pairs("BTC/USDT")
    monkeypatch.setattr(preview, "books_now", lambda symbol, slugs, oldest: world.split_books())
    now_read()
    return day


def ask(client, day, **changes):
    asked = {"user": day.sender.pk, "symbol": "btc-usdt", "side": "buy", "amount": "0.05", **changes}
    response = client.get(reverse(PAGE), asked)
    assert response.status_code == 200
    return response.content.decode()


def test_a_smart_route_is_previewed_with_costs_and_every_strategy(boss, market):
    before = Signal.objects.count(), Decision.objects.count()

    html = ask(boss, market, routing="optimal_split")

    assert "WOULD BE SENT" in html
    assert "smart → binance" in html
    assert '<svg class="book-chart"' in html
    assert "That is the cheapest exchange that can take all of it alone." in html
    for name in (
        "Optimal split",
        "Best execution",
        "Lowest latency",
        "Best liquidity",
        "Cost optimization",
        "Balanced",
    ):
        assert name in html
    assert "PRICE_UNKNOWN" in html, "the four without books"
    assert (Signal.objects.count(), Decision.objects.count()) == before


def test_what_would_be_denied_says_why_and_what_to_do(boss, market):
    html = ask(boss, market, amount="4.5", routing="optimal_split")

    assert "WOULD BE DENIED" in html
    assert "ORDER_VALUE" in html
    assert "What to do:" in html


def test_a_route_by_its_chain_is_previewed_too(boss, market):
    html = ask(boss, market)

    assert "default → binance" in html
    assert "0.05 BTC on binance at 64,210.40 USDT on average" in html
    assert "bps beyond the middle of its book" in html
    assert "What each strategy would do" in html


def test_a_missing_book_is_said_plainly(boss, market, monkeypatch):
    monkeypatch.setattr(preview, "books_now", lambda symbol, slugs, oldest: {})

    fixed, smart = ask(boss, market), ask(boss, market, routing="optimal_split")

    for html in (fixed, smart):
        assert "WOULD BE DENIED" in html
        assert "NO_HEALTHY_EXCHANGE" in html
        assert "then denies the signal" in html


def test_slices_are_told(boss, market):
    html = ask(boss, market, execution="twap")

    assert "Traded over time: " in html
    assert "WOULD BE SENT" in html


def test_the_settings_tell_how_large_orders_are_sliced_and_the_preview_shows_it(boss, market, now_read):
    page = boss.get(reverse("admin:policies_routingsettings_change", args=[1])).content.decode()
    assert "10000 is a usual threshold" in page
    assert f'<a class="text-link" href="{reverse(PAGE)}">Preview</a>' in page
    before = ask(boss, market, amount="0.06")
    RoutingSettings.objects.update(twap_above=3000)
    now_read()

    after = ask(boss, market, amount="0.06")

    assert "Traded over time" not in before
    assert "Traded over time: 20 slices in 10.0 min" in after


def test_a_strategy_leads_to_a_form_that_knows_it(boss, market):
    row = StrategyPolicy.objects.get(strategy_id="swing_eth")

    page = boss.get(reverse("admin:policies_strategypolicy_preview", args=[row.pk]), follow=True).content.decode()

    assert 'value="swing_eth"' in page
    assert "Where would it go?" in page


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"route_by": "optimal_split"}, "best of 8"),
        ({"route_by": "smart", "balanced_over": {"okx": 1}}, "okx"),
        ({"route_by": "one_exchange"}, "kraken"),
        ({"enabled": False, "route_by": "optimal_split"}, "denied"),
        ({"enabled": False}, "denied"),
    ],
)
def test_the_answer_now_of_a_strategy_is_the_routers(boss, market, now_read, changes, shown):
    StrategyPolicy.objects.exclude(strategy_id="swing_eth").delete()
    StrategyPolicy.objects.filter(strategy_id="swing_eth").update(**changes)
    now_read()

    assert _answers_now(boss) == [shown]


def test_the_answer_now_of_a_smart_strategy_tells_who_is_out_and_when_nobody_may_trade(boss, market, now_read):
    StrategyPolicy.objects.exclude(strategy_id="swing_eth").delete()
    StrategyPolicy.objects.update(route_by="optimal_split")
    world.healthy("okx", status="down", last_error="HTTP 503")
    now_read()

    assert _answers_now(boss) == ["best of 7"]
    html = boss.get(reverse("admin:policies_strategypolicy_changelist")).content.decode()
    assert "okx EXCHANGE_DOWN" in html
    assert "word-watch" in html
    set_trading_state(scope=Scope.GLOBAL, target="", status=TradingStatus.HALTED, reason="drill", by=None)
    now_read()
    assert _answers_now(boss) == ["none"]


def _answers_now(client):
    html = client.get(reverse("admin:policies_strategypolicy_changelist")).content.decode()
    cells = re.findall(r'data-label="Answer now".*?</td>', html, re.DOTALL)
    return [re.sub(r"<[^>]*>|[●▲■◆○]", "", cell.split(">", 1)[1]).strip() for cell in cells]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"amount": ""}, "Enter either an amount or a value."),
        ({"notional": "5"}, "Enter either an amount or a value."),
        ({"symbol": "???"}, "Write BASE/QUOTE of a spot pair"),
        ({"amount": "NaN"}, "Enter a number."),
        ({"user": "0"}, "Select a valid choice"),
    ],
)
def test_a_form_that_makes_no_sense_is_told_so(boss, market, changes, problem):
    assert problem in ask(boss, market, **changes)


def test_the_preview_changes_nothing_and_takes_no_post(boss, market):
    assert boss.post(reverse(PAGE)).status_code == 403


def test_the_page_of_a_signal_shows_the_split(boss, market):
    signal = world.make_signal(market.sender, "executing", amount=Decimal("4.5"))
    world.decide(signal, "", source="smart", ordering="optimal_split", explanation=world.split_explanation())

    html = boss.get(reverse("admin:execution_signal_change", args=[signal.pk])).content.decode()

    assert '<svg class="book-chart"' in html
    assert "beyond the middle of all books" in html
    assert "BALANCE_UNKNOWN" in html
    assert "no. 88120" in html


def test_shares_and_alternatives_add_up(db):
    shown = panel(world.split_explanation())

    assert sum(row.share for row in shown.rows) == pytest.approx(1)
    assert sum(taken for _, _, taken, _ in shown.levels) == Decimal("4.5")
    assert "alone, the cheapest single exchange, would cost" in shown.alternative
    assert panel(None) is None
    assert panel({"router": "1", "offers": []}) is None


def test_weights_are_changed_with_a_reason_and_are_in_force_at_once(boss, market):
    version = PolicyVersion.objects.get().version

    response = edit(boss, "routingstrategy", "best_execution", price="70")

    assert response.status_code == 302, response.content.decode()[:3000]
    assert RoutingStrategy.objects.get(pk="best_execution").price == 70
    assert PolicyVersion.objects.get().version > version
    snapshot.refresh()
    assert current_policy().routing_strategies["best_execution"].price == 70


def test_a_strategy_without_any_weight_is_refused(boss, market):
    html = edit(boss, "routingstrategy", "cost_optimization", cost="0").content.decode()

    assert "At least one weight must be above 0" in html


def test_preferences_name_exchanges_that_exist(boss, market):
    row = TradingPreference.objects.get()

    page = boss.get(reverse("admin:policies_tradingpreference_change", args=[row.pk])).content.decode()
    assert page.count("None: the default exchange") == 1
    assert "Optimal split" in page
    wrong = edit(boss, "tradingpreference", row.pk, preferred_exchanges="binnace")
    right = edit(boss, "tradingpreference", row.pk, preferred_exchanges="OKX\nbinance")

    assert "There is no exchange" in wrong.content.decode()
    assert right.status_code == 302
    row.refresh_from_db()
    assert row.preferred_exchanges == ["okx", "binance"]
    assert Exchange.objects.filter(pk__in=row.preferred_exchanges).count() == 2
