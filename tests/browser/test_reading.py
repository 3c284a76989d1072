"""Finding out why: one click from the list, or three keys from anywhere."""

from collections.abc import Callable

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tests.admin import world

Open = Callable[..., Page]


def test_the_reason_of_a_denied_signal_is_one_click_from_the_list(open_as: Open, boss: User, calm: world.World) -> None:
    page = open_as(boss, "/admin/execution/signal/")
    denied = page.locator("tr.data-row", has_text="ORDER_VALUE")
    expect(denied).to_contain_text("DENIED")

    denied.get_by_text("BUY").click()  # anywhere on the row

    expect(page.locator("#why")).to_have_text(world.ORDER_VALUE)
    expect(page.locator(".verdict")).to_contain_text("What to do:")


def test_the_palette_leads_to_a_signal_by_keyboard_alone(open_as: Open, boss: User, calm: world.World) -> None:
    page = open_as(boss)
    page.keyboard.press("Control+k")
    expect(page.locator("#search-input-command")).to_be_focused()
    page.keyboard.type(str(calm.denied.pk)[:8])
    expect(page.locator("#command-results-list li").first).to_contain_text("Signal")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/signal/{calm.denied.pk}/change/")
    expect(page.locator("#why")).to_have_text(world.ORDER_VALUE)


def test_ids_are_copied_whole(open_as: Open, boss: User, calm: world.World) -> None:
    page = open_as(boss, f"/admin/execution/signal/{calm.denied.pk}/change/")

    page.locator(".verdict .copy").click()

    expect(page.locator(".verdict .copy")).to_have_class("copy copied")
    assert page.evaluate("navigator.clipboard.readText()") == str(calm.denied.pk)


def test_question_mark_shows_the_keys_and_slash_goes_to_the_search(
    open_as: Open, boss: User, calm: world.World
) -> None:
    page = open_as(boss, "/admin/execution/signal/")
    page.keyboard.press("?")
    expect(page.locator("#keys-dialog")).to_be_visible()
    page.keyboard.press("Escape")

    page.keyboard.press("/")

    expect(page.locator("#searchbar")).to_be_focused()


def test_the_exchange_page_draws_its_latency(open_as: Open, boss: User, calm: world.World) -> None:
    page = open_as(boss, "/admin/policies/exchange/binance/change/")

    expect(page.locator(".verdict")).to_contain_text("OK since")
    assert page.evaluate("Chart.getChart(document.querySelector('canvas[data-lines]')).data.labels.length") == 96


def test_no_icon_is_read_aloud_and_every_page_has_its_landmarks(open_as: Open, boss: User, calm: world.World) -> None:
    for path in ("/admin/", "/admin/execution/signal/", "/admin/policies/tradingstate/"):
        page = open_as(boss, path)
        assert page.locator(".material-symbols-outlined:not([aria-hidden])").count() == 0
        assert page.locator("main").count() == 1
        assert page.locator("h1").count() == 1
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
