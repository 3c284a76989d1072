"""Trading an opportunity in the admin, and deciding about what one order of two left open."""

import time
from decimal import Decimal as D

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from redis import Redis

from execution.domain.shared_book import encode, key_of
from execution.models import ArbitrageEvent, ArbitrageOpportunity, ArbitrageTrade, Market, Signal
from execution.selectors import books, facts
from execution.selectors.attention import ALL, attention
from execution.selectors.facts import current_facts
from execution.services import arbitrage
from policies import snapshot
from policies.display.words import Tone
from policies.models import Exchange, OrderSizeLimit, RoutingSettings, TradingPermission
from tests.admin import world
from tests.execution.test_book_cache import forget_books

SYMBOL, WHY = "BTC/USDT", "the gap has been there for an hour"
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/admin/execution/arbitragetrade/"}


def share():
    """Books of now between which there is a gap."""
    with Redis.from_url(settings.REDIS_URL) as redis:
        for slug, bid, ask in (("binance", "49900", "50000"), ("kraken", "50500", "50600")):
            sides = [(bid, "1")], [(ask, "0.01")]
            redis.set(key_of(slug, SYMBOL), encode(*sides, received_at=time.time(), sequence=1, exchange_time=None))


@pytest.fixture
def found(db, monkeypatch):
    """An opportunity between two exchanges on paper, and a user who may trade it."""
    monkeypatch.setattr(books, "_without_redis_until", 0.0)
    world.all_healthy()
    sender = world.trader()
    TradingPermission.objects.update(arbitrage=True, pairs=[])
    OrderSizeLimit.objects.update(max_notional=100_000)
    Exchange.objects.update(taker_fee_bps=10, mode="paper", stale_after_s=600)
    RoutingSettings.objects.update(arbitrage_enabled=True, arbitrage_book_max_age_s=10)
    for slug in ("binance", "kraken"):
        Market.objects.update_or_create(
            exchange_id=slug, symbol=SYMBOL, defaults={"tick": "0.01", "lot": "0.00001", "active": True}
        )
    share()
    with Redis.from_url(settings.REDIS_URL) as redis:
        snapshot.refresh()
        facts.forget()
        facts.refresh_facts()
        arbitrage.scan_and_store([SYMBOL])
        yield ArbitrageOpportunity.objects.get(), sender
        forget_books(redis)


def page_of(opportunity):
    return reverse("admin:arbitrage_trade", args=[opportunity.pk])


def test_the_live_page_leads_to_it_only_where_it_may_be_traded(boss, found, client, staff):
    opportunity, _ = found

    live = boss.get(reverse("admin:arbitrage")).content.decode()
    assert page_of(opportunity) in live
    assert "basic fee" in live
    client.force_login(staff("operator"))
    assert page_of(opportunity) not in client.get(reverse("admin:arbitrage")).content.decode()
    assert client.get(page_of(opportunity)).status_code == 403

    RoutingSettings.objects.update(arbitrage_enabled=False)
    snapshot.refresh()
    off = boss.get(reverse("admin:arbitrage_part")).content.decode()
    assert page_of(opportunity) not in off
    assert "trading it is switched off" in off


def test_it_shows_both_orders_the_money_and_which_goes_first(boss, found):
    opportunity, sender = found

    html = boss.get(page_of(opportunity)).content.decode()

    assert "WOULD EARN" in html
    assert "0.01 BTC" in html
    assert "50000" in html
    assert "50500" in html
    assert "as the harder one" in html
    assert "Leave it open, and ask a person" in html
    assert f"Trade this with {sender}" in html
    assert not ArbitrageTrade.objects.exists()


def test_a_reason_begins_it_once(boss, found):
    opportunity, sender = found
    filled_in = {"account": sender.pk, "most": "0.004", "key": "admin-1", "reason": ""}

    assert boss.post(page_of(opportunity), filled_in).status_code == 200
    assert not ArbitrageTrade.objects.exists()

    for _ in range(2):
        done = boss.post(page_of(opportunity), {**filled_in, "reason": WHY})
        trade = ArbitrageTrade.objects.get()
        assert done["Location"] == reverse("admin:execution_arbitragetrade_change", args=[trade.pk])
    assert (trade.amount, trade.reason, trade.started_by, trade.mode) == (D("0.004"), WHY, "risk.two", "paper")
    assert Signal.objects.get().leg

    refused = boss.post(page_of(opportunity), {**filled_in, "key": "admin-2", "reason": WHY}).content.decode()
    assert "ARBITRAGE_UNDER_WAY" in refused


def test_what_stands_in_the_way_is_said_with_what_to_do(boss, found):
    opportunity, sender = found
    Exchange.objects.filter(slug="kraken").update(mode="live")
    snapshot.refresh()

    html = boss.get(page_of(opportunity), {"account": sender.pk}).content.decode()
    assert "CANNOT BE TRADED NOW" in html
    assert "NO_CREDENTIAL" in html

    TradingPermission.objects.update(arbitrage=False)
    assert "No user may trade arbitrage" in boss.get(page_of(opportunity)).content.decode()
    assert boss.get(reverse("admin:arbitrage_trade", args=[0])).status_code == 404


@pytest.fixture
def held(db):
    return world.arbitrage_trade(world.trader(), "held")


def act(client, trade, action, **answers):
    address = reverse(f"admin:execution_arbitragetrade_{action}", args=[trade.pk])
    return client.post(address, {"_form_submitted": "True", "reason": WHY, **answers}, headers=HTMX)


def test_what_is_open_needs_attention_and_offers_three_ways(boss, held, client, staff):
    found = attention(snapshot.refresh(), current_facts(), timezone.now(), ALL)
    (item,) = [item for item in found if item.page == "execution_arbitragetrade"]
    assert (item.tone, item.word, item.pk) == (Tone.ACT, "ONE-LEGGED", str(held.pk))
    assert "0.04995 BTC is open" in item.text
    assert "ONE-LEGGED" in boss.get(reverse("admin:needs_attention")).content.decode()

    address = reverse("admin:execution_arbitragetrade_change", args=[held.pk])
    for word in ("Complete now…", "Trade it back…", "Accept it…", "First order", "NO_FILL"):
        assert word in boss.get(address).content.decode()
    client.force_login(staff("viewer"))
    assert "Accept it…" not in client.get(address).content.decode()
    for action in ("complete_now", "unwind_now", "accept_it"):
        assert act(client, held, action, loss_bps="20").status_code == 403


@pytest.mark.parametrize(
    ("action", "kind", "exchange"), [("complete_now", "complete", "kraken"), ("unwind_now", "unwind", "binance")]
)
def test_the_rest_is_traded_with_a_reason_and_a_bound(boss, held, action, kind, exchange):
    assert "Write why" in act(boss, held, action, loss_bps="50", reason="").content.decode()
    assert act(boss, held, action, loss_bps="5000").status_code == 200
    assert held.steps.count() == 2

    assert act(boss, held, action, loss_bps="50").status_code == 204

    held.refresh_from_db()
    step = held.steps.get(kind=kind)
    assert (held.state, held.loss_bps, step.signal.requested_exchange) == ("repair", D(50), exchange)
    assert (step.signal.side, step.signal.amount, step.signal.status) == ("sell", D("0.05"), "pending")
    said = ArbitrageEvent.objects.get(trade=held, by="risk.two")
    assert WHY in said.detail
    assert "It is repair by now" in act(boss, held, action, loss_bps="50").content.decode().replace("This trade", "It")


def test_what_is_accepted_is_over_and_nothing_is_sent(boss, held):
    assert act(boss, held, "accept_it").status_code == 204

    held.refresh_from_db()
    assert (held.state, held.steps.count()) == ("accepted", 2)
    assert (
        "was kept as a position"
        in boss.get(reverse("admin:execution_arbitragetrade_change", args=[held.pk])).content.decode()
    )
