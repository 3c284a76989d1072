"""Every text can be read in both themes (WCAG AA)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from execution.models import Order
from policies.models import FailoverChain
from tests.admin import world

CHECK = (Path(__file__).parent / "contrast.js").read_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(open_as: Callable[..., Page], boss: User, theme: str) -> None:
    world.bad_day(boss)
    chain = FailoverChain.objects.get(primary="okx")
    order = Order.objects.get(status="unknown")
    page = open_as(boss, color_scheme=theme)
    site = page.url.removesuffix("/admin/")
    problems = {}
    for path in (
        "/admin/",
        "/admin/policies/exchange/",
        "/admin/policies/exchange/firi/change/",
        f"/admin/policies/failoverchain/{chain.pk}/change/",
        f"/admin/execution/signal/{order.signal_id}/change/",
        f"/admin/execution/order/{order.pk}/change/",
        "/admin/execution/signal/",
        "/admin/policies/tradingstate/",
        "/admin/policies/routingsettings/1/change/",
        "/admin/policies/exchangecredential/add/",
        "/admin/policies/exchange/firi/history/",
        "/admin/halt/",
        "/admin/denials/",
        "/admin/needs-attention/",
        "/admin/execution/orphan/",
        "/admin/execution/bookbreak/",
        "/admin/execution/reconciliation/",
    ):
        page.goto(site + path)
        page.wait_for_timeout(150)
        if found := page.evaluate(CHECK):
            problems[path] = found

    assert problems == {}
