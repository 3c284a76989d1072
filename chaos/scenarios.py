"""Short stories, each aimed at one kind of rule: a handful of signals and the one bad moment that matters to it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from chaos.arena import Arena
from chaos.load import Promises

_ENVIRONMENT = {
    "EXCHANGE_TIMEOUT_S": "0.5",
    "ORDER_VALIDITY_S": "2",
    "LOOK_UP_INTERVAL_S": "0.15",
    "ATTENTION_AFTER_S": "30",
}
SLOTS_AT_BINANCE = 4
"""Orders a worker may have in flight there, in all scenarios."""

MANY = ("binance", "kraken", "okx", "kucoin", "bybit", "coinbase")


class Stage:
    """What a scenario needs: to post, to look, to wait for a moment."""

    def __init__(self, arena: Arena, label: str) -> None:
        self.arena = arena
        self.control = arena.control
        self.promises = Promises()
        self._label = label
        self._number = 0

    def post(self, *bodies: Mapping[str, Any], again: bool = False) -> list[str]:
        """Post a batch once (and `again` as if the answer had been lost); the ids of the signals."""
        signals = []
        for body in bodies:
            self._number += 1
            key = f"{self._label}-{self._number}"
            signals.append({"id": key, "symbol": "BTC/USDT", "side": "buy", "amount": "0.002", **body})
        for _ in range(2 if again else 1):
            answer = self.arena.client(timeout_s=10).post("/api/signals/batch", {"signals": signals})
            if answer.status != 202:
                raise RuntimeError(f"not accepted: {answer}")
            for signal, result in zip(signals, answer.body["results"], strict=True):
                self.promises.heard(signal["id"], result["id"])
        return [self.promises.accepted[signal["id"]] for signal in signals]

    def until(self, happened: Callable[[], bool], within_s: float = 8.0) -> None:
        """Wait for a moment, closely. Raises RuntimeError when it does not come."""
        deadline = time.monotonic() + within_s
        while not happened():
            if time.monotonic() > deadline:
                raise RuntimeError("the moment of the scenario did not come")
            time.sleep(0.005)

    def count(self, query: str) -> int:
        """One number from the database, past the proxy."""
        with psycopg.connect(self.arena.database_url) as connection:
            row = connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def placed(self, exchange: str) -> int:
        """Orders an exchange has."""
        return len(self.control.ledger(exchange))

    def kill_workers(self) -> None:
        """SIGKILL all of them at once; they come back."""
        for name in self.arena.platform.processes:
            if name.startswith("worker"):
                self.arena.platform.kill(name)


@dataclass(frozen=True, slots=True)
class Scenario:
    """play: what happens. environment: settings of web and workers. seconds: the least a mutant is given to show.

    watch_s: nothing is called good before so long after `play`, because something is still to arrive.
    """

    name: str
    play: Callable[[Stage], None]
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 4.0
    watch_s: float = 0.0


def plain(stage: Stage) -> None:
    """Nothing goes wrong."""
    stage.post(*({"exchange": exchange, "side": side} for exchange in MANY for side in ("buy", "sell")))
    best = float(stage.control.book("binance", "BTC/USDT")["asks"][0][0])
    limit = {"order_type": "limit", "time_in_force": "IOC", "limit_price": str(int(best * 0.98))}
    stage.post({"exchange": "binance", **limit})


def lost_answers(stage: Stage) -> None:
    """Exchanges place orders and do not say so, or say 503."""
    for exchange in ("binance", "kraken", "okx"):
        stage.control.queue_fault(exchange, "disconnect_after", count=1)
        stage.control.queue_fault(exchange, "error_503_after", count=2)
        stage.control.queue_fault(exchange, "timeout_after", count=1)
    stage.post(*({"exchange": exchange} for exchange in ("binance", "kraken", "okx") for _ in range(4)))


def late_orders(stage: Stage) -> None:
    """Orders arrive after their sender has given up, before their validity ends."""
    for exchange in ("binance", "okx"):
        stage.control.configure(exchange, late_ms=1500)
        stage.control.queue_fault(exchange, "late", count=3)
    stage.post(*({"exchange": exchange} for exchange in ("binance", "okx") for _ in range(3)))


def late_without_bounds(stage: Stage) -> None:
    """An exchange that cannot be told to refuse late orders accepts one after the first look."""
    stage.control.configure("alpaca", late_ms=2600)
    stage.control.queue_fault("alpaca", "late", count=3)
    stage.post(*({"exchange": "alpaca"} for _ in range(3)))


def look_ups_fail(stage: Stage) -> None:
    """Orders are placed without an answer, and for a while no look-up is answered either."""
    stage.control.queue_fault("binance", "disconnect_after", count=3)
    stage.control.configure(
        "binance", fault_operations=["fetch_order"], fault_rate=1.0, fault_weights={"error_500_before": 1}
    )
    stage.post(*({"exchange": "binance"} for _ in range(3)))
    stage.until(lambda: stage.count("SELECT count(*) FROM execution_order WHERE status = 'unknown'") >= 3)
    time.sleep(4.0)
    stage.control.configure("binance", fault_rate=0)


def killed_while_sending(stage: Stage) -> None:
    """All workers die when orders have arrived and no answer has come back."""
    for exchange in ("binance", "okx"):
        stage.control.queue_fault(exchange, "timeout_after", count=3)
    stage.post(*({"exchange": exchange} for exchange in ("binance", "okx") for _ in range(3)))
    stage.until(lambda: stage.placed("binance") + stage.placed("okx") > 2)
    stage.kill_workers()


def killed_while_routing(stage: Stage) -> None:
    """All workers die while they wait for an order book."""
    stage.control.configure("kucoin", latency_ms=1200)
    stage.post(*({"exchange": "kucoin", "symbol": "ETH/USDT", "amount": "0.1"} for _ in range(4)))
    stage.until(lambda: stage.count("SELECT count(*) FROM execution_signal WHERE status = 'routing'") > 0)
    stage.kill_workers()
    stage.control.configure("kucoin", latency_ms=0)


def no_messages(stage: Stage) -> None:
    """Valkey is dead: signals come, wake-ups do not."""
    stage.arena.redis.kill()
    time.sleep(0.3)
    try:
        stage.post(*({"exchange": "binance"} for _ in range(4)))
        time.sleep(2.0)
    finally:
        stage.arena.redis.start()


def full_exchange(stage: Stage) -> None:
    """More orders than `SLOTS_AT_BINANCE`: they queue, and two workers take from the queue."""
    stage.control.configure("binance", latency_ms=150)
    for _ in range(3):
        stage.post(*({"exchange": "binance"} for _ in range(16)))


def _resting(stage: Stage) -> tuple[str, str]:
    """A buy that rests in a pinned book; its signal's id and its price."""
    stage.control.set_book("binance", "BTC/USDT", bids=[("89990", "1")], asks=[("90010", "5")])
    price = "90000"
    body = {"order_type": "limit", "time_in_force": "GTC", "limit_price": price, "amount": "0.03"}
    (signal,) = stage.post({"exchange": "binance", **body})
    stage.until(lambda: stage.count("SELECT count(*) FROM execution_order WHERE status = 'open'") > 0)
    return signal, price


def filled_in_parts(stage: Stage) -> None:
    """An order rests and is filled bit by bit."""
    _, price = _resting(stage)
    for part in range(3):
        stage.control.set_book("binance", "BTC/USDT", bids=[("89990", "1")], asks=[(price, "0.01")])
        if part < 2:
            known = f"SELECT count(*) FROM execution_order WHERE filled_amount >= 0.01 * {part + 1}"
            try:
                stage.until(lambda known=known: stage.count(known) > 0, 3.0)  # type: ignore[misc]
            except RuntimeError:
                return  # it is not booked at all: the verdict will tell


def filled_while_cancelled(stage: Stage) -> None:
    """An order rests, and is filled while its cancel is under way."""
    signal, price = _resting(stage)
    stage.control.configure("binance", latency_ms=400)
    stage.arena.client(timeout_s=10).post(f"/api/signals/{signal}/cancel")
    stage.control.set_book("binance", "BTC/USDT", bids=[("89990", "1")], asks=[(price, "1")])
    stage.control.configure("binance", latency_ms=0)


def said_twice(stage: Stage) -> None:
    """A client does not hear the answer and posts again."""
    stage.post(*({"exchange": "binance"} for _ in range(3)), again=True)


def web_killed(stage: Stage) -> None:
    """Web dies right after it has accepted."""
    stage.post(*({"exchange": "binance"} for _ in range(3)))
    stage.arena.platform.kill("web")


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("plain", plain),
        Scenario("lost answers", lost_answers),
        Scenario("late orders", late_orders, watch_s=2.0),
        Scenario(
            "late at an exchange without bounds",
            late_without_bounds,
            {"ORDER_VALIDITY_S": "1", "LOOK_UP_INTERVAL_S": "0.8"},
            seconds=5,
            watch_s=3.2,
        ),
        Scenario("look-ups fail", look_ups_fail, {"ATTENTION_AFTER_S": "3"}),
        Scenario("killed while sending", killed_while_sending, {"EXCHANGE_TIMEOUT_S": "1", "ORDER_VALIDITY_S": "1"}),
        Scenario("killed while routing", killed_while_routing),
        Scenario("no messages", no_messages),
        Scenario("a full exchange", full_exchange),
        Scenario("filled in parts", filled_in_parts),
        Scenario("filled while cancelled", filled_while_cancelled),
        Scenario("said twice", said_twice),
        Scenario("web killed after its answer", web_killed, watch_s=1.5),
    )
}


def environment_of(scenario: Scenario) -> dict[str, str]:
    """All settings of a scenario."""
    return {**_ENVIRONMENT, **scenario.environment}
