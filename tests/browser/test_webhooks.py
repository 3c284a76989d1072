"""A new address is shown in the dialog that made it, once, and can be copied from there."""

import re

from tests.admin import world


def test_rotating_shows_the_new_address_in_the_dialog_and_nowhere_later(open_as, boss):
    hook = world.webhook(world.user("algo1"), "breakout")
    page = open_as(boss, f"/admin/policies/webhook/{hook.pk}/change/")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")  # Halt stays in sight
    assert page.locator(".verdict-sentence").inner_text().endswith("/api/webhooks/tradingview/$TOKEN")

    page.get_by_text("Rotate token…").first.click()
    page.get_by_label("Why").fill("it was in a screenshot")
    page.get_by_role("button", name="Rotate", exact=True).click()

    shown = page.locator("#shown-once .token code")
    shown.wait_for()
    address = shown.inner_text()
    assert re.search(r"/api/webhooks/tradingview/wh_[\w-]{43}$", address)
    page.locator("#shown-once .token .copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == address
    page.get_by_role("link", name="I have copied it").click()
    page.wait_for_load_state()
    assert address.rpartition("/")[2] not in page.content()
    page.go_back()
    assert address.rpartition("/")[2] not in page.content()


def test_a_pasted_body_says_what_it_would_become(open_as, boss):
    world.all_healthy()
    hook = world.webhook(world.trader(), "breakout")
    page = open_as(boss, f"/admin/policies/webhook/{hook.pk}/change/")

    page.get_by_text("Send a test").first.click()
    page.get_by_label("Body of the alert").fill(
        '{"symbol": "BTC/USDT", "side": "buy", "amount": "1", "alert_id": "a1"}'
    )
    page.get_by_role("button", name="Show what it would become").click()

    page.get_by_text("SEEN BEFORE").wait_for()
