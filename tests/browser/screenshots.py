"""Pictures of the pages, to be looked at. Not collected by default:

pytest tests/browser/screenshots.py        (writes to .local/screenshots, or to $SCREENSHOTS)
"""

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from execution.models import ArbitrageOpportunity, Order, OrderCost, Orphan, Reconciliation
from execution.selectors import status_page
from execution.services import preview
from policies.models import FailoverChain, StrategyPolicy, TradingPermission, TradingState
from tests.admin import world
from tests.admin.test_arbitrage import found as found
from tests.admin.test_arbitrage import share

FOLDER = Path(os.environ.get("SCREENSHOTS", ".local/screenshots"))
SIZES = {"1440": (1440, 900), "1280": (1280, 900), "390": (390, 844)}
LOOKS = [(width, theme) for width in SIZES for theme in ("light", "dark")]


@pytest.fixture(params=LOOKS, ids=lambda look: "-".join(look))
def shoot(request: pytest.FixtureRequest, open_as: Callable[..., Page]) -> Callable[..., Page]:
    width, theme = request.param
    size = dict(zip(("width", "height"), SIZES[width], strict=True))

    def take(person: User | None, path: str, name: str, act: Callable[[Page], Any] | None = None) -> Page:
        page = open_as(person, path, viewport=size, color_scheme=theme)
        page.wait_for_load_state("networkidle")
        if act is not None:
            act(page)
            page.wait_for_timeout(250)
        FOLDER.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=FOLDER / f"{name}-{width}-{theme}.png", full_page=act is None)
        page.context.close()
        return page

    return take


def test_costs(shoot: Callable[..., Page], boss: User) -> None:
    shoot(boss, "/admin/costs/?window=1d", "costs-empty")
    day = world.calm_day(3)
    world.costly_week(day.sender, User.objects.get(username="swing"))
    signal = OrderCost.objects.filter(fee_off=True).select_related("order").latest("at").order.signal_id
    shoot(boss, "/admin/costs/", "costs")
    shoot(boss, "/admin/fees/", "fees")
    shoot(boss, f"/admin/execution/signal/{signal}/change/", "signal-costs")
    shoot(boss, "/admin/policies/exchange/kraken/change/", "exchange-tiers")


def test_calm(shoot: Callable[..., Page], boss: User) -> None:
    day = world.calm_day(58)
    chain = FailoverChain.objects.get(primary="binance")
    strategy = StrategyPolicy.objects.get(strategy_id="scalper_btc")
    permission = TradingPermission.objects.get(user=day.sender)
    credential = day.sender.exchange_credentials.get()
    shoot(None, "/admin/login/", "login")
    shoot(boss, "/admin/", "desk-calm")
    shoot(boss, "/admin/policies/exchange/", "exchanges")
    shoot(boss, "/admin/policies/exchange/binance/change/", "exchange")
    shoot(boss, "/admin/policies/failoverchain/", "chains")
    shoot(boss, f"/admin/policies/failoverchain/{chain.pk}/change/", "chain")
    shoot(boss, "/admin/policies/strategypolicy/", "strategies")
    shoot(boss, f"/admin/policies/strategypolicy/{strategy.pk}/change/", "strategy")
    shoot(boss, "/admin/policies/tradingpermission/", "permissions")
    shoot(boss, f"/admin/policies/tradingpermission/{permission.pk}/change/", "permission")
    shoot(boss, "/admin/policies/exchangecredential/", "credentials")
    shoot(boss, f"/admin/policies/exchangecredential/{credential.pk}/change/", "credential")
    shoot(boss, "/admin/policies/exchangecredential/add/", "credential-add")
    shoot(boss, "/admin/policies/routingsettings/1/change/", "settings")
    shoot(boss, "/admin/policies/apitoken/add/", "token-add")
    shoot(boss, "/admin/policies/apitoken/", "tokens")
    shoot(boss, "/admin/execution/signal/", "signals")
    shoot(boss, f"/admin/execution/signal/{day.filled.pk}/change/", "signal-filled")
    shoot(boss, f"/admin/execution/signal/{day.denied.pk}/change/", "signal-denied")
    shoot(boss, "/admin/execution/order/", "orders")
    shoot(boss, "/admin/execution/position/", "positions")
    shoot(boss, "/admin/policies/tradingstate/", "kill-switch")
    shoot(boss, "/admin/auth/user/", "users")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("count", [3, 8, 50])
def test_exchange_status(
    open_as: Callable[..., Page], boss: User, theme: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if count == 50:
        world.many_exchanges(50)
    world.night(boss)
    if count == 3:
        few = ("binance", "okx", "kraken")
        told = status_page.all_statuses
        monkeypatch.setattr(status_page, "all_statuses", lambda *facts: [s for s in told(*facts) if s.slug in few])
    page = open_as(boss, "/admin/exchange-status/", viewport={"width": 1440, "height": 900}, color_scheme=theme)
    page.wait_for_load_state("networkidle")
    FOLDER.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=FOLDER / f"exchange-status-{count}-{theme}.png")


def test_readme(open_as: Callable[..., Page], boss: User) -> None:
    """The picture in the README: an ordinary hour, with one exchange slow and one order in doubt."""
    world.calm_day(58)
    world.ordinary_changes(boss)
    page = open_as(boss, viewport={"width": 1440, "height": 1120})
    page.wait_for_load_state("networkidle")
    target = Path("docs/images")
    target.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=target / "desk.png")


def test_bad_day(shoot: Callable[..., Page], boss: User) -> None:
    world.bad_day(boss, 58)
    chain = FailoverChain.objects.get(primary="okx")
    doubtful = Order.objects.filter(status="unknown").get()
    shoot(boss, "/admin/", "desk-bad")
    shoot(boss, "/admin/policies/exchange/firi/change/", "exchange-down")
    shoot(boss, f"/admin/policies/failoverchain/{chain.pk}/change/", "chain-bad")
    shoot(boss, f"/admin/execution/signal/{doubtful.signal_id}/change/", "signal-unknown")
    shoot(boss, f"/admin/execution/order/{doubtful.pk}/change/", "order-unknown")
    shoot(boss, "/admin/needs-attention/", "attention")
    shoot(boss, "/admin/denials/", "denials")
    shoot(boss, "/admin/changes/", "changes")
    shoot(boss, "/admin/reasons/", "reasons")
    shoot(boss, "/admin/policies/exchange/firi/history/", "history")
    alert = world.alert("firi")
    shoot(boss, "/admin/execution/alert/", "alerts")
    shoot(boss, f"/admin/execution/alert/{alert.pk}/change/", "alert")
    shoot(boss, "/admin/execution/alertdelivery/", "alert-deliveries")
    shoot(boss, "/admin/policies/alertrule/", "alert-rules")
    shoot(boss, f"/admin/policies/alertrule/{alert.rule_id}/change/", "alert-rule")
    shoot(boss, "/admin/policies/alertchannel/", "alert-channels")
    shoot(boss, "/admin/policies/alertchannel/add/", "alert-channel-add")
    shoot(boss, "/admin/policies/exchange/", "halt-dialog", lambda page: page.locator(".button-halt").click())
    world.three_halts(boss)
    shoot(boss, "/admin/policies/tradingstate/", "kill-switch-halts")
    shoot(boss, "/admin/execution/signal/?q=zzzzzz", "banner-empty")


def test_routing(shoot: Callable[..., Page], boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A smart route asked about, and on the page of a signal."""
    day = world.calm_day(8)
    world.list_pairs("BTC/USDT")
    monkeypatch.setattr(preview, "books_now", lambda symbol, slugs, oldest: world.split_books())
    signal = world.make_signal(day.sender, "executing", amount=Decimal("4.5"))
    world.decide(signal, "", source="smart", ordering="optimal_split", explanation=world.split_explanation())
    asked = f"user={day.sender.pk}&symbol=BTC/USDT&side=buy&amount=0.05&routing=optimal_split"
    shoot(boss, "/admin/route-preview/", "preview-empty")
    shoot(boss, f"/admin/route-preview/?{asked}", "preview")
    shoot(boss, f"/admin/execution/signal/{signal.pk}/change/", "signal-split")
    split = world.measured_split(day.sender)
    shoot(boss, f"/admin/execution/signal/{split.pk}/change/", "signal-split-costs")
    shoot(boss, "/admin/policies/routingstrategy/", "routing-strategies")
    shoot(boss, "/admin/policies/routingstrategy/optimal_split/change/", "routing-strategy")
    shoot(boss, f"/admin/policies/tradingpreference/{day.sender.trading_preference.pk}/change/", "preference")


def test_attention(shoot: Callable[..., Page], boss: User) -> None:
    """One of each thing that may need a person, after a restored backup."""
    world.bad_day(boss, 8)
    world.restored()
    order = Order.objects.get(status="needs_attention")
    orphan, account = Orphan.objects.first(), Reconciliation.objects.first()
    state = TradingState.objects.get(scope="global")
    shoot(boss, "/admin/needs-attention/", "attention-all")
    shoot(boss, "/admin/", "desk-restored")
    shoot(boss, f"/admin/execution/order/{order.pk}/change/", "order-lost")
    for path, name in (
        (f"order/{order.pk}/never_placed/", "never-placed"),
        (f"order/{order.pk}/it_is_there/", "it-is-there"),
        (f"orphan/{orphan.pk}/explain/", "explain"),
        (f"reconciliation/{account.pk}/trust/", "trust"),
    ):
        button = f"[hx-get='/admin/execution/{path}']"
        shoot(boss, "/admin/needs-attention/", f"attention-{name}", _opening(button))
    shoot(boss, "/admin/policies/tradingstate/", "resume", _opening(f"[hx-get$='/{state.pk}/resume/']"))
    shoot(boss, "/admin/execution/orphan/", "orphans")
    shoot(boss, "/admin/execution/bookbreak/", "differences")
    shoot(boss, "/admin/execution/reconciliation/", "accounts")
    shoot(boss, "/admin/execution/position/", "positions-reconciled")


def _opening(button: str) -> Callable[[Page], Any]:
    def act(page: Page) -> None:
        page.locator(button).click()
        page.locator("#modal-content form").wait_for()

    return act


def test_nothing_needs_anybody(shoot: Callable[..., Page], boss: User) -> None:
    world.calm_day(8)
    shoot(boss, "/admin/needs-attention/", "attention-calm")


def test_arbitrage(shoot: Callable[..., Page], boss: User, found: tuple[ArbitrageOpportunity, User]) -> None:
    opportunity, sender = found
    held, done = world.arbitrage_trade(sender, "held"), world.arbitrage_trade(sender)
    share()
    shoot(boss, "/admin/arbitrage/", "arbitrage")
    share()
    shoot(boss, f"/admin/arbitrage/{opportunity.pk}/trade/", "arbitrage-trade")
    shoot(boss, "/admin/execution/arbitragetrade/", "arbitrage-trades")
    shoot(boss, f"/admin/execution/arbitragetrade/{done.pk}/change/", "arbitrage-done")
    page = f"/admin/execution/arbitragetrade/{held.pk}/change/"
    shoot(boss, page, "arbitrage-held")
    shoot(boss, page, "arbitrage-complete", _opening("[hx-get$='/complete_now/']"))
    shoot(boss, "/admin/needs-attention/", "arbitrage-attention")
    shoot(boss, "/admin/policies/routingsettings/1/change/", "arbitrage-settings")
