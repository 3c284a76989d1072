"""What Kraken tells everybody, read by ccxt."""

from decimal import Decimal

import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .clients import BlockingClient, send


def test_load_markets_maps_xbt_and_the_prefixed_ids(kraken: BlockingClient, control: SimulatorControl) -> None:
    markets = kraken.load_markets()

    assert list(markets) == ["BTC/USD", "BTC/USDT", "ETH/USD", "ETH/USDT", "SOL/USD"]
    assert [market["id"] for market in markets.values()] == ["XXBTZUSD", "XBTUSDT", "XETHZUSD", "ETHUSDT", "SOLUSD"]
    market = markets["BTC/USD"]
    assert (market["altname"], market["wsId"], market["active"]) == ("XBTUSD", "XBT/USD", True)
    assert (market["precision"]["price"], market["precision"]["amount"]) == ("0.1", "0.00000001")
    assert (market["limits"]["amount"]["min"], market["limits"]["cost"]["min"]) == ("0.00005", "0.5")
    assert (Decimal(market["taker"]), Decimal(market["maker"])) == (Decimal("0.004"), Decimal("0.0025"))
    assert control.stats()["kraken"]["requests"] == {"load_markets": 2}


def test_the_order_book_is_what_was_set(kraken: BlockingClient) -> None:
    book = kraken.fetch_order_book("BTC/USD", 5)

    rows = [(float(price), float(amount)) for price, amount, _ in book["bids"] + book["asks"]]
    assert rows == [(49990.0, 1.0), (49980.0, 2.0), (50010.0, 1.0), (50020.0, 2.0)]


def test_time_and_status(kraken: BlockingClient) -> None:
    assert abs(kraken.fetch_time() - kraken.milliseconds()) < 2_000
    assert kraken.fetch_status()["status"] == "ok"


def test_tickers(kraken: BlockingClient) -> None:
    kraken.create_order("BTC/USD", "market", "buy", "0.5")

    ticker = kraken.fetch_ticker("BTC/USD")

    assert (Decimal(ticker["bid"]), Decimal(ticker["ask"]), Decimal(ticker["last"])) == (49990, 50010, 50010)
    assert Decimal(ticker["baseVolume"]) == Decimal("0.5")
    assert sorted(kraken.fetch_tickers(["BTC/USD", "ETH/USD"])) == ["BTC/USD", "ETH/USD"]
    assert len(kraken.fetch_tickers()) == 5


@pytest.mark.parametrize("name", ["XXBTZUSD", "XBTUSD", "XBT/USD"])
def test_a_pair_is_known_by_its_id_altname_and_wsname(simulator: RunningSimulator, name: str) -> None:
    _, answer, _ = send(simulator.base_urls["kraken"], "GET", f"/0/public/Ticker?pair={name}")

    assert (answer["error"], list(answer["result"])) == ([], ["XXBTZUSD"])


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/0/public/Depth?pair=XBTEUR", "EQuery:Unknown asset pair"),
        ("/0/public/Depth?pair=XBTUSD&count=many", "EGeneral:Invalid arguments:count"),
        ("/0/public/Nothing", "EGeneral:Unknown method"),
    ],
)
def test_public_errors_come_with_200(simulator: RunningSimulator, path: str, error: str) -> None:
    status, answer, _ = send(simulator.base_urls["kraken"], "GET", path)

    assert (status, answer) == (200, {"error": [error]})
