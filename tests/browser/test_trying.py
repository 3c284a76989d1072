"""A change of policy tried in the browser before it is saved."""

from collections.abc import Callable

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from policies.models import RoutingStrategy
from tests.admin import world


def test_a_form_tells_what_it_would_change_and_saves_nothing(open_as: Callable[..., Page], boss: User) -> None:
    world.all_healthy()
    signal = world.make_signal(world.trader(), "executing", amount="4.5", routing_strategy="optimal_split")
    world.decide(signal, "", source="smart", ordering="optimal_split", explanation=world.split_explanation())
    page = open_as(boss, "/admin/policies/routingstrategy/optimal_split/change/")

    page.get_by_label("Most parts").fill("1")
    page.get_by_role("button", name="Show what would change").click()

    told = page.locator("#would-change")
    expect(told).to_contain_text("1 of 1 decision of the last 24 h would have come out otherwise")
    expect(told.get_by_role("link", name=str(signal.pk)[:8])).to_be_visible()
    expect(page.get_by_label("Most parts")).to_have_value("1")
    assert RoutingStrategy.objects.get(pk="optimal_split").max_legs == 8
    page.get_by_label("Cost of lateness").fill("-5")
    page.get_by_role("button", name="Show what would change").click()
    expect(told).to_contain_text("It cannot be tried as it stands")
