"""Many trades at once while placements fail in every way and workers come and go: both sides' books agree."""

import time
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal as D

import pytest
from django.conf import settings
from redis import Redis

from execution.domain.arbitrage_trade import UNDER_WAY
from execution.models import AccountBalance, ArbitrageTrade, Fill, Order, OrderEvent
from execution.selectors.arbitrage_trades import steps_of
from execution.services.arbitrage_trades import rows, start
from execution.services.reconcile import balances
from policies import snapshot
from policies.domain.policy import OneLegged
from policies.models import RoutingSettings
from tests.execution.conftest import Platform, add_trader
from tests.execution.parts import wait_until
from tests.execution.test_book_cache import forget_books
from tests.execution.trades import Desk, set_rules

TRADERS = 9
FAULTS = {
    "binance": {"timeout_after": 2, "error_503_after": 2, "late": 1},
    "kraken": {"timeout_before": 2, "rate_limit": 3, "html_200": 1, "timeout_after": 2, "error_503_after": 1},
}
"""Where the first order goes it mostly arrives, and where the second goes it often does not."""
POLICIES = [policy.value for policy in OneLegged]
DEEP = {
    "binance": ([("49990", "50")], [("50000", "0.02"), ("50600", "50")]),
    "kraken": ([("50500", "50")], [("50700", "50")]),
}


@pytest.fixture
def desk(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(rows, "FIRST_WITHIN_S", 60)
    users = [add_trader(platform.simulator, f"trader{n}", ("binance", "kraken")) for n in range(TRADERS)]
    set_rules(arbitrage_max_loss_bps=200)
    with Redis.from_url(settings.REDIS_URL) as redis:
        forget_books(redis)
        found = Desk(platform, redis)
        found.users, found.books = users, dict(DEEP)  # type: ignore[attr-defined]
        found.really("binance", ([("49990", "50")], [("50000", "50")]))  # enough for all of them
        found.really("kraken", DEEP["kraken"])
        balances.introduce()
        known = AccountBalance.objects.filter(user__in=users, asset="BTC")
        wait_until(lambda: known.count() == 2 * TRADERS, within_s=60)
        yield found
        forget_books(redis)


def test_whatever_fails_what_is_open_is_known_to_the_lot(desk, started):
    platform, opportunity = desk.platform, desk.opportunity().pk
    for slug, faults in FAULTS.items():
        platform.simulator.control.configure(slug, fault_rate=0.6, fault_weights=faults)
    for number, user in enumerate(desk.users):
        RoutingSettings.objects.update(arbitrage_one_legged=POLICIES[number % 3])
        snapshot.refresh()
        desk.share()
        start(user.pk, "storm", opportunity, D("0.02"), by="the storm")
    second = started()
    platform.executor.wake()
    time.sleep(1)
    platform.executor.stop()  # the other goes on, and a third comes
    started()

    wait_until(lambda: not ArbitrageTrade.objects.filter(state__in=UNDER_WAY).exists(), within_s=90)

    trades = list(ArbitrageTrade.objects.all())
    steps = steps_of(trades)
    for trade in trades:
        first, *others = steps[trade.pk]
        got = first.filled - first.base_fee
        assert sum((step.filled for step in others), D(0)) + trade.open_amount == got or trade.state == "nothing"
        assert (trade.state == "nothing") == (first.filled == 0)
        assert trade.state != "done" or trade.open_amount < D("0.0002")
        assert trade.state in {"done", "nothing", "held"}
    assert booked(platform) == ours()
    assert OrderEvent.objects.filter(new_status="unknown").exists()
    assert second.in_flight == 0


def booked(platform: Platform) -> dict[tuple[str, str], D]:
    """What the exchanges filled, by exchange and side."""
    found: defaultdict[tuple[str, str], D] = defaultdict(D)
    for slug in ("binance", "kraken"):
        for order in platform.ledger(slug):
            found[slug, order["side"]] += D(order["filled"])
    return {key: amount for key, amount in found.items() if amount}


def ours() -> dict[tuple[str, str], D]:
    """What we have of it."""
    found: defaultdict[tuple[str, str], D] = defaultdict(D)
    for fill in Fill.objects.select_related("order"):
        found[fill.order.exchange_id, fill.order.side] += fill.amount
    assert Order.objects.exclude(signal__arbitrage_step__trade__isnull=False).count() == 0
    return dict(found)
