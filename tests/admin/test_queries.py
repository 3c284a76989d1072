"""What a page may cost: a fixed number of queries, however many rows there are, and a size that loads at once."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from execution.admin import navigation
from execution.models import Signal
from execution.selectors import facts
from execution.selectors.desk import read_desk
from execution.selectors.facts import refresh_facts
from policies import snapshot
from policies.models import FailoverChain
from policies.snapshot import refresh
from tests.admin import world
from tests.admin.addresses import PAGES

DESK, LIST, CHAIN = 12, 15, 15
LARGEST_PAGE = 400_000
LISTS = (
    "execution_signal",
    "execution_order",
    "execution_position",
    "execution_feetotal",
    "execution_healthevent",
    "execution_market",
    "execution_orphan",
    "execution_bookbreak",
    "execution_reconciliation",
    "execution_alert",
    "execution_alertdelivery",
    "execution_arbitragetrade",
    "policies_alertrule",
    "policies_alertchannel",
    "policies_exchange",
    "policies_strategypolicy",
    "policies_failoverchain",
    "policies_tradingpermission",
    "policies_tradingpreference",
    "policies_routingstrategy",
    "policies_tradingstate",
    "policies_exchangecredential",
    "policies_apitoken",
    "policies_webhook",
    "execution_webhookdelivery",
    "auth_user",
    "auth_group",
)


@pytest.fixture
def desk(risk_manager, monkeypatch):
    # What is kept for a second or less must not run out between two visits.
    monkeypatch.setattr(snapshot, "CHECK_INTERVAL_S", 60)
    monkeypatch.setattr(facts, "MAX_AGE_S", 60)
    monkeypatch.setattr(navigation, "BADGES_S", 60)
    return world.bad_day(risk_manager, minutes=10)


def cost(client, path):
    """Queries and bytes of a page, as on any visit but the first: policy and listings are in memory."""
    refresh()
    refresh_facts()
    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        response = client.get(path)
    assert response.status_code == 200, path
    return len(queries), len(response.content)


def test_the_desk_costs_the_same_for_any_number_of_rows(desk):
    refresh()
    refresh_facts()
    with CaptureQueriesContext(connection) as few:
        read_desk()
    for _ in range(30):
        world.denied_signal(desk.sender)
        world.unknown_order(desk.sender)
    refresh()
    refresh_facts()
    with CaptureQueriesContext(connection) as many:
        read_desk()

    assert len(few) == len(many)
    assert len(many) <= DESK


def test_every_list_costs_at_most_fifteen_queries_and_400_kb(boss, desk):
    costs = {name: cost(boss, reverse(f"admin:{name}_changelist")) for name in LISTS}

    assert {name: found for name, found in costs.items() if found[0] > LIST or found[1] > LARGEST_PAGE} == {}


@pytest.mark.parametrize(
    "name", ["execution_signal", "execution_order", "policies_exchangecredential", "policies_webhook"]
)
def test_a_list_costs_the_same_for_any_number_of_rows(boss, desk, name):
    before, _ = cost(boss, reverse(f"admin:{name}_changelist"))
    for number in range(12):
        other = world.user(f"other{number}")
        world.make_order(world.make_signal(other))
        world.calm_keys(other)
        world.webhook(other, f"hook-{number}")

    after, _ = cost(boss, reverse(f"admin:{name}_changelist"))

    assert after == before


def test_big_lists_are_not_counted(boss, desk):
    with CaptureQueriesContext(connection) as queries:
        boss.get(reverse("admin:execution_signal_changelist"))

    counts = [q["sql"] for q in queries if "COUNT(" in q["sql"] and "execution_signal" in q["sql"]]
    assert [sql for sql in counts if "GROUP BY" not in sql] == []


def test_the_failover_editor_stays_within_its_budget(boss, desk):
    chain = FailoverChain.objects.get(primary="binance")

    queries, size = cost(boss, reverse("admin:policies_failoverchain_change", args=[chain.pk]))

    assert queries <= CHAIN
    assert size <= LARGEST_PAGE


def test_a_signal_page_costs_the_same_for_any_number_of_orders(boss, desk):
    signal = Signal.objects.get(pk=desk.filled.pk)
    before, _ = cost(boss, reverse("admin:execution_signal_change", args=[signal.pk]))
    for attempt in range(2, 7):
        world.decide(signal, attempt=attempt)
        world.make_order(signal, "rejected", attempt=attempt)

    after, _ = cost(boss, reverse("admin:execution_signal_change", args=[signal.pk]))

    assert after == before


def test_no_page_is_larger_than_400_kb(boss, desk):
    costs = {name: cost(boss, reverse(f"admin:{name}")) for name in PAGES}

    assert {name: found for name, found in costs.items() if found[0] > LIST or found[1] > LARGEST_PAGE} == {}


def test_what_needs_attention_costs_the_same_for_any_number_of_items(boss, desk):
    before, _ = cost(boss, reverse("admin:needs_attention"))
    for number in range(40):
        world.lost_order(desk.sender, 21 + number)
        other = world.user(f"other{number}")
        account = world.keys(other, "binance")
        world.uncompared(account)
        world.orphan(account)
        world.difference(account, "BTC", "1", "0.5")

    after, size = cost(boss, reverse("admin:needs_attention"))
    swapped, _ = cost(boss, reverse("admin:attention_part"))

    assert after == before <= LIST
    assert swapped <= LIST
    assert size <= LARGEST_PAGE
    assert "There is more: the worst 100 are shown." in boss.get(reverse("admin:needs_attention")).content.decode()


@pytest.mark.parametrize("page", ["costs", "fees"])
def test_costs_and_fees_cost_the_same_for_any_number_of_orders_and_accounts(boss, desk, page):
    other = world.user("swinger")
    world.cost(world.make_order(world.make_signal(other), "filled"), fee_off=True)
    before, _ = cost(boss, reverse(f"admin:{page}"))
    world.costly_week(desk.sender, other)
    for number in range(30):
        world.keys(world.user(f"other{number}"), "binance")

    after, size = cost(boss, reverse(f"admin:{page}"))

    assert after == before <= LIST
    assert size <= LARGEST_PAGE


def test_positions_cost_the_same_for_any_number_of_accounts(boss, desk):
    before, _ = cost(boss, reverse("admin:execution_position_changelist"))
    for number in range(12):
        other = world.user(f"other{number}")
        world.difference(world.keys(other, "binance"), "BTC", "1", "0.5")
        world.positions(other)

    after, _ = cost(boss, reverse("admin:execution_position_changelist"))

    assert after == before


def test_the_menu_counts_once_for_all(boss, desk, monkeypatch):
    boss.get(reverse("admin:reasons"))
    with CaptureQueriesContext(connection) as queries:
        boss.get(reverse("admin:reasons"))

    assert not [q["sql"] for q in queries if "execution_order" in q["sql"]]
