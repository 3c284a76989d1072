"""`python -m benchmarks.routing`: how long a smart decision takes in a worker, and what each strategy costs in bps.

A decision here is what a worker does for one signal once books and balances are in its memory: permissions, halts,
health, breakers, fees, balances, scores or split, limits, and the explanation that is stored. Books are made up: six
exchanges of 100 levels whose middles differ by about 1 bp, with the fees of their public tables.
"""

import argparse
import os
import random
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from benchmarks.split import LEVELS, Timed

FEES_BPS = {"binance": "10", "bybit": "10", "okx": "10", "kucoin": "10", "kraken": "26", "coinbase": "40"}
LATENCY_MS = {"binance": 45.0, "bybit": 60.0, "okx": 70.0, "kucoin": 95.0, "kraken": 130.0, "coinbase": 85.0}
PRICE = Decimal(100_000)
SIZES = (("$1k", "0.01"), ("$10k", "0.1"), ("$100k", "1"), ("$1M", "10"))
SLOW_TURNS = 10


def _levels(rng: random.Random, middle: float, sign: int) -> list[tuple[Decimal, Decimal]]:
    price, found = middle, []
    for level in range(LEVELS):
        price += sign * (0.05 + rng.paretovariate(1.5) / 5)
        amount = 0.05 * rng.lognormvariate(0, 1) * (level + 1) ** 0.3
        found.append((Decimal(f"{price:.2f}"), Decimal(f"{amount + 0.00001:.5f}")))
    return found


def _books(rng: random.Random) -> dict[str, Any]:
    from execution.domain.book import OrderBook

    found = {}
    for number, slug in enumerate(FEES_BPS):
        middle = float(PRICE) * (1 + rng.gauss(0, 1e-4))
        book = OrderBook("BTC/USDT", _levels(rng, middle, -1), _levels(rng, middle, 1), time.time(), number)
        found[slug] = book
    return found


class _World:
    """One user with live keys at six healthy exchanges."""

    def __init__(self) -> None:
        from execution.domain.health import Health, HealthStatus
        from execution.domain.market import Market
        from execution.domain.router import Facts
        from policies.domain.policy import (
            CredentialRef,
            ExchangePolicy,
            Mode,
            OnAllUnhealthy,
            OnExtraPrecision,
            OnMissingCredential,
            OnUnknownExchange,
            PermissionRule,
            Policy,
            RoutingRules,
        )

        now = datetime.now(UTC)
        rules = RoutingRules(
            default_exchange="binance",
            on_unknown_exchange=OnUnknownExchange.USE_DEFAULT,
            on_all_unhealthy=OnAllUnhealthy.DENY,
            on_missing_credential=OnMissingCredential.NEXT_EXCHANGE,
            on_extra_precision=OnExtraPrecision.ROUND_DOWN,
            max_slippage_bps=Decimal(100),
            price_collar_bps=Decimal(500),
            book_max_age_s=Decimal(2),
            signal_max_age_s=300,
        )
        exchanges = {
            slug: ExchangePolicy(slug, slug, True, Mode.LIVE, "global", Decimal(fee), Decimal(fee), 300, 1000, 3600, 30)
            for slug, fee in FEES_BPS.items()
        }
        keys = {
            (7, slug, Mode.LIVE): CredentialRef(str(uuid.uuid4()), 7, slug, Mode.LIVE, False, 1) for slug in FEES_BPS
        }
        permission = PermissionRule(7, "algo1", True, True, None, (), {"USDT": Decimal(10**9)})
        self.policy = Policy(1, rules, exchanges, {}, {"binance": tuple(FEES_BPS)}, {7: permission}, {}, keys)
        market = Market("BTC/USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), None, Decimal(5))
        health = {
            slug: Health(HealthStatus.OK, now, now, latency_ewma_ms=LATENCY_MS[slug], settled_ms=LATENCY_MS[slug])
            for slug in FEES_BPS
        }
        self.facts = Facts(health, {slug: {"BTC/USDT": market} for slug in FEES_BPS})
        self.funds = {slug: Decimal(5_000_000) for slug in FEES_BPS}
        self.now = now

    def signal(self, amount: str, by: Any) -> Any:
        from execution.domain.orders import Side, SignalType
        from execution.domain.sizing import Wanted
        from execution.services.claims import ClaimedSignal

        wanted = Wanted(Side.BUY, Decimal(amount), None, None, None, None, SignalType.ENTRY)
        later = self.now + timedelta(hours=1)
        return ClaimedSignal(
            uuid.uuid4(), 7, "BTC/USDT", "", "", None, (), 0, 3, self.now, later, later, False, wanted, routing=by
        )

    def decide(self, chooser: Any, signal: Any, books: Any) -> Any:
        """What the smart stage does for one signal once its books and balances are there."""
        from execution.domain.smart import Funds, is_smart, smart_answer
        from execution.services.smart import decide_smart

        began = time.perf_counter()
        question = signal.question()
        by = is_smart(self.policy, question)
        assert by is not None
        answer = smart_answer(self.policy, self.facts, question, by, datetime.now(UTC))
        funds = Funds(self.funds, needed=True)
        chosen = chooser.choose(self.policy, self.facts, question, answer, signal.wanted, books, funds, {})
        return decide_smart(signal, self.policy, self.facts, answer, chosen, books, {}, began=began)


def measure_speed(count: int) -> list[Timed]:
    """Each decision once, as in production: nothing is repeated, no fastest is picked."""
    from execution.services.smart import Chooser
    from policies.domain.policy import RouteBy

    world, rng = _World(), random.Random(20261121)  # noqa: S311
    found = []
    for name, amount in SIZES:
        for kind, renew in (("books prepared", 0), ("one book new each time", 1), ("all six new", 6)):
            chooser, books, values = Chooser(), _books(rng), []
            fresh = [_books(rng) for _ in range(4)]
            for turn in range(count if renew < 6 else count // SLOW_TURNS):
                for slug in rng.sample(sorted(books), renew):
                    books[slug] = replace(rng.choice(fresh)[slug], received_at=time.time(), sequence=turn)
                size = f"{float(amount) * rng.uniform(0.9, 1.1):.5f}"
                signal = world.signal(size, RouteBy.OPTIMAL_SPLIT)
                began = time.perf_counter_ns()
                decided = world.decide(chooser, signal, books)
                values.append((time.perf_counter_ns() - began) / 1000)
                assert decided.denial is None, decided.denial
            found.append(Timed(f"{name}: {kind}", values[count // 20 :] or values))
    return found


def measure_costs(count: int) -> list[str]:
    """Mean bps that each strategy costs more than the best of all, over the same made-up books."""
    from execution.domain.choosing import Ask, choose
    from execution.domain.orders import Side
    from execution.domain.prepared import Depths
    from execution.domain.scoring import Offer
    from policies.domain.policy import SMART_ROUTES
    from policies.domain.smart import INSTALLED

    rng, lines = random.Random(7), []  # noqa: S311
    market = _World().facts.markets["binance"]["BTC/USDT"]
    lines.append(f"{'bps more than the cheapest, mean':34s}" + "".join(f"{name:>16s}" for name, _ in SIZES))
    rows: dict[str, list[str]] = {by.value: [] for by in sorted(SMART_ROUTES)}
    for _, amount in SIZES:
        extra: dict[str, list[float]] = {name: [] for name in rows}
        filled: dict[str, int] = dict.fromkeys(rows, 0)
        for _ in range(count):
            offers = [
                Offer(slug, book, market, Decimal(FEES_BPS[slug]) / 10_000, latency_ms=LATENCY_MS[slug])
                for slug, book in _books(rng).items()
            ]
            costs = {}
            for by in SMART_ROUTES:
                ask = Ask(by, INSTALLED[by.value], Side.BUY, Decimal(amount), None, Decimal(100))
                costs[by.value] = choose(ask, offers, Depths()).cost_bps
            best = min(cost for cost in costs.values() if cost is not None)
            for name, cost in costs.items():
                if cost is not None:
                    filled[name] += 1
                    extra[name].append(cost - best)
        for name, values in extra.items():
            share = f"{100 * filled[name] / count:.0f} %"
            mean = f"{sum(values) / len(values):.3f}" if values else "–"
            rows[name].append(f"{mean} ({share})")
    lines += [f"{name:34s}" + "".join(f"{cell:>16s}" for cell in cells) for name, cells in rows.items()]
    return [*lines, "In brackets: how many of the orders it could fill."]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=2000, help="decisions per line")
    parser.add_argument("--books", type=int, default=60, help="sets of books for the costs; 0 leaves them out")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "routing_platform.settings")
    import django

    django.setup()
    print(f"{'microseconds, one decision':44s} {'count':>5s} {'p50':>9s} {'p99':>9s} {'max':>9s}")
    for timed in measure_speed(options.decisions):
        print(timed.row())
    if options.books:
        print("\n".join(["", *measure_costs(options.books)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
