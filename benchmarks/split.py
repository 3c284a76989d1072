"""`python -m benchmarks.split`: microseconds from books to a plan, on the instances of tests/data and on made-up books.

Each instance counts with the fastest of its repeats: the machine is shared, and noise only ever adds.
"""

import argparse
import gzip
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from execution.domain.orders import Side
from execution.domain.split import Candidate, ScaledTerms, SplitRequest, candidate, plan_split, prepare_depth
from execution.domain.split.instance import read_instance
from execution.domain.split.model import Terms
from execution.domain.split.scale import Scale

DATA = Path(__file__).resolve().parent.parent / "tests" / "data" / "split_dev39.json.gz"
EXCHANGES, LEVELS = 6, 100


@dataclass(frozen=True, slots=True)
class Timed:
    """Microseconds over instances."""

    name: str
    values: list[float]

    def row(self) -> str:
        ordered = sorted(self.values)
        p50, p99 = (ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.99))
        return f"{self.name:44s} {len(ordered):5d} {p50:9.1f} {p99:9.1f} {ordered[-1]:9.1f}"


def fastest(work: Callable[[], object], repeats: int) -> float:
    """Microseconds of the fastest repeat."""
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter_ns()
        work()
        best = min(best, time.perf_counter_ns() - began)
    return best / 1000


def measure_set(path: Path, repeats: int) -> list[Timed]:
    """The published instances, books prepared, and from their raw books."""
    with gzip.open(path, "rt") as file:
        instances = json.load(file)
    prepared, explained, raw = [], [], []
    for instance in instances:
        request, candidates = read_instance(instance, whole_books=True)
        prepared.append(fastest(lambda r=request, c=candidates: plan_split(r, c), repeats))  # type: ignore[misc]
        explained.append(fastest(lambda r=request, c=candidates: _explain(r, c), repeats))  # type: ignore[misc]
        levels = [each["asks" if request.side == Side.BUY else "bids"] for each in instance["venues"]]
        terms = [each.terms for each in candidates]
        balances = [None if each["balance"] is None else Decimal(each["balance"]) for each in instance["venues"]]
        scale = candidates[0].depth.scale
        raw.append(
            fastest(lambda r=request, b=levels, t=terms, f=balances, s=scale: _from_raw(r, b, t, f, s), repeats)  # type: ignore[misc]
        )
    return [
        Timed("set: prepared books to plan", prepared),
        Timed("set: the same, with legs, bounds and reasons", explained),
        Timed("set: raw books (strings) to plan", raw),
    ]


def measure_books(repeats: int, count: int) -> list[Timed]:
    """Six made-up books of 100 levels as ccxt gives them, for orders of growing size."""
    rng = random.Random(20261120)  # noqa: S311
    scale = Scale(2, 8, 6)
    found = []
    for kind, convert in (("floats", float), ("strings", str)):
        for name, amount in (("$1k", "0.01"), ("$100k", "1"), ("$1M", "10")):
            request = SplitRequest(Side.BUY, Decimal(amount))
            values = []
            for _ in range(count):
                books = [_book(rng, convert) for _ in range(EXCHANGES)]
                terms = [_terms(rng).on(scale, Side.BUY) for _ in books]
                funds = [None] * EXCHANGES
                work = lambda r=request, b=books, t=terms, f=funds: _from_raw(r, b, t, f, scale)  # noqa: E731
                values.append(fastest(work, repeats))
            found.append(Timed(f"6 x 100 {kind}, {name}, to plan", values))
    return found


def _from_raw(
    request: SplitRequest,
    books: Sequence[Sequence[Sequence[Any]]],
    terms: Sequence[ScaledTerms],
    balances: Sequence[Decimal | None],
    scale: Scale,
) -> object:
    assert request.amount is not None
    enough = int(request.amount.scaleb(scale.amount_places)) + 1
    candidates = [
        candidate(str(index), prepare_depth(book, request.side, scale, enough=enough), term, funds)
        for index, (book, term, funds) in enumerate(zip(books, terms, balances, strict=True))
    ]
    return plan_split(request, candidates)


def _explain(request: SplitRequest, candidates: Sequence[Candidate]) -> object:
    plan = plan_split(request, candidates)
    return plan.legs, plan.bounds, plan.unfilled_reason, plan.best_single, plan.cost, plan.gap_bps


def _terms(rng: random.Random) -> Terms:
    fee = Decimal(rng.choice([4, 6, 8, 10, 10, 26])) / 10_000
    return Terms(
        fee, Decimal(rng.choice(["0.00001", "0.000001", "0.00000001"])), Decimal("0.01"), min_notional=Decimal(5)
    )


def _book(rng: random.Random, convert: Callable[[str], Any]) -> list[list[Any]]:
    price, levels = 100_000 + rng.gauss(0, 1), []
    for level in range(LEVELS):
        price += 0.01 + rng.paretovariate(1.5) / 10
        amount = 0.02 * rng.lognormvariate(0, 1) * (level + 1) ** 0.3
        levels.append([convert(f"{price:.2f}"), convert(f"{amount + 0.00001:.5f}")])
    return levels


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("instances", nargs="?", type=Path, default=DATA)
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--books", type=int, default=50, help="made-up sets of books for each order size")
    options = parser.parse_args()
    print(f"{'microseconds':44s} {'count':>5s} {'p50':>9s} {'p99':>9s} {'max':>9s}")
    for timed in measure_set(options.instances, options.repeats) + measure_books(options.repeats, options.books):
        print(timed.row())
    return 0


if __name__ == "__main__":
    sys.exit(main())
