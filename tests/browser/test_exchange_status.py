"""The page of all exchanges, with a real exchange (the simulator's) that goes away and comes back."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Page, expect

from execution.domain.breaker import Outcome
from execution.models import CircuitBreaker, ExchangeHealth
from execution.selectors import facts
from execution.services import breakers, health, housekeeping
from execution.services.executor import Executor
from execution.simulator.process import RunningSimulator, running_simulator
from policies import snapshot
from policies.models import Exchange
from tests.admin import world
from tests.execution.conftest import forget_budgets, options, read_markets

Open = Callable[..., Page]
PATIENCE_MS = 15_000


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(seed=5, tick_ms=0) as running:
        yield running


@pytest.fixture
def poll(transactional_db: None, simulator: RunningSimulator) -> Iterator[Callable[..., None]]:
    """Checks all exchanges now, as the scheduler does; with `placing`, binance's placements went like that as well."""
    Exchange.objects.update(mode="live")
    Exchange.objects.filter(pk="alpaca").update(enabled=False)  # gives public data only with keys
    forget_budgets()
    executor = Executor(options(simulator))
    executor.start()
    read_markets(executor)

    def check(placing: Outcome | None = None) -> None:
        if placing is not None:
            calls = [breakers.Observed(("binance", None), placing, timezone.now(), "HTTP 503") for _ in range(5)]
            breakers.fold(calls, snapshot.refresh())
        ExchangeHealth.objects.update(checked_at=None)
        housekeeping.poll_health(executor, snapshot.refresh())

    yield check
    executor.stop()
    simulator.control.configure("binance", down=False)


def test_an_exchange_that_goes_and_comes_back_is_seen_without_a_reload(
    open_as: Open, boss: User, simulator: RunningSimulator, poll: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PING_TIMEOUT_S", 2.0)
    Exchange.objects.filter(pk="binance").update(breaker_first_open_s=2, breaker_longest_open_s=2)
    poll()
    page = open_as(boss, "/admin/exchange-status/")
    row = page.locator("#status-binance")
    expect(row).to_contain_text("● OK")
    expect(row).to_contain_text("● CLOSED")
    page.evaluate("window.sameWindow = true")

    simulator.control.configure("binance", down=True)
    poll(Outcome.FAILURE)
    poll()
    expect(row).to_contain_text("■ DOWN", timeout=PATIENCE_MS)
    expect(page.locator("#exchange-status tbody tr").first).to_have_id("status-binance")
    expect(page.locator(".status-sum")).to_contain_text("needs you now")

    simulator.control.configure("binance", down=False)
    poll()
    poll()
    CircuitBreaker.objects.filter(exchange_id="binance").update(open_until=timezone.now())
    poll(Outcome.SUCCESS)
    expect(row).to_contain_text("● OK", timeout=PATIENCE_MS)
    expect(row).to_contain_text("● CLOSED", timeout=PATIENCE_MS)
    assert page.evaluate("window.sameWindow") is True


def test_an_open_breaker_counts_down_to_its_next_probe(open_as: Open, boss: User, db: None) -> None:
    world.night(boss)
    page = open_as(boss, "/admin/exchange-status/")
    row = page.locator("#status-okx")
    expect(row).to_contain_text("■ BREAKER OPEN")
    why = page.locator("#status-okx + .status-why")
    before = why.inner_text()
    assert "next probe in" in before

    expect(why).not_to_have_text(before, timeout=PATIENCE_MS)

    page.get_by_role("link", name="Halt OKX…").click()
    expect(page.get_by_role("heading", name="Halt trading")).to_be_visible()


def test_a_person_opens_a_breaker_from_the_exchanges_page(open_as: Open, boss: User, calm: world.World) -> None:
    page = open_as(boss, "/admin/policies/exchange/kraken/change/")
    page.get_by_role("link", name="Open breaker…").first.click()
    dialog = page.get_by_role("dialog")
    dialog.locator("textarea").fill("They migrate tonight.")
    dialog.locator("select").select_option("60")
    dialog.get_by_role("button", name="Open the breaker").click()

    expect(page.locator(".verdict").first).to_contain_text("held by a person for 59 min")
    facts.forget()
    cache.clear()
    page.goto(page.url.split("/admin/")[0] + "/admin/exchange-status/")
    expect(page.locator("#status-kraken")).to_contain_text("■ OPEN, held")


def test_the_page_fits_a_phone(open_as: Open, boss: User, db: None) -> None:
    world.night(boss)
    page = open_as(boss, "/admin/exchange-status/", viewport={"width": 390, "height": 844})

    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_every_column_of_fifty_exchanges_fits_a_desk(open_as: Open, boss: User, db: None) -> None:
    world.many_exchanges(50)
    world.night(boss)
    page = open_as(boss, "/admin/exchange-status/", viewport={"width": 1440, "height": 900})

    table = page.locator("#exchange-status table")
    expect(table.locator("tbody tr[id]")).to_have_count(50)
    last = table.locator("thead th").last.bounding_box()
    around = page.evaluate(
        """() => {
            for (let e = document.querySelector("#exchange-status table"); e; e = e.parentElement)
                if (getComputedStyle(e).overflowX !== "visible") return [e.scrollWidth, e.clientWidth];
        }"""
    )
    assert last is not None
    assert last["x"] + last["width"] <= 1440
    assert around[0] <= around[1], "nothing is cut or has to be scrolled to"
