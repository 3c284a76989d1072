"""Streamed books: ccxt.pro's clients against the simulator's websockets."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from execution.exchanges.registry import AdapterPool
from execution.exchanges.streaming import STREAMED, BookStream, LiveBook, StreamBroken
from execution.simulator.process import RunningSimulator, running_simulator

SLUGS = tuple(sorted(STREAMED))
SYMBOL = "BTC/USDT"
BIDS, ASKS = [("49990.0", "1"), ("49980.0", "2")], [("50010.0", "1"), ("50020.0", "2")]


@pytest.fixture(scope="module")
def process():
    with running_simulator(seed=7, tick_ms=0) as running:
        yield running


@pytest.fixture
def simulator(process: RunningSimulator) -> RunningSimulator:
    process.control.reset(7)
    for slug in SLUGS:
        process.control.set_book(slug, SYMBOL, bids=BIDS, asks=ASKS)
    return process


@asynccontextmanager
async def streaming(simulator: RunningSimulator, slug: str) -> AsyncIterator[BookStream]:
    pool = AdapterPool(base_urls=simulator.base_urls, timeout_s=2)
    stream = pool.stream(slug)
    assert stream is not None
    try:
        yield stream
    finally:
        await stream.close()
        await pool.close()


async def until(stream: BookStream, wanted: Callable[[LiveBook], bool], within_s: float = 5) -> LiveBook:
    """The first book that is as wanted; breaks on the way are followed by the next try."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                book = await stream.wait(SYMBOL)
            except StreamBroken:
                continue
            if wanted(book):
                return book


async def breaking(stream: BookStream, within_s: float = 5) -> str:
    """Why the stream broke, once it does."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                await stream.wait(SYMBOL)
            except StreamBroken as e:
                return e.reason


def delist(stream: BookStream, symbol: str) -> None:
    """A pair that the client believes in and the exchange has not."""
    client = stream._client
    market = client.markets[SYMBOL]
    gone = {**market, "symbol": symbol, "id": market["id"].replace("BTC", "GONE")}
    client.markets[symbol], client.markets_by_id[gone["id"]] = gone, [gone]


def best(book: LiveBook) -> tuple[float, float]:
    return book.bids[0][0], book.asks[0][0]


@pytest.mark.parametrize("slug", SLUGS)
def test_a_book_arrives_and_follows_the_exchange(simulator, slug):
    async def run():
        async with streaming(simulator, slug) as stream:
            first = await until(stream, lambda book: True)
            seen = best(first), first.sequence
            simulator.control.set_book(slug, SYMBOL, bids=BIDS[1:], asks=[("50005.0", "0.5"), *ASKS])
            then = await until(stream, lambda book: best(book) != seen[0])
            return seen, best(then), [list(row[:2]) for row in then.asks], then

    (first, sequence), second, asks, book = asyncio.run(run())

    assert (first, second) == ((49990.0, 50010.0), (49980.0, 50005.0))
    assert asks == [[50005.0, 0.5], [50010.0, 1.0], [50020.0, 2.0]]
    assert book.sequence > sequence
    assert abs(time.time() - book.exchange_time) < 5


@pytest.mark.parametrize("slug", SLUGS)
def test_a_lost_update_is_noticed_and_the_book_begins_anew(simulator, slug):
    async def run():
        async with streaming(simulator, slug) as stream:
            await until(stream, lambda book: True)
            simulator.control.break_streams(slug, "gap")
            simulator.control.set_book(slug, SYMBOL, bids=[("49000.0", "1")], asks=[("49001.0", "1")])
            await asyncio.sleep(0.2)
            simulator.control.set_book(slug, SYMBOL, bids=[("48000.0", "1")], asks=[("49001.0", "2")])
            reason = await breaking(stream)
            book = await until(stream, lambda book: True)
            return reason, [list(row[:2]) for row in (*book.bids, *book.asks)]

    assert asyncio.run(run()) == ("gap", [[48000.0, 1.0], [49001.0, 2.0]])


@pytest.mark.parametrize("slug", SLUGS)
def test_a_cut_connection_is_told_and_opened_again(simulator, slug):
    async def run():
        async with streaming(simulator, slug) as stream:
            await until(stream, lambda book: True)
            simulator.control.break_streams(slug, "disconnect")
            return await breaking(stream), best(await until(stream, lambda book: True))

    assert asyncio.run(run()) == ("connection", (49990.0, 50010.0))


@pytest.mark.parametrize("slug", SLUGS)
def test_a_refused_stream_is_told(simulator, slug):
    async def run():
        async with streaming(simulator, slug) as stream:
            with pytest.raises(StreamBroken) as broken:
                await stream.wait(SYMBOL)
            return broken.value.reason

    simulator.control.configure(slug, stream_refused=True)

    assert asyncio.run(run()) == "connection"


@pytest.mark.parametrize("slug", SLUGS)
def test_a_pair_that_nobody_lists_is_refused_before_anything_is_sent(simulator, slug):
    async def run():
        async with streaming(simulator, slug) as stream:
            with pytest.raises(StreamBroken) as broken:
                await stream.wait("NOPE/USDT")
            return broken.value.reason, stream.book("NOPE/USDT"), dict(stream._client.clients or {})

    assert asyncio.run(run()) == ("refused", None, {})


@pytest.mark.parametrize("slug", ["coinbase", "kucoin", "okx"])
def test_a_pair_that_the_stream_refuses_costs_the_others_nothing(simulator, slug):
    """It was listed when the pairs were read."""

    async def run():
        async with streaming(simulator, slug) as stream:
            await until(stream, lambda book: True)
            delist(stream, "GONE/USDT")
            (before,) = stream._client.clients.values()
            waiting = asyncio.create_task(stream.wait(SYMBOL))
            for _ in range(2):  # asked for again, it is refused again
                with pytest.raises(StreamBroken) as broken:
                    async with asyncio.timeout(2):
                        await stream.wait("GONE/USDT")
                assert broken.value.reason == "refused"
            simulator.control.set_book(slug, SYMBOL, bids=BIDS[1:], asks=ASKS)
            async with asyncio.timeout(2):
                seen = best(await waiting)
            assert list(stream._client.clients.values()) == [before]
            return seen

    assert asyncio.run(run()) == (49980.0, 50010.0)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_message_that_cannot_be_read_ends_the_connection_and_not_the_reading(simulator, slug):
    """ccxt's own receiving would end in silence."""
    unreadable = ('{"channel": "book", "data": NaN}', '{"broken', '[{"T": "o", "p": NaN}]')

    async def run(text):
        async with streaming(simulator, slug) as stream:
            await until(stream, lambda book: True)
            (client,) = stream._client.clients.values()
            waiting = asyncio.create_task(breaking(stream))
            await asyncio.sleep(0.02)
            client.handle_text_or_binary_message(text)
            assert await waiting == "connection"
            return best(await until(stream, lambda book: True))

    for text in unreadable:
        assert asyncio.run(run(text)) == (49990.0, 50010.0)


def test_an_error_while_a_message_is_handled_ends_the_connection_and_not_the_reading(simulator):
    async def run():
        async with streaming(simulator, "kraken") as stream:
            await until(stream, lambda book: True)
            (client,) = stream._client.clients.values()
            waiting = asyncio.create_task(breaking(stream))
            await asyncio.sleep(0.02)
            stream._client.handle_message(client, {"channel": "book", "type": "update", "data": "nonsense"})
            assert await waiting == "connection"
            return best(await until(stream, lambda book: True))

    assert asyncio.run(run()) == (49990.0, 50010.0)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_dropped_stream_begins_anew(simulator, slug):
    async def run():
        async with streaming(simulator, slug) as stream:
            await until(stream, lambda book: True)
            waiting = asyncio.create_task(breaking(stream))
            await asyncio.sleep(0.02)
            stream.restart(SYMBOL, "it says nothing")
            assert stream.book(SYMBOL) is None
            assert await waiting == "restart"
            return best(await until(stream, lambda book: True))

    assert asyncio.run(run()) == (49990.0, 50010.0)


@pytest.mark.parametrize("slug", ["coinbase", "kucoin", "okx"])
def test_a_book_is_subscribed_to_again_over_the_same_connection(simulator, slug):
    async def run():
        async with streaming(simulator, slug) as stream:
            await until(stream, lambda book: True)
            (before,) = stream._client.clients.values()
            waiting = asyncio.create_task(breaking(stream))
            await asyncio.sleep(0.02)
            stream.resubscribe(SYMBOL, "no book came")
            assert await waiting == "restart"
            book = await until(stream, lambda book: True)
            assert list(stream._client.clients.values()) == [before]
            return best(book)

    assert asyncio.run(run()) == (49990.0, 50010.0)


def test_subscriptions_are_spread_over_time(simulator):
    """Binance closes a connection that says more than five things a second."""

    async def run():
        async with streaming(simulator, "binance") as stream:
            began = time.monotonic()
            await asyncio.gather(*(stream.wait(symbol) for symbol in (SYMBOL, "ETH/USDT", "SOL/USDT")))
            return time.monotonic() - began

    assert asyncio.run(run()) >= 2 * STREAMED["binance"].pace_s


def test_exchanges_without_a_stream_have_none(simulator):
    async def run():
        pool = AdapterPool(base_urls=simulator.base_urls, timeout_s=2)
        try:
            return pool.stream("firi"), pool.stream("alpaca")
        finally:
            await pool.close()

    assert asyncio.run(run()) == (None, None)
