"""Lists of orders: which periods may be asked for, how pages go on, and what is forgotten with time."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import ccxt.async_support as ccxt
import pytest

from execution.simulator.client import SimulatorError
from execution.simulator.process import RunningSimulator

from .alpaca_client import open_alpaca
from .bybit_client import open_bybit
from .clients import BlockingClient
from .coinbase_client import coinbase_clients
from .kucoin_client import open_kucoin
from .okx_client import open_okx

HOUR, DAY = 3_600, 86_400
Connect = Callable[[Any], BlockingClient]


@pytest.fixture
def coinbase(simulator: RunningSimulator, runner: asyncio.Runner, connect: Connect) -> Iterator[BlockingClient]:
    for open_client in coinbase_clients(simulator, runner, connect):
        yield open_client()


def call(client: BlockingClient, name: str, **query: object) -> Any:
    """A raw request; an error is raised."""
    [answer] = client.together(lambda inner: getattr(inner, name)(query))
    if isinstance(answer, Exception):
        raise answer
    return answer


def milliseconds(ago: float = 0) -> int:
    return int((time.time() - ago) * 1000)


def cancelled(client: BlockingClient, symbol: str) -> str:
    order_id: str = client.create_order(symbol, "limit", "buy", "0.001", "40000")["id"]
    client.cancel_order(order_id, symbol)
    return order_id


def filled(client: BlockingClient, symbol: str) -> str:
    order_id: str = client.create_order(symbol, "limit", "buy", "0.001", "50020")["id"]
    return order_id


def test_orders_age_without_changing_otherwise(binance: BlockingClient, simulator: RunningSimulator) -> None:
    order_id = filled(binance, "BTC/USDT")
    before = binance.fetch_order(order_id, "BTC/USDT")

    assert simulator.control.age("binance", HOUR) == 1

    after = binance.fetch_order(order_id, "BTC/USDT")
    assert before["timestamp"] - after["timestamp"] == HOUR * 1000
    assert {**before["info"], "time": 0, "updateTime": 0, "workingTime": 0} == {
        **after["info"],
        "time": 0,
        "updateTime": 0,
        "workingTime": 0,
    }
    [trade] = binance.fetch_my_trades("BTC/USDT")
    assert trade["timestamp"] == after["timestamp"]
    with pytest.raises(SimulatorError, match="UNKNOWN_EXCHANGE"):
        simulator.control.age("nowhere", 1)
    with pytest.raises(SimulatorError, match="INVALID_FIELD"):
        simulator.control.age("binance", -1)


def test_a_fault_can_wait_for_later_requests(binance: BlockingClient, simulator: RunningSimulator) -> None:
    simulator.control.queue_fault("binance", "error_500_before", operation="fetch_order_book", after=2)

    binance.fetch_order_book("BTC/USDT")
    binance.fetch_order_book("BTC/USDT")
    with pytest.raises(ccxt.ExchangeNotAvailable):
        binance.fetch_order_book("BTC/USDT")
    binance.fetch_order_book("BTC/USDT")


def test_binance_lists_a_day_at_a_time_and_archives_what_was_never_filled(
    binance: BlockingClient, simulator: RunningSimulator
) -> None:
    bought, gone = filled(binance, "BTC/USDT"), cancelled(binance, "BTC/USDT")

    def ids(**query: object) -> list[str]:
        return [str(row["orderId"]) for row in call(binance, "private_get_allorders", symbol="BTCUSDT", **query)]

    begin = milliseconds(ago=HOUR)
    assert ids(startTime=begin, endTime=begin + DAY * 1000) == [bought, gone]
    with pytest.raises(ccxt.ExchangeError, match="-1127"):
        ids(startTime=begin, endTime=begin + DAY * 1000 + 1)
    simulator.control.age("binance", 91 * DAY)
    assert ids() == [bought]


def test_bybit_lists_a_week_at_a_time_and_forgets_what_was_never_filled(
    simulator: RunningSimulator, connect: Connect
) -> None:
    bybit = open_bybit(simulator, connect)
    bought, gone = filled(bybit, "BTC/USDT"), cancelled(bybit, "BTC/USDT")

    def ids(**query: object) -> list[str]:
        answer = call(bybit, "private_get_v5_order_history", category="spot", **query)
        return [row["orderId"] for row in answer["result"]["list"]]

    week, begin = 7 * DAY * 1000, milliseconds(ago=HOUR)
    assert ids(startTime=begin, endTime=begin + week) == ids(startTime=begin) == ids() == [gone, bought]
    with pytest.raises(ccxt.BadRequest, match="within 7 days"):
        ids(startTime=begin, endTime=begin + week + 1)
    simulator.control.age("bybit", 2 * DAY)
    assert ids() == [bought]
    simulator.control.age("bybit", 6 * DAY)
    assert ids() == ids(orderId=bought) == []
    assert ids(startTime=milliseconds(ago=9 * DAY)) == [bought]


def test_okx_forgets_the_unfilled_in_hours_and_the_rest_in_days_or_months(
    simulator: RunningSimulator, connect: Connect
) -> None:
    okx = open_okx(simulator, connect)
    bought, gone = filled(okx, "BTC/USDT"), cancelled(okx, "BTC/USDT")

    def ids(name: str = "history") -> list[str]:
        answer = call(okx, f"private_get_trade_orders_{name}", instType="SPOT")
        return [row["ordId"] for row in answer["data"]]

    assert ids() == ids("history_archive") == [gone, bought]
    simulator.control.age("okx", 2 * HOUR + 1)
    assert ids() == ids("history_archive") == [bought]
    with pytest.raises(ccxt.OrderNotFound):
        okx.fetch_order(gone, "BTC/USDT")
    simulator.control.age("okx", 7 * DAY)
    assert (ids(), ids("history_archive")) == ([], [bought])
    simulator.control.age("okx", 84 * DAY)
    assert ids("history_archive") == []


def test_kucoins_closed_orders_end_after_three_days_and_come_by_their_last_change(
    simulator: RunningSimulator, connect: Connect
) -> None:
    kucoin = open_kucoin(simulator, connect)
    early = kucoin.create_order("BTC/USDT", "limit", "buy", "0.001", "40000")["id"]
    bought = filled(kucoin, "BTC/USDT")
    kucoin.cancel_order(early, "BTC/USDT")

    def done(**query: object) -> Any:
        return call(kucoin, "private_get_hf_orders_done", symbol="BTC-USDT", **query)["data"]

    first = done(limit=1)
    second = done(limit=1, lastId=first["lastId"])
    assert [row["id"] for row in (*first["items"], *second["items"])] == [early, bought]
    assert done(limit=1, lastId=second["lastId"])["items"] == []
    begin = milliseconds(ago=HOUR)
    assert len(done(startAt=begin, endAt=begin + 7 * DAY * 1000)["items"]) == 2
    assert done(endAt=begin)["items"] == []
    with pytest.raises(ccxt.ExchangeError, match="should not exceed 7 days"):
        done(startAt=begin, endAt=begin + 7 * DAY * 1000 + 1)
    simulator.control.age("kucoin", 3 * DAY + 1)
    assert done()["items"] == []
    with pytest.raises(ccxt.OrderNotFound):
        kucoin.fetch_order(bought, "BTC/USDT")


def test_kucoins_open_orders_come_in_numbered_pages(simulator: RunningSimulator, connect: Connect) -> None:
    kucoin = open_kucoin(simulator, connect)
    ids = [kucoin.create_order("BTC/USDT", "limit", "buy", "0.001", "40000")["id"] for _ in range(3)]

    def page(**query: object) -> Any:
        asked = {"symbol": "BTC-USDT", **query}
        [answer] = kucoin.together(lambda inner: inner.request("hf/orders/active/page", ["private"], "GET", asked))
        return answer["data"]

    first, second = page(pageSize=2), page(pageSize=2, pageNum=2)
    assert [[row["id"] for row in each["items"]] for each in (first, second)] == [[ids[2], ids[1]], [ids[0]]]
    assert (first["currentPage"], first["pageSize"], first["totalNum"], first["totalPage"]) == (1, 2, 3, 2)
    assert page(symbol="ETH-USDT")["totalNum"] == 0


def test_kraken_chooses_by_the_time_of_opening_or_of_closing(
    kraken: BlockingClient, simulator: RunningSimulator
) -> None:
    early = kraken.create_order("BTC/USD", "limit", "buy", "0.001", "40000")["id"]
    simulator.control.age("kraken", HOUR)
    kraken.cancel_order(early, "BTC/USD")
    since = int(time.time()) - 60

    def closed(**query: object) -> list[str]:
        return list(call(kraken, "private_post_closedorders", start=since, **query)["result"]["closed"])

    assert closed() == closed(closetime="both") == closed(closetime="close") == [early]
    assert closed(closetime="open") == []
    with pytest.raises(ccxt.BaseError, match="closetime"):
        closed(closetime="never")


def test_coinbases_open_orders_of_all_products_end_after_one_page(coinbase: BlockingClient) -> None:
    for _ in range(3):
        coinbase.create_order("BTC/USD", "limit", "buy", "0.001", "40000")

    def listed(**query: object) -> Any:
        return call(coinbase, "v3_private_get_brokerage_orders_historical_batch", limit=2, **query)

    assert listed()["has_next"]
    assert listed(order_status="OPEN", product_id="BTC-USD")["has_next"]
    cut = listed(order_status="OPEN")
    assert (len(cut["orders"]), cut["has_next"], cut["cursor"]) == (2, False, "")
    with pytest.raises(ccxt.BadRequest, match="OPEN cannot be combined"):
        listed(order_status=["OPEN", "FILLED"])


def test_alpacas_pages_go_on_from_an_id_or_are_bounded_by_times(simulator: RunningSimulator, connect: Connect) -> None:
    alpaca = open_alpaca(simulator, connect)
    ids = [alpaca.create_order("BTC/USD", "limit", "buy", "0.001", "40000")["id"] for _ in range(4)]

    def listed(**query: object) -> list[str]:
        answer = call(alpaca, "trader_private_get_v2_orders", status="all", **query)
        return [row["id"] for row in answer]

    assert listed(direction="asc", after_order_id=ids[1], limit=1) == [ids[2]]
    assert listed(before_order_id=ids[2]) == [ids[1], ids[0]]
    then = "2020-01-01T00:00:00Z"
    for query in (
        {"after_order_id": ids[0], "before_order_id": ids[3]},
        {"after_order_id": ids[0], "after": then},
        {"before_order_id": ids[0], "until": then},
        {"after_order_id": "unknown"},
    ):
        with pytest.raises(ccxt.BadRequest):
            listed(**query)
