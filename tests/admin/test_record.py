"""Pages that look back, and the palette that leads everywhere."""

import pytest
from django.urls import reverse

from execution.admin.palette import find
from execution.selectors.denials import denials_by_code, denied_unusually_often
from policies.domain.reasons import MANUAL
from policies.models import Exchange, StrategyPolicy
from tests.admin import world


@pytest.fixture
def sender(db):
    world.all_healthy()
    return world.trader()


def test_denials_are_counted_beside_what_is_usual(sender, now_read):
    for hours in (0.2, 0.4, 5, 30, 40, 50):
        world.make_signal(sender, "denied", received_at=world.ago(hours=hours), reason_code="ORDER_VALUE")
    now_read()

    counts = denials_by_code()

    assert [(count.code, count.day, count.hour, count.usual) for count in counts] == [("ORDER_VALUE", 3, 2, 0.5)]


def test_a_burst_of_denials_is_an_alarm_and_a_few_are_not(sender, now_read):
    for _ in range(4):
        world.make_signal(sender, "denied", reason_code="ORDER_VALUE")
    assert denied_unusually_often() == 0

    world.make_signal(sender, "denied", reason_code="ORDER_VALUE")
    now_read()
    assert denied_unusually_often() == 5


def test_the_denials_page_says_what_to_do_about_each(boss, sender, now_read):
    world.denied_signal(sender)
    now_read()

    html = boss.get(reverse("admin:denials")).content.decode()

    assert "Send a smaller order, or ask to raise the limit." in html
    assert "scalper_btc" in html
    assert "reason_code=ORDER_VALUE" in html


def test_the_manual_has_every_code(boss):
    html = boss.get(reverse("admin:reasons")).content.decode()

    assert all(code.value in html for code in MANUAL)
    assert boss.get(reverse("admin:reason", args=["ORDER_VALUE"])).status_code == 200
    assert boss.get(reverse("admin:reason", args=["NO_SUCH_CODE"])).status_code == 404


def test_changes_go_on_where_the_page_ends(boss, sender):
    kraken = Exchange.objects.get(pk="kraken")
    for fee in range(55):
        kraken.taker_fee_bps = fee
        kraken.save()

    first = boss.get(reverse("admin:changes"))
    older = boss.get(reverse("admin:changes"), {"before": first.context["more"]})

    assert len(first.context["changes"]) == 50
    assert first.context["changes"][-1].at > older.context["changes"][0].at
    assert older.context["more"] == ""


@pytest.mark.parametrize("before", ["", "yesterday", "2026-02-31T00:00:00+00:00", "2026-11-20T14:00:00"])
def test_a_time_that_is_none_is_ignored(boss, sender, before):
    assert boss.get(reverse("admin:changes"), {"before": before, "model": "nonsense"}).status_code == 200


class Asking:
    """A request as far as the palette looks at it."""

    def __init__(self, user):
        self.user = user
        self.path = "/admin/"


def titles(person, term):
    return [hit.title for hit in find(Asking(person), term)]


def test_the_palette_finds_rows_codes_and_pages(sender, risk_manager):
    signal = world.make_signal(sender, idempotency_key="client-key-7")
    order = world.make_order(signal)
    StrategyPolicy.objects.create(strategy_id="scalper_btc", exchange_id="binance")

    assert f"Signal {str(signal.pk)[:8]}" in titles(risk_manager, str(signal.pk)[:8])
    assert f"Signal {str(signal.pk)[:8]}" in titles(risk_manager, "client-key-7")
    assert f"Order {order.client_order_id[:8]}" in titles(risk_manager, order.client_order_id.upper()[:10])
    assert f"Order {order.client_order_id[:8]}" in titles(risk_manager, "8839201175")
    assert titles(risk_manager, "scalp") == ["scalper_btc"]
    assert "algo1" in titles(risk_manager, "ALGO")
    assert "ORDER_VALUE" in titles(risk_manager, "order value")
    assert "Failover chains" in titles(risk_manager, "failover")
    assert "Halt trading" in titles(risk_manager, "halt")


def test_the_palette_shows_nobody_what_they_may_not_open(sender, staff):
    signal = world.make_signal(sender)
    owner = staff("credential owner")

    assert titles(owner, str(signal.pk)[:8]) == []
    assert titles(owner, "algo1") == []
    assert titles(owner, "kraken") == []
    assert "Halt trading" not in titles(owner, "halt")


def test_an_empty_search_answers_nothing(boss):
    assert boss.get(reverse("admin:search"), {"s": " ", "extended": "1"}).content == b""
