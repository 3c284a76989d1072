"""Resolving an order whose fate is unknown: two clicks, a reason, and what the exchange showed."""

import time
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page, Route, expect

from execution.models import Order
from tests.admin import world

Open = Callable[..., Page]
WHY = "their support says it never arrived"


@pytest.fixture
def operator(viewer: User) -> User:
    """A person who may resolve."""
    viewer.groups.set([Group.objects.get(name="operator")])
    return viewer


@pytest.fixture
def lost(calm: world.World) -> Order:
    """An order that waits for a person."""
    return world.lost_order(calm.sender)


def test_an_order_is_resolved_in_two_clicks_and_a_reason(open_as: Open, operator: User, lost: Order) -> None:
    page = open_as(operator, "/admin/needs-attention/")
    card = page.locator(f"#order-{lost.pk}")
    expect(card).to_contain_text("2 of 3 say: not there.")

    card.get_by_role("button", name="It was never placed…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("released")
    page.keyboard.press("Space")  # the tick has the focus
    page.keyboard.press("Tab")
    page.keyboard.type(WHY)
    dialog.get_by_role("button", name="It was never placed").click()

    expect(page.get_by_text("Nothing is sent again.")).to_be_visible()
    expect(card).to_have_count(0)
    expect(page.locator("#attention")).to_contain_text("Every order is accounted for. Last unknown:")
    lost.refresh_from_db()
    assert (lost.status, lost.reason_code) == ("not_placed", "RESOLVED_BY_PERSON")
    assert WHY in lost.reason_detail


def test_without_the_tick_the_dialog_says_what_to_do_and_nothing_happens(
    open_as: Open, operator: User, lost: Order
) -> None:
    page = open_as(operator, "/admin/needs-attention/")
    page.get_by_role("button", name="It was never placed…").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("textarea").fill(WHY)

    dialog.get_by_role("button", name="It was never placed").click()

    expect(dialog).to_contain_text("Look there first")
    lost.refresh_from_db()
    assert lost.status == "needs_attention"


def test_taking_an_order_is_one_click(open_as: Open, operator: User, lost: Order) -> None:
    page = open_as(operator, "/admin/needs-attention/")

    page.get_by_role("button", name="Take", exact=True).click()

    expect(page.locator(f"#order-{lost.pk}")).to_contain_text("taken by: looks.only")
    expect(page.get_by_role("dialog")).not_to_be_visible()


def test_what_goes_wrong_with_one_click_is_shown(open_as: Open, operator: User, lost: Order) -> None:
    page = open_as(operator, "/admin/needs-attention/")
    page.route("**/needs-attention/part/", lambda route: route.fulfill(status=204))  # it would take the card away
    Order.objects.filter(pk=lost.pk).update(status="cancelled", final_at=lost.created_at)

    page.get_by_role("button", name="Look up again").click()

    expect(page.get_by_role("dialog")).to_contain_text("This order is cancelled by now.")


def test_a_slow_dialog_opens_although_the_page_refreshes_itself(open_as: Open, operator: User, lost: Order) -> None:
    def late(route: Route) -> None:
        time.sleep(3.5)  # the page is refreshed every three seconds
        route.continue_()

    page = open_as(operator, "/admin/needs-attention/")
    page.route("**/never_placed/", late)

    page.get_by_role("button", name="It was never placed…").click()

    expect(page.get_by_role("dialog")).to_contain_text("I looked at the exchange itself")


def test_the_page_follows_what_happens_and_keeps_the_focus(open_as: Open, operator: User, lost: Order) -> None:
    page = open_as(operator, "/admin/needs-attention/")
    button = page.get_by_role("button", name="Look up again")
    button.focus()

    world.orphan(world.keys(lost.user, "bybit"))

    expect(page.locator("#attention")).to_contain_text("ORPHAN ORDER", timeout=6000)
    expect(page.get_by_role("button", name="Look up again")).to_be_focused()
