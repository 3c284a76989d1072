"""What a process knows of the exchanges, read by several threads at once."""

import threading
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from execution.domain.market import Market
from execution.selectors import facts
from execution.services.housekeeping import store_markets
from tests.admin import world


def test_two_threads_that_read_a_new_list_at_once_both_keep_it(transactional_db, monkeypatch):
    for slug in ("binance", "kraken"):
        world.healthy(slug, checked_at=timezone.now())
        store_markets(slug, [Market("BTC/USDT", Decimal("0.01"), Decimal("0.0001"))])
    real, reading, read = facts._load_markets, threading.Event(), threading.Event()

    def slowly(slug):
        if threading.current_thread().name == "slow" and not reading.is_set():
            reading.set()
            read.wait(30)
        return real(slug)

    def work():
        facts.refresh_facts()
        connection.close()

    monkeypatch.setattr(facts, "_load_markets", slowly)
    slow = threading.Thread(target=work, name="slow")
    slow.start()
    assert reading.wait(30)
    facts.refresh_facts()
    read.set()
    slow.join()

    assert facts.known_facts().markets.keys() >= {"binance", "kraken"}
    assert facts.refresh_facts().markets.keys() >= {"binance", "kraken"}
