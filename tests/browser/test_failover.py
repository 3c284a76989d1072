"""The failover editor with a mouse and with a keyboard."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from policies.models import FailoverChain
from tests.admin import world

Open = Callable[..., Page]


@pytest.fixture
def editor(open_as: Open, boss: User, calm: world.World) -> Page:
    chain = FailoverChain.objects.get(primary="binance")
    page = open_as(boss, f"/admin/policies/failoverchain/{chain.pk}/change/", viewport={"width": 1440, "height": 1400})
    expect(page.locator("#chain-answer")).to_contain_text("goes to")
    return page


def order(page: Page) -> list[str]:
    rows = page.locator("#steps-data tbody.form-group:not(.empty-form) select[name$=-exchange]")
    return [rows.nth(index).input_value() for index in range(rows.count())]


def row(page: Page, slug: str):
    return page.locator("#steps-data tbody.form-group:not(.empty-form)").filter(
        has=page.locator(f"select[name$=-exchange] option[value={slug}][selected]")
    )


def drag(page: Page, slug: str, onto: str) -> None:
    handle = row(page, slug).locator("[x-sort\\:handle]")
    start, end = handle.bounding_box(), row(page, onto).bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 10, start["y"] + 10)
    page.mouse.down()
    page.mouse.move(end["x"] + 30, end["y"] + end["height"] / 2, steps=12)
    page.mouse.move(end["x"] + 30, end["y"] + 8, steps=6)
    page.mouse.up()


def save(page: Page) -> None:
    page.locator("#id_reason").fill("kraken has deeper books for this")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/failoverchain/")


def test_a_chain_is_reordered_by_dragging_saved_and_opened_again(editor: Page) -> None:
    drag(editor, "kraken", "bybit")
    assert order(editor) == ["binance", "kraken", "bybit", "okx", "kucoin", "firi"]

    save(editor)

    assert FailoverChain.objects.get(primary="binance").slugs() == (
        "binance", "kraken", "bybit", "okx", "kucoin", "firi",
    )  # fmt: skip
    editor.go_back()
    editor.reload()
    assert order(editor) == ["binance", "kraken", "bybit", "okx", "kucoin", "firi"]


def test_the_same_with_the_keyboard_and_the_answer_follows(editor: Page) -> None:
    up = row(editor, "bybit").get_by_role("button", name="Try earlier")
    up.focus()
    editor.keyboard.press("Enter")

    expect(up).to_be_focused()
    assert order(editor)[:2] == ["bybit", "binance"]
    expect(editor.locator(".chain-problem")).to_contain_text("The first step must be the primary, binance.")
    expect(editor.locator("#chain-answer")).to_contain_text("● bybit")

    row(editor, "bybit").get_by_role("button", name="Try later").press("Enter")
    row(editor, "bybit").get_by_role("button", name="Try later").press("Enter")
    expect(editor.locator(".chain-problem")).to_be_hidden()
    save(editor)

    assert FailoverChain.objects.get(primary="binance").slugs()[:3] == ("binance", "okx", "bybit")


def test_health_beside_the_steps_refreshes_without_touching_what_is_typed(editor: Page) -> None:
    editor.locator("#id_notes").fill("half a thought")
    row(editor, "bybit").get_by_role("button", name="Try later").click()
    expect(row(editor, "binance")).to_contain_text("OK")

    world.healthy("binance", 0, status="down", last_error="HTTP 503", since=world.ago(seconds=1))

    expect(row(editor, "binance")).to_contain_text("DOWN", timeout=9000)
    expect(row(editor, "okx")).to_contain_text("used now")
    expect(editor.locator("#id_notes")).to_have_value("half a thought")
    assert order(editor)[:3] == ["binance", "okx", "bybit"]


def test_a_step_is_added_moved_and_saved_and_an_error_keeps_the_order(editor: Page) -> None:
    editor.get_by_text("Add another Step").click()
    new = editor.locator("#steps-data tbody.form-group:not(.empty-form)").last
    new.locator("select").select_option("alpaca")
    new.get_by_role("button", name="Try earlier").click()
    editor.get_by_role("button", name="Save", exact=True).click()

    expect(editor.get_by_text("Write why, in at least 8 characters").first).to_be_visible()
    expect(editor.locator("#id_reason")).to_be_focused()
    assert order(editor) == ["binance", "bybit", "okx", "kucoin", "kraken", "alpaca", "firi"]

    save(editor)
    assert FailoverChain.objects.get(primary="binance").slugs()[-2:] == ("alpaca", "firi")
