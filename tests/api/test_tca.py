"""GET /api/tca and /api/tca/summary: what your executions cost."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone

from execution.models import OrderCost
from policies import snapshot
from tests.admin.world import cost, make_order, make_signal


@pytest.fixture
def measured(api):
    """Two orders at binance, one at kraken."""
    for exchange, strategy, slippage in (("binance", "a", 1), ("binance", "b", 4), ("kraken", "b", -2)):
        signal = make_signal(api.user, strategy_id=strategy, exchange_id=exchange)
        cost(make_order(signal, "filled", mode="live"), arrival_bps=slippage)


def only(api, query):
    return [(row["exchange"], row["strategy_id"]) for row in api.get(f"/api/tca{query}").json()["results"]]


def test_an_orders_costs_are_told_with_the_prices_they_are_measured_against(api, measured):
    row = api.get("/api/tca?exchange=kraken").json()["results"][0]

    assert (row["arrival_bps"], row["spread_bps"], row["fees_bps"], row["vwap_bps"]) == (
        "-2.0000", "-4.0000", "10.0000", None,
    )  # fmt: skip
    assert (row["symbol"], row["quote"], row["fill_rate"], row["fee_off"]) == ("BTC/USDT", "USDT", "1.00000000", False)
    assert api.get(f"/api/orders/{row['order']}").json()["signal"] == row["signal"]


def test_the_markets_price_and_what_is_not_known_are_told_with_their_reasons(api):
    cost(
        make_order(make_signal(api.user), "filled"), interval_vwap=D("50015"), vwap_bps=D(3), vwap_exchanges=3,
        vwap_why="", regret_bps=D("0.4"), fill_regret_why="no_books", fill_books={"at": 1, "books": {}},
    )  # fmt: skip

    (row,) = api.get("/api/tca").json()["results"]

    assert (D(row["interval_vwap"]), row["vwap_bps"], row["vwap_exchanges"], row["vwap_why"]) == (
        50_015, "3.0000", 3, "",
    )  # fmt: skip
    assert (row["regret_bps"], row["fill_regret_bps"], row["fill_regret_why"]) == ("0.4000", None, "no_books")
    assert "fill_books" not in row


def test_the_summary_says_of_how_many_orders_each_figure_is_known(api, measured):
    OrderCost.objects.filter(strategy_id="a").update(vwap_bps=2, regret_bps=1, fill_regret_bps=3)

    binance, kraken = api.get("/api/tca/summary").json()

    assert (binance["vwap_bps"], binance["vwap_measured"]) == ("2.0000", 1)
    assert (binance["regret_bps"], binance["fill_regret_bps"], binance["fill_regret_measured"]) == (
        "1.0000", "3.0000", 1,
    )  # fmt: skip
    assert (kraken["vwap_bps"], kraken["vwap_measured"], kraken["regret_measured"]) == (None, 0, 0)


def test_the_costs_of_a_part_name_the_signal_the_client_sent(api):
    parent = make_signal(api.user, parts_made=1)
    child = make_signal(api.user, parent=parent, part=0, allotted="0.05")
    cost(make_order(child, "filled"))

    (row,) = api.get("/api/tca").json()["results"]

    assert row["signal"] == str(parent.pk)


def test_they_are_filtered(api, measured):
    assert only(api, "?exchange=binance&strategy_id=b") == [("binance", "b")]
    assert len(only(api, "?mode=live")) == 3
    assert only(api, "?mode=paper") == []
    since = (timezone.now() + timedelta(hours=1)).isoformat().replace("+", "%2B")
    assert only(api, f"?since={since}") == []


@pytest.mark.parametrize("query", ["?exchange=mtgox", "?mode=real", "?since=yesterday", "?limit=0"])
def test_what_is_not_understood_is_refused(api, measured, query):
    assert api.get(f"/api/tca{query}").status_code == 400


def test_a_long_list_comes_in_pages(api, measured):
    first = api.get("/api/tca?limit=2").json()
    rest = api.get(first["next"].removeprefix("http://testserver")).json()

    assert len({row["order"] for row in first["results"] + rest["results"]}) == 3


def test_only_your_own_are_shown_and_staff_see_all(api, stranger, measured):
    assert only(stranger, "") == []
    assert stranger.get("/api/tca/summary").json() == []

    stranger.user.is_staff = True
    stranger.user.save()
    snapshot.refresh()

    assert len(only(stranger, "")) == 3
    assert len(stranger.get("/api/tca/summary").json()) == 2


def test_the_summary_weighs_by_value_and_knows_what_was_not_measured(api, measured):
    OrderCost.objects.filter(strategy_id="a").update(filled_notional=D(3000), arrival_bps=D(1))
    OrderCost.objects.filter(strategy_id="b", exchange="binance").update(filled_notional=D(1000), fee_off=True)
    cost(make_order(make_signal(api.user), "filled", mode="live"), arrival_bps=None, shortfall_bps=None)

    binance, kraken = api.get("/api/tca/summary").json()

    assert (binance["name"], binance["mode"], binance["quote"]) == ("binance", "live", "USDT")
    assert (binance["orders"], binance["measured"], binance["fees_off"]) == (3, 2, 1)
    assert (binance["slippage_bps"], binance["spread_bps"], binance["slippage_p50_bps"]) == (
        "1.7500", "3.5000", "2.5000",
    )  # fmt: skip
    assert (kraken["name"], kraken["slippage_bps"], kraken["reversion_bps"]) == ("kraken", "-2.0000", None)


def test_the_summary_by_strategy(api, measured):
    rows = api.get("/api/tca/summary?by=strategy&exchange=binance").json()

    assert {row["name"]: row["orders"] for row in rows} == {"a": 1, "b": 1}
    assert api.get("/api/tca/summary?by=moon").status_code == 400


def test_the_summary_is_of_a_week_unless_asked_for_more(api, measured):
    OrderCost.objects.update(at=timezone.now() - timedelta(days=8))

    assert api.get("/api/tca/summary").json() == []
    assert len(api.get("/api/tca/summary?since=2026-01-01T00:00:00Z").json()) == 2
