"""The Desk in a browser: alive, and honest when it is not."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from tests.admin import world

Open = Callable[..., Page]


def test_the_desk_updates_itself(open_as: Open, boss: User, calm: world.World) -> None:
    page = open_as(boss)
    expect(page.locator("#desk")).to_contain_text("Nothing needs you")
    expect(page.locator("[data-live-state]")).to_contain_text("Updated")
    page.evaluate("window.sameWindow = true")

    world.unknown_order(calm.sender)

    expect(page.locator("#desk")).to_contain_text("▲ UNKNOWN", timeout=6000)
    assert page.evaluate("window.sameWindow") is True


def test_when_the_server_stops_answering_the_desk_says_so_and_keeps_its_numbers(
    open_as: Open, boss: User, calm: world.World
) -> None:
    page = open_as(boss)
    # The real limits are 10 and 30 s; here only the clock is shortened.
    page.evaluate("Object.assign(document.querySelector('#desk').dataset, {lateAfter: '4', deadAfter: '6'})")
    page.route("**/admin/desk/**", lambda route: route.abort())
    page.route("**/admin/banner/", lambda route: route.abort())

    expect(page.locator(".live-line.late")).to_contain_text("Updated", timeout=9000)
    expect(page.locator(".live-line.dead")).to_contain_text("Not live: no answer since", timeout=9000)
    expect(page.locator("#desk .kpis")).to_contain_text("Signals 1 h")

    page.unroute("**/admin/desk/**")
    page.unroute("**/admin/banner/")
    expect(page.locator(".live-line")).to_contain_text("Updated", timeout=9000)
    open_as.problems.clear()  # type: ignore[attr-defined]


def test_when_the_session_ends_the_desk_leads_to_the_login_and_back(
    open_as: Open, boss: User, calm: world.World
) -> None:
    page = open_as(boss)
    Session.objects.all().delete()

    page.wait_for_url("**/admin/login/**", timeout=9000)
    expect(page.locator("#id_username")).to_be_visible()
    page.locator("#id_username").fill("risk.two")
    page.locator("#id_password").fill("correct horse battery staple")
    page.get_by_role("button", name="Log in").click()

    page.wait_for_url("**/admin/")
    expect(page.locator("#desk")).to_contain_text("Signals 1 h")


def test_the_desk_fits_a_phone(open_as: Open, boss: User, calm: world.World) -> None:
    page = open_as(boss, viewport={"width": 390, "height": 844})

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
