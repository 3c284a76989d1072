"""Each streamed exchange's feed in this process: what is wrong is never given on, and what was lost comes back."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from execution.domain.book import OrderBook
from execution.domain.shared_book import decode, key_of
from execution.exchanges.registry import AdapterPool
from execution.exchanges.streaming import STREAMED
from execution.services.market_data import feed, figures
from execution.services.market_data.feed import BookFeed
from execution.simulator.process import RunningSimulator, running_simulator
from tests.exchanges.test_streaming import delist

SLUGS = tuple(sorted(STREAMED))
SYMBOL = "BTC/USDT"

# Kraken's checksum tells it first; a number that is none makes some messages unreadable as a whole.
REASONS = {"crossed": ("crossed", "gap"), "nonsense": ("nonsense", "gap"), "nan": ("nonsense", "connection")}


@pytest.fixture(scope="module")
def process() -> Iterator[RunningSimulator]:
    with running_simulator(seed=5, tick_ms=0) as running:
        yield running


@pytest.fixture
def simulator(process: RunningSimulator) -> RunningSimulator:
    process.control.reset(5)
    for slug in SLUGS:
        set_book(process, slug, "49970", "50030")
    return process


def set_book(simulator: RunningSimulator, slug: str, bid: str, ask: str) -> None:
    simulator.control.set_book(slug, SYMBOL, bids=[(bid, "5")], asks=[(ask, "5")])


class Followed:
    """One exchange's feed, and what it gave on."""

    def __init__(self, slug: str, pool: AdapterPool) -> None:
        self.slug = slug
        self.given: list[OrderBook] = []
        self.feed = BookFeed(slug, pool.public(slug), pool.stream(slug), self._take)

    def _take(self, key: str, text: bytes) -> None:
        book = decode(text, SYMBOL)
        assert key == key_of(self.slug, SYMBOL)
        assert book is not None, "what is given on can be read, and has no problem"
        self.given.append(book)

    def best(self) -> tuple[Decimal, Decimal] | None:
        return (self.given[-1].bids[0][0], self.given[-1].asks[0][0]) if self.given else None

    def counted(self, reason: str) -> float:
        return float(figures.market_data_resyncs_total.labels(self.slug, reason)._value.get())

    def streamed(self) -> float:
        return float(figures.market_data_messages_total.labels(self.slug, "stream")._value.get())


@asynccontextmanager
async def following(simulator: RunningSimulator, *slugs: str) -> AsyncIterator[list[Followed]]:
    """Their feeds, once each has a book over its stream."""
    pool = AdapterPool(base_urls=simulator.base_urls, timeout_s=2)
    found = [Followed(slug, pool) for slug in slugs]
    before = [each.streamed() for each in found]
    tasks = [asyncio.create_task(each.feed.run()) for each in found]
    try:
        for each in found:
            each.feed.want([SYMBOL])
        await until(lambda: all(each.streamed() > was for each, was in zip(found, before, strict=True)), "the streams")
        yield found
    finally:
        for task in tasks:
            task.cancel()
        for each in found:
            await each.feed.close()
        await pool.close()


async def until(condition: Callable[[], object], what: str, within_s: float = 12) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {within_s} s"
        await asyncio.sleep(0.01)


def prices(bid: str, ask: str) -> tuple[Decimal, Decimal]:
    return Decimal(bid), Decimal(ask)


async def streams_again(simulator: RunningSimulator, each: Followed) -> None:
    """The book moves until that is seen over the stream."""
    before, number = each.streamed(), 0
    while each.streamed() == before:
        number += 1
        set_book(simulator, each.slug, f"2{number % 10}000", f"2{number % 10}001")
        await until(lambda: each.best() == prices(f"2{number % 10}000", f"2{number % 10}001"), "the next book")  # noqa: B023


@pytest.mark.parametrize("kind", ["crossed", "nonsense", "nan"])
@pytest.mark.parametrize("slug", SLUGS)
def test_a_book_that_cannot_be_is_never_given_on(simulator, slug, kind):
    async def run():
        async with following(simulator, slug) as (each,):
            await until(lambda: each.best() == prices("49970", "50030"), "the first book")
            before, given = sum(map(each.counted, REASONS[kind])), len(each.given)
            simulator.control.break_streams(slug, kind)
            await until(lambda: sum(map(each.counted, REASONS[kind])) > before, "the refusal")
            await streams_again(simulator, each)
            return each.given[given:]

    after = asyncio.run(run())

    assert all(book.bids[0][0] < book.asks[0][0] for book in after)
    assert {book.bids[0][0] for book in after} <= {Decimal("49970"), *(Decimal(20_000 + 1_000 * i) for i in range(10))}


@pytest.mark.parametrize("slug", SLUGS)
def test_a_lost_update_is_found_and_the_book_is_right_again(simulator, slug):
    async def run():
        async with following(simulator, slug) as (each,):
            before, number = each.counted("gap"), len(each.given)
            simulator.control.break_streams(slug, "gap")
            set_book(simulator, slug, "30000", "30001")
            await asyncio.sleep(0.12)  # lost by now
            set_book(simulator, slug, "31000", "31001")
            await until(lambda: each.best() == prices("31000", "31001"), "the right book")
            assert each.counted("gap") == before + 1
            return {book.bids[0][0] for book in each.given[number:]}

    # It was never seen by anybody who did not ask, and nothing was made up of the two.
    assert asyncio.run(run()) <= {Decimal("49970"), Decimal("31000")}


def test_silent_streams_are_replaced_by_questions_and_then_opened_anew(simulator):
    """All at once: each is silent for as long as it takes to notice."""

    async def run():
        async with following(simulator, *SLUGS) as found:
            before = {each.slug: each.counted("silent") for each in found}
            for slug in SLUGS:
                simulator.control.configure(slug, stream_silent=True)
                set_book(simulator, slug, "45000", "45001")
            for each in found:
                await until(lambda: each.best() == prices("45000", "45001"), f"{each.slug}'s answer")  # noqa: B023
            for each in found:
                await until(lambda: each.counted("silent") > before[each.slug], f"{each.slug}'s end", 25)  # noqa: B023
                simulator.control.configure(each.slug, stream_silent=False)
            for each in found:
                await streams_again(simulator, each)

    asyncio.run(run())


def test_a_pair_that_never_comes_leaves_the_others_their_connection(simulator, monkeypatch):
    """Kraken says no in a way that nobody waits for. The first two times the connection itself is suspected."""
    monkeypatch.setattr(feed, "FIRST_BOOK_S", 0.6)
    monkeypatch.setattr(feed, "LONGEST_PAUSE_S", 0.1)

    async def run():
        async with following(simulator, "kraken") as (each,):
            delist(each.feed._stream, "GONE/USDT")
            opened = simulator.control.stats()["kraken"]["requests"]["stream"]
            silent = each.counted("silent")
            each.feed.want([SYMBOL, "GONE/USDT"])
            await until(lambda: each.counted("silent") >= silent + 5, "five vain tries")
            await streams_again(simulator, each)
            return simulator.control.stats()["kraken"]["requests"]["stream"] - opened

    assert asyncio.run(run()) <= feed.PATIENCE


def test_streams_that_are_refused_are_tried_again_later_and_later(simulator):
    async def run():
        async with following(simulator, *SLUGS) as found:
            for slug in SLUGS:
                simulator.control.configure(slug, stream_refused=True)
                simulator.control.break_streams(slug, "disconnect")
            asked = {slug: simulator.control.stats()[slug]["requests"]["stream"] for slug in SLUGS}
            await asyncio.sleep(4)
            tries = {
                slug: simulator.control.stats()[slug]["requests"]["stream"] - count for slug, count in asked.items()
            }
            for each in found:
                set_book(simulator, each.slug, "44000", "44001")
            for each in found:
                await until(lambda: each.best() == prices("44000", "44001"), f"{each.slug} by questions")  # noqa: B023
            return tries

    tries = asyncio.run(run())

    assert all(1 <= count <= 5 for count in tries.values()), tries
