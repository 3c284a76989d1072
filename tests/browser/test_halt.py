"""Halting: two clicks and a reason, from anywhere."""

import time
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from policies.domain.policy import Scope, TradingStatus
from policies.models import FailoverChain, TradingState
from policies.services import set_trading_state
from policies.snapshot import current_policy
from tests.admin import world

Open = Callable[..., Page]
PHONE = {"width": 390, "height": 844}
WHY = "answers 503 since 09:12"
PAGES = {
    "kraken": "/admin/",
    "bybit": "/admin/execution/signal/{signal}/change/",
    "okx": "/admin/execution/order/",
    "kucoin": "/admin/policies/failoverchain/{chain}/change/",
    "firi": "/admin/policies/routingsettings/1/change/",
}


def halt(page: Page, slug: str) -> float:
    """Two clicks and a reason; returns the seconds from the second click until the policy knows."""
    page.get_by_role("link", name="Halt…", exact=False).first.click()
    expect(page.locator("#halt-dialog textarea")).to_be_focused()
    page.keyboard.type(WHY)
    began = time.monotonic()
    page.locator(f'#halt-dialog button[value="exchange:{slug}"]').click()
    while (Scope.EXCHANGE, slug) not in current_policy().states and time.monotonic() - began < 5:
        time.sleep(0.02)
    return time.monotonic() - began


def test_an_exchange_is_halted_from_five_pages_also_scrolled(open_as: Open, boss: User, calm: world.World) -> None:
    page = open_as(boss)
    site = page.url.removesuffix("/admin/")
    chain = FailoverChain.objects.get(primary="binance")
    for slug, path in PAGES.items():
        page.goto(site + path.format(signal=calm.filled.pk, chain=chain.pk))
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(100)

        took = halt(page, slug)

        assert took < 1.0, path
        assert current_policy().states[Scope.EXCHANGE, slug].reason == WHY
        expect(page.locator("#halt-dialog")).to_contain_text(f"exchange {slug}")
        expect(page.locator("#halt-dialog")).to_contain_text("UTC (server time)")
        expect(page.locator("#banner")).to_contain_text(slug, timeout=1500)


def test_an_exchange_is_halted_on_a_phone(open_as: Open, boss: User, calm: world.World) -> None:
    page = open_as(boss, "/admin/execution/order/", viewport=PHONE)
    page.mouse.wheel(0, 4000)

    assert halt(page, "kraken") < 1.0
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_an_empty_reason_halts_nothing_and_enter_presses_no_button(
    open_as: Open, boss: User, calm: world.World
) -> None:
    page = open_as(boss)
    page.keyboard.press("Shift+H")
    dialog = page.locator("#halt-dialog")
    expect(dialog.locator("textarea")).to_be_focused()

    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Halt everything").click()

    expect(dialog).to_contain_text("Write why. Everyone will see it.")
    expect(dialog.locator("textarea")).to_be_focused()
    assert not TradingState.objects.exists()


def test_escape_closes_the_dialog_and_gives_the_focus_back(open_as: Open, boss: User, calm: world.World) -> None:
    page = open_as(boss)
    button = page.locator(".button-halt")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#halt-dialog textarea")).to_be_focused()

    page.keyboard.press("Escape")

    expect(page.locator("#halt-dialog")).not_to_be_visible()
    expect(button).to_be_focused()


def test_a_strategy_is_halted_from_the_menu_of_its_row(open_as: Open, boss: User, calm: world.World) -> None:
    page = open_as(boss, "/admin/policies/strategypolicy/")
    page.locator("tr", has_text="swing_eth").locator("td.field-actions_holder span").first.click()
    page.locator("nav:visible").get_by_text("Halt…").click()

    dialog = page.locator("#halt-dialog")
    expect(dialog.locator("#id_target")).to_have_value("swing_eth")
    dialog.locator("textarea").fill(WHY)
    dialog.get_by_role("button", name="Halt this").click()

    expect(dialog).to_contain_text("strategy swing_eth")
    assert TradingState.objects.get().target == "swing_eth"


def test_a_halt_in_one_window_shows_in_another_and_is_resumed_there(
    open_as: Open, boss: User, calm: world.World
) -> None:
    page = open_as(boss, "/admin/policies/tradingstate/")
    set_trading_state(scope=Scope.GLOBAL, target="", status=TradingStatus.HALTED, reason=WHY, by=boss)

    expect(page.locator("#banner")).to_contain_text("HALTED everything", timeout=6000)
    page.reload()
    page.get_by_role("link", name="Resume…").click()
    modal = page.locator("#modal-content")
    expect(modal.locator("textarea")).to_be_focused()
    modal.get_by_role("button", name="Resume").click()
    expect(modal).to_contain_text("Write why, in at least 8 characters")
    modal.locator("textarea").fill("all exchanges answer again")
    modal.get_by_role("button", name="Resume").click()

    expect(page.get_by_text("Everything is active again.")).to_be_visible()
    assert TradingState.objects.get().status == TradingStatus.ACTIVE


def test_a_role_that_may_not_halt_has_no_button(open_as: Open, calm: world.World, viewer: Any) -> None:
    page = open_as(viewer)
    page.keyboard.press("Shift+H")

    expect(page.locator("#halt-dialog")).not_to_be_visible()
    expect(page.locator(".button-halt")).to_have_count(0)
