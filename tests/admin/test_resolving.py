"""What people do under Needs attention: who may, what it takes, what becomes of it."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from execution.models import BalanceCheck, BalanceMark, BookBreak, Order, OrderEvent, Orphan, Reconciliation
from execution.selectors.facts import refresh_facts
from tests.admin import world

HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/admin/needs-attention/"}
WHY = "asked their support on the phone"
SURE = {"reason": WHY, "looked": "on"}
FOUND = {"reason": WHY, "exchange_order_id": "8839201175"}
# Action -> what makes the row it is about, what is filled in, and whether it asks why.
ACTIONS = {
    "order_take": ("order", {}, False),
    "order_look_again": ("order", {}, False),
    "order_it_is_there": ("order", FOUND, True),
    "order_never_placed": ("order", SURE, True),
    "orphan_explain": ("orphan", {"reason": WHY}, True),
    "reconciliation_try_again": ("account", {}, False),
    "reconciliation_trust": ("account", {"reason": WHY}, True),
    "bookbreak_compare_now": ("difference", {}, False),
    "bookbreak_accept": ("difference", {"reason": WHY}, True),
}
ASKS_WHY = [name for name, (_, _, asks) in ACTIONS.items() if asks]
TABLES = (Order, OrderEvent, Orphan, Reconciliation, BookBreak, BalanceCheck)


@pytest.fixture
def rows(db):
    """One of each thing, all at bybit, of one trader."""
    sender = world.trader()
    account = world.keys(sender, "bybit")
    return {
        "order": world.lost_order(sender, credential=account, mode="live"),
        "orphan": world.orphan(account),
        "account": world.uncompared(account, "HTTP 503", next_at=timezone.now() + timedelta(hours=1)),
        "difference": world.difference(account, "BTC", "1.25", "1.2"),
    }


def address(rows, action):
    return reverse(f"admin:execution_{action}", args=[rows[ACTIONS[action][0]].pk])


def press(client, rows, action, **answers):
    """What the page's button or the dialog sends."""
    filled_in = {**ACTIONS[action][1], **answers}
    return client.post(address(rows, action), {"_form_submitted": "True", **filled_in}, headers=HTMX)


def stored():
    return [list(table.objects.order_by("pk").values()) for table in TABLES]


@pytest.mark.parametrize("action", ACTIONS)
def test_asking_for_the_dialog_changes_nothing(boss, rows, action):
    before = stored()

    response = boss.get(address(rows, action), headers=HTMX)

    assert response.status_code == 200
    assert "<form" in response.content.decode()
    assert stored() == before


@pytest.mark.parametrize("action", ACTIONS)
def test_a_viewer_may_do_none_of_it(client, staff, rows, action):
    client.force_login(staff("viewer"))
    before = stored()

    assert press(client, rows, action).status_code == 403
    assert stored() == before


@pytest.mark.parametrize("action", ASKS_WHY)
@pytest.mark.parametrize("reason", ["", "ok"])
def test_without_a_full_reason_nothing_is_done(boss, rows, action, reason):
    before = stored()

    response = press(boss, rows, action, reason=reason)

    assert response.status_code == 200
    assert "Write why, in at least 8" in response.content.decode()
    assert stored() == before


@pytest.mark.parametrize("action", ACTIONS)
def test_an_operator_may_do_all_but_trust(client, staff, rows, action):
    client.force_login(staff("operator"))
    before = stored()

    response = press(client, rows, action)

    if action == "reconciliation_trust":
        assert response.status_code == 403
        assert stored() == before
    else:
        assert response.status_code == 204
        assert response["HX-Redirect"] == "/admin/needs-attention/"
        assert stored() != before


@pytest.mark.parametrize("action", ACTIONS)
def test_a_row_that_does_not_exist_is_not_found(boss, rows, action):
    wrong = reverse(f"admin:execution_{action}", args=["00000000-0000-0000-0000-000000000000"])

    assert boss.post(wrong, {"_form_submitted": "True", **ACTIONS[action][1]}).status_code == 404


def test_whoever_takes_an_order_is_named_on_it(boss, rows, risk_manager):
    response = press(boss, rows, "order_take")

    rows["order"].refresh_from_db()
    assert rows["order"].taken_by == risk_manager
    assert "You look into order" in str(list(get_messages(response.wsgi_request))[0])
    html = boss.get(reverse("admin:needs_attention")).content.decode()
    assert "<strong>risk.two</strong>" in html
    assert "execution_order_take-" not in html


def test_looking_up_again_makes_it_due_now(boss, rows):
    Order.objects.update(next_check_at=timezone.now() + timedelta(minutes=5))

    press(boss, rows, "order_look_again")

    rows["order"].refresh_from_db()
    assert rows["order"].next_check_at <= timezone.now()
    assert OrderEvent.objects.filter(order=rows["order"], detail="risk.two asks for a look-up.").exists()


def test_who_found_it_gives_the_exchanges_id(boss, rows):
    blank = press(boss, rows, "order_it_is_there", exchange_order_id="  ")
    assert "Copy the exchange&#x27;s own order id here." in blank.content.decode()

    press(boss, rows, "order_it_is_there")

    rows["order"].refresh_from_db()
    assert (rows["order"].exchange_order_id, rows["order"].status) == ("8839201175", "needs_attention")
    assert OrderEvent.objects.filter(order=rows["order"], detail__contains=WHY).exists()


def test_an_id_of_another_order_of_ours_is_refused_at_its_field(boss, rows):
    other = world.make_order(world.make_signal(rows["order"].user), exchange_id="bybit")

    html = press(boss, rows, "order_it_is_there", exchange_order_id=other.exchange_order_id).content.decode()

    assert "belongs to another order of ours already" in html
    assert html.index("belongs to another") < html.index('name="reason"')
    rows["order"].refresh_from_db()
    assert rows["order"].exchange_order_id == ""


def test_never_placed_shows_what_changes(boss, rows):
    html = boss.get(address(rows, "order_never_placed")).content.decode()

    assert "<ins>not placed</ins>" in html
    assert "3,210.52 USDT counted</del> → <ins>released</ins>" in html
    assert "<del>executing</del> → <ins>failed</ins>" in html
    assert "<del>paused in BTC/USDT</del> → <ins>trades again</ins>" in html


def test_never_placed_wants_to_know_that_somebody_looked(boss, rows):
    html = press(boss, rows, "order_never_placed", looked="").content.decode()

    assert "Look there first" in html
    rows["order"].refresh_from_db()
    assert rows["order"].status == "needs_attention"


def test_never_placed_ends_order_and_signal_and_lets_the_strategy_trade(boss, rows):
    assert refresh_facts().in_doubt

    press(boss, rows, "order_never_placed")

    order = rows["order"]
    order.refresh_from_db()
    order.signal.refresh_from_db()
    assert (order.status, order.reason_code, order.signal.status) == ("not_placed", "RESOLVED_BY_PERSON", "failed")
    assert WHY in order.reason_detail
    assert not refresh_facts().in_doubt


def test_while_the_platform_still_looks_the_button_says_so_and_the_action_is_refused(boss, rows):
    rows["order"] = world.unknown_order(rows["order"].user)

    html = boss.get(reverse("admin:needs_attention")).content.decode()
    assert "The platform still looks it up." in html
    assert address(rows, "order_never_placed") not in html
    assert "The platform still looks it up." in boss.get(address(rows, "order_never_placed")).content.decode()
    assert "The platform still looks it up." in press(boss, rows, "order_never_placed").content.decode()
    rows["order"].refresh_from_db()
    assert rows["order"].status == "unknown"


@pytest.mark.parametrize("action", ["order_take", "order_look_again", "order_it_is_there", "order_never_placed"])
def test_an_order_that_was_settled_meanwhile_is_left_alone(boss, rows, action):
    Order.objects.update(status="filled", final_at=timezone.now())
    before = stored()

    response = press(boss, rows, action)

    assert response.status_code == 200
    assert "This order is filled by now." in response.content.decode()
    assert stored() == before


def test_an_orphan_is_explained_once(boss, rows, risk_manager):
    press(boss, rows, "orphan_explain")

    rows["orphan"].refresh_from_db()
    assert (rows["orphan"].resolved_by, rows["orphan"].resolution) == (risk_manager, WHY)
    assert "explained already" in press(boss, rows, "orphan_explain").content.decode()


def test_an_account_is_tried_again_at_once(boss, rows):
    press(boss, rows, "reconciliation_try_again")

    rows["account"].refresh_from_db()
    assert rows["account"].next_at <= timezone.now()
    assert rows["account"].clean_at is None


def test_an_account_with_frozen_keys_is_not_asked(boss, rows):
    credential = rows["account"].credential
    credential.frozen = True
    credential.save()

    html = press(boss, rows, "reconciliation_try_again").content.decode()

    assert "These keys are frozen, so the exchange is not asked with them." in html
    rows["account"].refresh_from_db()
    assert rows["account"].next_at > timezone.now()


def test_trusting_an_account_warns_and_lets_it_be_used(boss, rows):
    assert "ORDERS MAY BE SENT TWICE" in boss.get(address(rows, "reconciliation_trust")).content.decode()
    assert refresh_facts().unreconciled

    press(boss, rows, "reconciliation_trust")

    assert not refresh_facts().unreconciled
    assert "TRUSTED" in boss.get(reverse("admin:execution_reconciliation_changelist")).content.decode()
    assert "in use already" in press(boss, rows, "reconciliation_trust").content.decode()


def test_a_difference_is_compared_at_once_and_accepted_with_a_reason(boss, rows, risk_manager):
    found = rows["difference"]
    BalanceMark.objects.create(
        credential=found.credential, asset="BTC", key_version=1, total=1, booked=0, at=timezone.now()
    )
    BalanceCheck.objects.update(next_at=timezone.now() + timedelta(hours=1))

    press(boss, rows, "bookbreak_compare_now")
    assert BalanceCheck.objects.get().next_at <= timezone.now()
    press(boss, rows, "bookbreak_accept")

    found.refresh_from_db()
    assert (found.resolved_by, found.resolution) == (risk_manager, WHY)
    assert not BalanceMark.objects.exists()


def test_the_page_of_an_order_offers_the_same(boss, rows):
    html = boss.get(reverse("admin:execution_order_change", args=[rows["order"].pk])).content.decode()

    for action in ("order_take", "order_look_again", "order_it_is_there", "order_never_placed"):
        assert address(rows, action) in html
    assert "0.05 BTC less than our fills explain" in html
