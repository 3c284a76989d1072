"""Old decisions let go of their books and keep what was decided, why, and what it cost."""

from datetime import timedelta
from decimal import Decimal as D
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from execution.domain.regret import kept_books
from execution.models import Decision, OrderCost
from execution.selectors.costs import parts_cost
from execution.services import costs, housekeeping
from execution.services.costs import retention
from tests.admin import world

OLD = timezone.now() - timedelta(days=40)


@pytest.fixture(autouse=True)
def _from_the_beginning():
    cache.delete(retention._MARK)
    yield
    cache.delete(retention._MARK)


@pytest.fixture
def sender(db):
    return world.trader()


def offer(exchange, price):
    levels = {"bids": [["99", "5"]], "asks": [[price, "5"]]}
    return {"exchange": exchange, "fee": "0", "age_ms": 12, "sequence": 7, **levels}


def explained(*prices):
    offers = [offer(exchange, price) for exchange, price in zip(("binance", "kraken"), prices, strict=True)]
    return {"router": "1", "asked": {"side": "buy"}, "offers": offers, "verdicts": [{"exchange": "kraken"}]}


def decided(sender, at, explanation):
    signal = world.make_signal(sender, received_at=at, final_at=at)
    return world.decide(signal, decided_at=at, explanation=explanation)


def test_books_go_after_thirty_days_and_all_else_of_the_decision_stays(sender):
    old = decided(sender, OLD, explained("100", "101"))
    plain = decided(sender, OLD, {"router": "1", "offers": [offer("binance", "100")]})
    bare = decided(sender, OLD, None)
    young = decided(sender, timezone.now() - timedelta(days=29), explained("100", "101"))

    assert costs.drop_books(timezone.now() - timedelta(days=30)) == 2

    for row in (old, plain, bare, young):
        row.refresh_from_db()
    assert old.explanation == {
        "router": "1", "asked": {"side": "buy"}, "verdicts": [{"exchange": "kraken"}], "books_dropped": True,
        "offers": [{"exchange": name, "fee": "0", "age_ms": 12, "sequence": 7} for name in ("binance", "kraken")],
    }  # fmt: skip
    assert "asks" not in plain.explanation["offers"][0]
    assert (bare.explanation, young.explanation) == (None, explained("100", "101"))


def test_it_goes_on_where_it_stopped_and_begins_anew_without_harm(sender, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    for n in range(5):
        decided(sender, OLD + timedelta(seconds=n), explained("100", "101"))

    assert costs.drop_books(timezone.now()) == 5
    assert costs.drop_books(timezone.now()) == 0
    cache.delete(retention._MARK)
    assert costs.drop_books(timezone.now()) == 0
    decided(sender, OLD + timedelta(days=1), explained("100", "101"))
    assert costs.drop_books(timezone.now()) == 1


def test_the_hourly_clean_up_does_it(sender, settings):
    row = decided(sender, OLD, explained("100", "101"))

    settings.ENV = {**settings.ENV, "KEEP_BOOKS_DAYS": 60}
    housekeeping.prune()
    assert "books_dropped" not in Decision.objects.get(pk=row.pk).explanation

    settings.ENV = {**settings.ENV, "KEEP_BOOKS_DAYS": 30}
    housekeeping.prune()
    assert Decision.objects.get(pk=row.pk).explanation["books_dropped"]


def test_the_figures_of_a_split_are_worked_out_before_its_books_go(sender):
    parent = world.make_signal(sender, received_at=OLD, final_at=OLD, parts_made=2)
    made = world.decide(parent, decided_at=OLD, explanation=explained("100", "101"))
    for part, exchange in enumerate(("binance", "kraken")):
        child = world.make_signal(
            sender, parent=parent, part=part, leg=True, allotted="1", received_at=OLD, final_at=OLD
        )
        order = world.make_order(
            child, "filled", exchange_id=exchange, amount=D(1), filled_amount=D(1), filled_notional=D(102),
            submitted_at=OLD, final_at=OLD,
        )  # fmt: skip
        book = world.split_books()["binance"]
        shown = type(book)("BTC/USDT", [(D(99), D(9))], [(D("101.5"), D(9))], OLD.timestamp())
        kept = kept_books({"binance": shown, "kraken": shown}, "buy", D(2), OLD.timestamp())
        world.cost(order, fees=D(0), at=OLD, filled_at=OLD, fill_books=kept)
    before = parts_cost(parent, [made])
    assert (before.regret_bps, round(before.fill_regret_bps, 4)) == (200, D("49.2611"))

    costs.drop_books(timezone.now())

    made.refresh_from_db()
    after = parts_cost(parent, [made])
    assert (after.regret_bps, round(after.fill_regret_bps, 4)) == (200, D("49.2611"))
    assert not OrderCost.objects.exclude(fill_books=None).filter(at__lt=OLD).exists()


def test_a_decision_without_its_books_is_shown_and_not_replayed(client, sender):
    signal = world.measured_split(sender)
    costs.drop_books(timezone.now())
    client.force_login(User.objects.create_superuser("root"))

    page = client.get(reverse("admin:execution_signal_change", args=[signal.pk])).content.decode()
    out = StringIO()
    call_command("replay_decisions", "--since", "1h", stdout=out)

    assert "its books are no longer kept" in page
    assert "bps at the last fill" in page
    assert "1 not made again: its books are no longer kept." in out.getvalue()
