"""OKX's market data, as ccxt sees it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .clients import BlockingClient, send
from .okx_client import open_okx, raw

SYMBOL = "BTC/USDT"


@pytest.fixture
def okx(simulator: RunningSimulator, connect: Callable[[Any], BlockingClient]) -> BlockingClient:
    return open_okx(simulator, connect)


def test_markets_have_their_steps_and_no_minimum_value(okx: BlockingClient) -> None:
    markets = okx.load_markets()

    market = markets[SYMBOL]
    assert (market["id"], market["spot"], market["active"]) == ("BTC-USDT", True, True)
    assert (market["precision"], market["limits"]["amount"]["min"]) == (
        {"amount": "0.00000001", "price": "0.1"},
        "0.00001",
    )
    assert market["limits"]["cost"]["min"] is None
    assert set(markets) == {"BTC/USDT", "ETH/USDT", "SOL/USDT", "BTC/USD"}


def test_one_instrument_and_other_types(okx: BlockingClient) -> None:
    [one] = raw(okx, "public_get_public_instruments", {"instType": "SPOT", "instId": "ETH-USDT"})

    assert (one["instId"], one["tickSz"], one["minSz"]) == ("ETH-USDT", "0.01", "0.0001")
    assert raw(okx, "public_get_public_instruments", {"instType": "SWAP"}) == []


def test_the_book_has_four_columns_and_a_depth(okx: BlockingClient) -> None:
    book = okx.fetch_order_book(SYMBOL, 20)
    [best] = raw(okx, "public_get_market_books", {"instId": "BTC-USDT", "sz": 1})

    assert [row[:2] for row in book["asks"]] == [[50010, 1], [50020, 2]]
    assert (best["asks"], best["bids"]) == ([["50010", "1", "0", "1"]], [["49990", "1", "0", "1"]])


def test_time_and_status(okx: BlockingClient, control: SimulatorControl) -> None:
    assert abs(okx.fetch_time() - okx.milliseconds()) < 5_000
    assert okx.fetch_status()["status"] == "ok"

    control.configure("okx", maintenance=True)

    assert okx.fetch_status()["status"] == "maintenance"
    with pytest.raises(ccxt.OnMaintenance, match="50001"):
        okx.fetch_time()


def test_tickers(okx: BlockingClient) -> None:
    ticker = okx.fetch_ticker(SYMBOL)

    assert [Decimal(ticker[name]) for name in ("bid", "ask", "bidVolume", "askVolume")] == [49990, 50010, 1, 1]
    assert set(okx.fetch_tickers(params={"instType": "SPOT"})) >= {"BTC/USDT", "ETH/USDT"}


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/api/v5/public/instruments", 400, "50014"),
        ("/api/v5/public/instruments?instType=COINS", 400, "51000"),
        ("/api/v5/market/books", 400, "50014"),
        ("/api/v5/market/books?instId=BTC-EUR", 200, "51001"),
        ("/api/v5/market/books?instId=BTC-USDT&sz=many", 400, "51000"),
        ("/api/v5/market/books?instId=BTC-USDT&sz=401", 400, "51000"),
    ],
)
def test_bad_questions_get_okxs_errors(simulator: RunningSimulator, target: str, status: int, code: str) -> None:
    got, answer, _ = send(simulator.base_urls["okx"], "GET", target)

    assert (got, answer["code"], answer["data"]) == (status, code, [])


def test_unknown_paths_and_methods(simulator: RunningSimulator) -> None:
    host = simulator.base_urls["okx"]

    assert send(host, "GET", "/api/v5/nothing")[0] == 404
    status, answer, _ = send(host, "DELETE", "/api/v5/trade/order")
    assert (status, answer["code"]) == (405, "50115")
