"""A signal in parts in the admin: one row in the list, its parts on its page."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.admin import world
from tests.execution.parts import part_row


@pytest.fixture
def whole(db):
    world.all_healthy()
    signal = world.make_signal(
        world.trader(), "executing", amount=Decimal(2), exchange_id=None, parts_made=2, allocated_amount=Decimal(2),
        filled_amount=Decimal(1), filled_notional=Decimal("50010.5"),
    )  # fmt: skip
    world.decide(signal, "", primary="binance", method="twap", source="smart")
    now = timezone.now()
    part_row(
        signal, 0, leg=True, requested_exchange="binance", exchange_id="binance", status="filled", final_at=now,
        filled_amount=Decimal(1), filled_notional=Decimal("50010.5"), strategy_id="of_a_part",
    )  # fmt: skip
    part_row(signal, 1, due_at=now + timedelta(seconds=60))
    return signal


def page_of(client, signal) -> str:
    return client.get(reverse("admin:execution_signal_change", args=[signal.pk])).content.decode()


def test_the_page_shows_every_part_with_its_state_and_price(boss, whole):
    html = page_of(boss, whole)

    assert "Parts (2)" in html
    assert "1 of 2 parts have ended" in html
    assert "50,010.50" in html
    assert "when due" in html
    assert "Planned over time" in html
    assert "Part 0 at binance" in html


def test_a_part_leads_to_its_whole(boss, whole):
    part = whole.parts.get(part=1)

    html = page_of(boss, part)

    assert "Part 1 of a signal" in html
    assert str(whole.pk) in html


def test_the_list_is_of_whole_signals(boss, whole):
    html = boss.get(reverse("admin:execution_signal_changelist")).content.decode()

    assert str(whole.pk) in html
    assert "of_a_part" not in html
    assert all(str(part.pk) not in html for part in whole.parts.all())
