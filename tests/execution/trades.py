"""An arbitrage between binance and kraken, on books that the test chooses, under a real executor and simulator."""

import time
from decimal import Decimal as D
from typing import Any

from redis import Redis

from execution.domain.shared_book import encode, key_of
from execution.models import ArbitrageOpportunity, ArbitrageTrade, Signal
from execution.selectors import books, facts
from execution.services import arbitrage
from execution.services.arbitrage_trades import Started, start
from policies import snapshot
from policies.models import Exchange, RoutingSettings, TradingPermission
from tests.execution.conftest import Platform, wait_for_balances

SYMBOL = "BTC/USDT"
WAIT_S = 30
Book = tuple[list[tuple[str, str]], list[tuple[str, str]]]
"""Bids and asks."""

CHEAP: Book = ([("49990", "5")], [("50000", "0.1"), ("50600", "5")])
DEAR: Book = ([("50500", "5")], [("50700", "5")])


class Desk:
    """What a test drives: a platform with an opportunity."""

    def __init__(self, platform: Platform, redis: Redis) -> None:
        self.platform, self.redis, self.user = platform, redis, platform.user
        self.keys = 0
        self.books = {"binance": CHEAP, "kraken": DEAR}
        for slug, book in self.books.items():
            self.really(slug, book)
        wait_for_balances(platform, ("binance", "kraken"))

    def really(self, slug: str, book: Book) -> None:
        """The book as it is at the exchange."""
        self.platform.simulator.control.set_book(slug, SYMBOL, bids=book[0], asks=book[1])

    def share(self) -> None:
        """The books as everybody sees them: as of now."""
        books._without_redis_until = 0.0
        for slug, (bids, asks) in self.books.items():
            text = encode(bids, asks, received_at=time.time(), sequence=1, exchange_time=None)
            self.redis.set(key_of(slug, SYMBOL), text)

    def opportunity(self) -> ArbitrageOpportunity:
        """What a scan finds now."""
        self.share()
        snapshot.refresh()
        facts.refresh_facts()
        arbitrage.scan_and_store([SYMBOL])
        return ArbitrageOpportunity.objects.get(ended_at=None, kind="cross")

    def start(self, key: str = "", most: str | None = None, opportunity: int | None = None) -> Started:
        """As the API begins one."""
        self.keys += 1
        pk = opportunity or self.opportunity().pk
        self.share()
        started = start(self.user.pk, key or f"t{self.keys}", pk, D(most) if most else None, by="a test")
        self.platform.executor.wake()
        return started

    def wait(self, trade: ArbitrageTrade, *states: str) -> ArbitrageTrade:
        """The trade once it is in one of these states."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            trade.refresh_from_db()
            if trade.state in states:
                return trade
            time.sleep(0.02)
        told = list(signals(trade).values("side", "status", "reason_code", "reason_detail", "filled_amount"))
        raise AssertionError(f"still {trade.state}: {told}")

    def trade(self, *states: str, **options: Any) -> ArbitrageTrade:
        """Begin one and wait."""
        return self.wait(self.start(**options).trade, *states)

    def filled(self, slug: str) -> D:
        """What the exchange says was filled."""
        return sum((D(order["filled"]) for order in self.platform.ledger(slug)), D(0))


def signals(trade: ArbitrageTrade) -> Any:
    """Its orders, in order."""
    return Signal.objects.filter(arbitrage_step__trade=trade).order_by("arbitrage_step__number")


def kinds(trade: ArbitrageTrade) -> list[str]:
    """What its orders were for."""
    return list(trade.steps.values_list("kind", flat=True))


def set_rules(**values: Any) -> None:
    """Switch arbitrage on, with these settings."""
    defaults = {"arbitrage_enabled": True, "arbitrage_max_notional": 100_000, "arbitrage_book_max_age_s": 10}
    RoutingSettings.objects.update(**{**defaults, **values})
    TradingPermission.objects.update(arbitrage=True)
    Exchange.objects.update(taker_fee_bps=10)
    snapshot.refresh()
