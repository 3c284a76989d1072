"""The pages of fees and of costs."""

import csv
import re
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.urls import reverse
from django.utils import timezone

from execution.exchanges.base import AccountFees
from execution.models import AccountFee, OrderCost
from execution.services import account_fees
from policies import snapshot
from policies.models import FeeTier
from tests.admin import world
from tests.admin.forms import REASON, edit

COSTS, FEES = "/admin/costs/", "/admin/fees/"


@pytest.fixture
def sender(db):
    return world.trader()


def spent(sender, exchange="binance", strategy="scalper_btc", **figures):
    signal = world.make_signal(sender, exchange_id=exchange, strategy_id=strategy)
    world.decide(signal, exchange)
    return world.cost(world.make_order(signal, "filled", mode="live"), **figures)


def text(response):
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_without_any_order_the_page_says_when_there_will_be_one(boss, db):
    shown = text(boss.get(COSTS))

    assert "No order with fills ended in this time." in shown
    assert "Nothing to show" in shown


def test_costs_are_shown_by_exchange_and_strategy_and_spread_over_bars(boss, sender):
    spent(sender, arrival_bps=D("1.5"))
    spent(sender, "kraken", "slow_eth", arrival_bps=D(30), shortfall_bps=D("70.25"))

    shown = text(boss.get(COSTS))

    for words in (
        "kraken</a>",
        "slow_eth</a>",
        "+1.5<br>",
        "+30.0<br>",
        "+70.3</strong>",
        "\u221220 to \u221210 bps",
        "20 to 50 bps",
        "2 orders",
    ):
        assert words in shown


def test_the_markets_price_and_regrets_are_shown_with_how_many_orders_know_them(boss, sender):
    spent(sender, vwap_bps=D(3), regret_bps=D("0.4"), fill_regret_bps=D("2.5"), filled_notional=D(1000))
    spent(sender, vwap_bps=D(6), filled_notional=D(3000))
    spent(sender)

    shown = text(boss.get(COSTS))

    for figure, orders in (("+5.3", "2 orders"), ("+0.4", "1 order"), ("+2.5", "1 order")):
        assert f'{figure} <span class="quiet" title="Known of {orders}">' in shown
    assert "Not known where a trade may have been missed." in shown


def test_a_signals_page_says_what_is_not_known_and_why(boss, sender):
    unknown = spent(sender, vwap_why="gap", regret_bps=D("0.4"), fill_regret_why="no_books")
    known = spent(sender, vwap_bps=D(3), interval_vwap=D("50015"), vwap_exchanges=3, vwap_why="")
    pending = spent(sender, vwap_why="")

    def page(cost):
        return text(boss.get(reverse("admin:execution_signal_change", args=[cost.order.signal_id])))

    assert "Against market: not known. Some of the market&#x27;s trades in those minutes may have been missed." in page(
        unknown
    )
    assert "+0.4 bps at the decision, not known at the fill. What all exchanges showed at its last fill" in page(
        unknown
    )
    assert "50,015.00 USDT over 3 exchanges" in page(known)
    assert "It is worked out a minute after the last fill" in page(pending)


def test_a_splits_page_tells_both_regrets_of_the_whole(boss, sender):
    signal = world.measured_split(sender)

    shown = text(boss.get(reverse("admin:execution_signal_change", args=[signal.pk])))

    found = re.search(r"Together: Regret, .*?: (\S+) bps at the decision, (\S+) bps at the last fill", shown)
    then, at_fill = (float(figure.replace("\u2212", "-")) for figure in found.groups())
    assert 0 < at_fill < then  # the best price had gone meanwhile


def test_the_page_is_filtered_by_window_user_exchange_strategy_and_mode(boss, sender):
    spent(sender)
    other = spent(world.trader("algo2"), "kraken", "slow_eth")
    OrderCost.objects.filter(pk=other.pk).update(at=timezone.now() - timedelta(days=3), mode="paper")

    def exchanges(query):
        shown = text(boss.get(COSTS + query))
        return {slug for slug in ("binance", "kraken") if f"exchange={slug}" in shown.split("By exchange")[1]}

    assert exchanges("") == {"binance", "kraken"}
    assert exchanges("?window=1d") == {"binance"}
    assert exchanges("?who=algo2") == {"kraken"}
    assert exchanges("?who=nobody") == set()
    assert exchanges("?strategy=slow_eth") == {"kraken"}
    assert exchanges("?mode=live") == {"binance"}
    assert exchanges("?exchange=mtgox&window=never&mode=real") == {"binance", "kraken"}


def test_the_orders_can_be_had_for_a_spreadsheet_without_formulas(boss, sender):
    spent(sender, strategy='=HYPERLINK("http://x")')

    response = boss.get(COSTS + "?format=csv")

    (row,) = csv.DictReader(response.content.decode().splitlines())
    assert response["Content-Type"].startswith("text/csv")
    assert row["strategy"] == '\'=HYPERLINK("http://x")'
    assert (row["exchange"], row["arrival_bps"], row["spread_bps"], row["vwap_bps"]) == ("binance", "1.2", "2.4", "")


def test_the_page_of_a_signal_tells_what_it_cost(boss, sender):
    row = spent(sender, arrival_bps=D("3.7"), shortfall_bps=D("13.7"))

    shown = text(boss.get(reverse("admin:execution_signal_change", args=[row.order.signal_id])))

    assert "What it cost" in shown
    assert "+3.7</td>" in shown
    assert "+13.7</strong>" in shown


def test_a_fee_that_is_off_is_named_on_the_signals_page_and_on_the_fees_page(boss, sender):
    signal = world.make_signal(sender)
    order = world.make_order(signal, "filled", mode="live", maker_rate=D("0.0002"), taker_rate=D("0.0005"))
    world.cost(order, fee_off=True, expected_fees=D("1.6052"))

    assert "FEE OFF" in text(boss.get(reverse("admin:execution_signal_change", args=[signal.pk])))
    shown = text(boss.get(FEES))
    assert reverse("admin:execution_signal_change", args=[signal.pk]) in shown
    assert "1.61 USDT" in shown


def test_a_signal_in_parts_shows_what_they_cost_one_by_one_and_together(boss, sender):
    parent = world.make_signal(sender, amount=D("0.1"), parts_made=2)
    told = world.split_explanation()
    told["offers"] = [{**told["offers"][0], "fee": "0", "asks": [["64210.4", "1"]], "bids": []}]
    world.decide(parent, ordering="optimal_split", explanation=told)
    for part, exchange, slippage in ((0, "binance", "1.5"), (1, "kraken", "4.5")):
        child = world.make_signal(sender, exchange_id=exchange, parent=parent, part=part, leg=True, allotted=D("0.05"))
        order = world.make_order(child, "filled", mode="live")
        mid = order.reference_price * (1 - D(slippage) / 10_000)
        world.cost(order, arrival_bps=D(slippage), arrival_mid=mid)

    shown = text(boss.get(reverse("admin:execution_signal_change", args=[parent.pk])))

    for words in (
        "part 0 binance",
        "part 1 kraken",
        "<td>together</td>",
        "+3.0</td>",
        "+10.0 bps at the decision",
    ):
        assert words in shown


def test_a_signal_whose_costs_are_not_worked_out_yet_says_so(boss, sender):
    signal = world.make_signal(sender)
    world.make_order(signal, "filled")

    shown = text(boss.get(reverse("admin:execution_signal_change", args=[signal.pk])))

    assert "Worked out some seconds after" in shown


def test_each_account_shows_what_it_pays_and_its_way_to_the_next_tier(boss, sender):
    keys = world.keys(sender, "kraken", world.BASE64_SECRET)
    told = AccountFees(D("0.0020"), D("0.0035"), D(47_000), "Pro")
    account_fees.record_told(str(keys.pk), keys.version, told)
    account_fees.count_volumes()
    daily = [D(0)] * 23 + [D(1000)] * 7
    AccountFee.objects.update(daily=daily, uncounted={"NOK": "1200"})
    snapshot.refresh()

    shown = text(boss.get(FEES))

    for words in ("20 bps", "35 bps", "the exchange, Pro", "47,000.00", "7,000.00 by us", "+ 1,200.00 NOK", "92.5 %",
                  "from 50.0k: 14 bps / 24 bps", "in 3 days"):  # fmt: skip
        assert words in shown, words


def test_without_keys_the_fees_page_says_why_it_is_empty(boss, db):
    assert "No keys are stored here" in text(boss.get(FEES))


def test_fees_are_filtered_by_exchange_and_user(boss, sender):
    world.keys(sender, "kraken", world.BASE64_SECRET)
    world.keys(world.trader("algo2"), "binance")

    def accounts(query):
        shown = text(boss.get(FEES + query)).split("Reached</th>")[1].split("Charged otherwise")[0]
        return {name for name in ("algo1", "algo2") if name in shown}

    assert accounts("") == {"algo1", "algo2"}
    assert accounts("?exchange=kraken") == {"algo1"}
    assert accounts("?who=algo2") == {"algo2"}
    assert accounts("?who=nobody") == set()


@pytest.mark.parametrize("path", [COSTS, FEES])
def test_who_may_not_look_at_them_does_not(client, staff, path):
    client.force_login(staff("credential owner"))

    assert client.get(path).status_code == 403
    assert client.post(path).status_code == 403


def test_a_tier_is_edited_on_the_page_of_its_exchange_with_a_reason(boss, db):
    edit(boss, "exchange", "kraken", **{"fee_tiers-0-taker_bps": "36.5"})

    changed = FeeTier.objects.get(exchange_id="kraken", from_volume=10_000)
    assert changed.taker_bps == D("36.5")
    assert changed.history.latest().history_change_reason == REASON
    assert snapshot.refresh().fee_tiers["kraken"][0].taker_bps == D("36.5")
    assert "36.5" in text(boss.get(reverse("admin:policies_exchange_change", args=["kraken"])))
    assert REASON in text(boss.get(reverse("admin:changes")))


def test_a_tier_from_nothing_on_is_refused(boss, db):
    response = edit(boss, "exchange", "kraken", **{"fee_tiers-0-from_volume": "0"})

    assert "The ordinary fees hold from 0 on" in text(response)
