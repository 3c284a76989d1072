"""Exchange keys in a browser: what was typed is in no page afterwards."""

from collections.abc import Callable

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from policies.models import ExchangeCredential
from policies.services import read_secrets
from tests.admin import world

Open = Callable[..., Page]
KEY = "k-TYPED-by-hand-77aa"


def fill(page: Page) -> None:
    page.locator("#id_api_key").fill(KEY)
    page.locator("#id_secret").fill(world.SECRET)


def assert_nowhere(page: Page) -> None:
    html = page.content()
    assert world.SECRET not in html
    assert KEY not in html


def test_a_secret_is_typed_refused_typed_again_saved_and_found_in_no_page(
    open_as: Open, boss: User, calm: world.World
) -> None:
    page = open_as(boss, "/admin/policies/exchangecredential/add/")
    page.locator("#id_user").select_option(label="algo1")
    page.locator("#id_exchange").select_option("okx")
    expect(page.locator("#id_passphrase")).to_be_visible()
    page.locator("#id_exchange").select_option("bybit")
    expect(page.locator("#id_passphrase")).to_be_hidden()
    fill(page)
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("Write why, in at least 8 characters").first).to_be_visible()
    assert page.locator("#id_secret").input_value() == ""
    assert page.locator("#id_api_key").input_value() == ""
    assert_nowhere(page)

    fill(page)
    page.locator("#id_reason").fill("keys of the new sub-account")
    page.get_by_role("button", name="Save", exact=True).click()

    page.wait_for_url("**/exchangecredential/")
    row = ExchangeCredential.objects.get(exchange="bybit")
    assert read_secrets(row)["secret"] == world.SECRET
    assert_nowhere(page)
    for path in ("change", "history"):
        page.goto(page.url.split("/admin/")[0] + f"/admin/policies/exchangecredential/{row.pk}/{path}/")
        expect(page.locator("main")).to_contain_text("77aa")
        assert_nowhere(page)


def test_keys_are_frozen_from_the_list(open_as: Open, boss: User, calm: world.World) -> None:
    page = open_as(boss, "/admin/policies/exchangecredential/")
    page.locator("tr", has_text="binance").locator("td.field-actions_holder span").first.click()
    page.locator("nav:visible").get_by_text("Freeze…").click()
    page.locator("#modal-content textarea").fill("the exchange refused it twice")
    page.locator("#modal-content").get_by_role("button", name="Freeze").click()

    expect(page.locator("tr", has_text="binance")).to_contain_text("FROZEN")
    assert ExchangeCredential.objects.filter(frozen=True).count() == 1
