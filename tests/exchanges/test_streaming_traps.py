"""What only one exchange's stream does: numbers that repeat, aliases, tokens, books that are known in part."""

import asyncio
import time

import pytest

from execution.exchanges.streaming import StreamBroken
from execution.exchanges.streaming.clients import kucoin
from execution.simulator.process import RunningSimulator
from tests.exchanges.test_streaming import BIDS, SYMBOL, best, breaking, process, simulator, streaming, until

__all__ = ["process", "simulator"]


def requests(simulator: RunningSimulator, slug: str, operation: str) -> int:
    return int(simulator.control.stats()[slug]["requests"].get(operation, 0))


def okx_update(number: int, before: int, bids=()) -> dict:
    arg = {"channel": "books", "instId": "BTC-USDT"}
    data = {"asks": [], "bids": list(bids), "ts": "1", "checksum": 0, "seqId": number, "prevSeqId": before}
    return {"arg": arg, "action": "update", "data": [data]}


def test_okx_repeats_a_number_where_nothing_changes_and_may_begin_anew_below_it(simulator):
    async def run():
        async with streaming(simulator, "okx") as stream:
            number = (await until(stream, lambda book: True)).sequence
            (client,) = stream._client.clients.values()
            stream._client.handle_message(client, okx_update(number, number))
            stream._client.handle_message(client, okx_update(3, number, [("49991", "1", "0", "1")]))
            after_maintenance = best(stream.book(SYMBOL)), stream.book(SYMBOL).sequence
            waiting = asyncio.create_task(breaking(stream))
            await asyncio.sleep(0.02)
            stream._client.handle_message(client, okx_update(number + 9, number, [("49999", "1", "0", "1")]))
            assert stream.book(SYMBOL) is None, "what does not fit is not put into the book"
            return after_maintenance, await waiting

    assert asyncio.run(run()) == (((49991.0, 50010.0), 3), "gap")


def test_coinbase_is_kept_open_by_heartbeats_whose_numbers_count(simulator):
    async def run():
        async with streaming(simulator, "coinbase") as stream:
            await until(stream, lambda book: True)
            (client,) = stream._client.clients.values()
            before = client.last_number
            async with asyncio.timeout(4):
                while client.last_number < before + 2:  # its confirmation, and the first of them
                    await asyncio.sleep(0.05)
            waiting = asyncio.create_task(breaking(stream))
            await asyncio.sleep(0.02)
            lost = {"channel": "heartbeats", "sequence_num": client.last_number + 2, "events": []}
            stream._client.handle_message(client, lost)
            return await waiting

    assert asyncio.run(run()) == "gap"


def test_coinbases_books_in_usdc_are_those_in_usd(simulator):
    """Asked for BTC-USDC, it sends BTC-USD."""

    async def run():
        async with streaming(simulator, "coinbase") as stream:
            await until(stream, lambda book: True)  # now it has the pairs
            stream._client.markets["BTC/USDC"]["info"]["alias"] = "BTC-USD"
            async with asyncio.timeout(5):
                book = await stream.wait("BTC/USDC")
            seen = best(book), best(stream.book("BTC/USDC")), sorted(stream._client.orderbooks)
            stream.restart("BTC/USDC", "it says nothing")
            return *seen, stream.book("BTC/USDC")

    simulator.control.set_book("coinbase", "BTC/USD", bids=[("41000", "1")], asks=[("41001", "1")])

    assert asyncio.run(run()) == ((41000.0, 41001.0), (41000.0, 41001.0), ["BTC/USD", "BTC/USDT"], None)


def test_kucoin_gives_a_token_for_each_connection(simulator):
    async def run():
        async with streaming(simulator, "kucoin") as stream:
            await until(stream, lambda book: True)
            simulator.control.break_streams("kucoin", "disconnect")
            await breaking(stream)
            await until(stream, lambda book: True)

    asyncio.run(run())

    assert requests(simulator, "kucoin", "stream_token") == 2


def test_kucoin_may_not_send_us_to_a_host_of_others(simulator, monkeypatch):
    """The address of its stream comes with the token; only its own domain is believed."""
    monkeypatch.setattr(kucoin, "_DOMAIN", ".kucoin.example")

    async def run():
        async with streaming(simulator, "kucoin") as stream:
            with pytest.raises(StreamBroken) as broken:
                await stream.wait(SYMBOL)
            return broken.value.reason, dict(stream._client.clients)

    assert asyncio.run(run()) == ("connection", {})
    assert requests(simulator, "kucoin", "stream") == 0


def many(best_price: int, step: int, levels: int) -> list[tuple[str, str]]:
    return [(str(best_price + step * i), "1") for i in range(levels)]


def test_kucoins_book_shows_only_what_is_known_and_is_asked_for_again(simulator):
    """It tells a hundred levels, and the changes of all."""
    bids, asks = many(49_990, -1, 150), many(50_010, 1, 150)
    simulator.control.set_book("kucoin", SYMBOL, bids=bids, asks=asks)

    async def run():
        async with streaming(simulator, "kucoin") as stream:
            first = await until(stream, lambda book: True)
            assert (len(first.bids), len(first.asks), first.bids[99][0]) == (100, 100, 49_891.0)
            # The best sixty are taken, and one is placed far away: forty are known, and nothing below them.
            simulator.control.set_book("kucoin", SYMBOL, bids=[*bids[60:], ("49000", "3")], asks=asks)
            then = await until(stream, lambda book: book.bids[0][0] == 49_930.0)
            seen = len(then.bids), then.bids[-1][0]
            asked = requests(simulator, "kucoin", "fetch_order_book")
            stream._client._asked_at[SYMBOL] -= 10  # it was long ago
            simulator.control.set_book("kucoin", SYMBOL, bids=[*bids[61:], ("49000", "3")], asks=asks)
            again = await until(stream, lambda book: len(book.bids) > 40)
            asked = requests(simulator, "kucoin", "fetch_order_book") - asked
            return seen, (again.bids[0][0], len(again.bids), again.bids[-1][0]), asked

    assert asyncio.run(run()) == ((40, 49_891.0), (49_929.0, 90, 49_000.0), 1)


def test_kucoins_book_joins_the_changes_that_came_while_it_was_asked_for(simulator):
    simulator.control.configure("kucoin", latency_ms=400)

    async def run():
        async with streaming(simulator, "kucoin") as stream:
            waiting = asyncio.create_task(until(stream, lambda book: True))
            async with asyncio.timeout(5):
                while requests(simulator, "kucoin", "fetch_order_book") == 0:
                    await asyncio.sleep(0.01)
            for i in range(1, 6):
                simulator.control.set_book("kucoin", SYMBOL, bids=BIDS, asks=[(str(50_010 - i), "1")])
                await asyncio.sleep(0.06)
            first = await waiting
            book = first if best(first)[1] == 50_005.0 else await until(stream, lambda book: best(book)[1] == 50_005.0)
            return best(book), len(book.asks)

    assert asyncio.run(run()) == ((49_990.0, 50_005.0), 1)


def test_kucoins_price_of_nothing_is_no_level(simulator):
    async def run():
        async with streaming(simulator, "kucoin") as stream:
            number = (await until(stream, lambda book: True)).sequence + 1
            (client,) = stream._client.clients.values()
            changes = {"asks": [["0", "0", str(number)]], "bids": [["0", "5", str(number)]]}
            span = {"sequenceStart": number, "sequenceEnd": number}
            data = {"changes": changes, **span, "symbol": "BTC-USDT", "time": int(time.time() * 1000)}
            message = {"topic": "/market/level2:BTC-USDT", "subject": "trade.l2update", "data": data}
            stream._client.handle_message(client, {"type": "message", **message})
            book = stream.book(SYMBOL)
            return book.sequence == number, [row[0] for row in (*book.bids, *book.asks)]

    assert asyncio.run(run()) == (True, [49_990.0, 49_980.0, 50_010.0, 50_020.0])
