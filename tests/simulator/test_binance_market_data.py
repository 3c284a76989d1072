"""What Binance tells everybody, read by ccxt."""

from decimal import Decimal

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .clients import BlockingClient, send


def test_load_markets_gives_ccxt_every_rule_of_the_table(binance: BlockingClient) -> None:
    markets = binance.load_markets()

    assert list(markets) == ["BTC/USDT", "ETH/USDT", "SOL/USDT", "ETH/BTC"]
    market = markets["BTC/USDT"]
    assert (market["id"], market["spot"], market["active"]) == ("BTCUSDT", True, True)
    assert Decimal(market["precision"]["price"]) == Decimal("0.01")
    assert Decimal(market["precision"]["amount"]) == Decimal("0.00001")
    assert Decimal(market["limits"]["amount"]["min"]) == Decimal("0.00001")
    assert Decimal(market["limits"]["cost"]["min"]) == 5


def test_loading_markets_takes_one_request(binance: BlockingClient, control: SimulatorControl) -> None:
    binance.load_markets()

    assert control.stats()["binance"]["requests"] == {"load_markets": 1}


def test_the_order_book_is_what_was_set(binance: BlockingClient) -> None:
    book = binance.fetch_order_book("BTC/USDT", 5)

    assert book["bids"] == [[49990.0, 1.0], [49980.0, 2.0]]
    assert book["asks"] == [[50010.0, 1.0], [50020.0, 2.0]]
    assert book["nonce"] > 0


def test_clients_orders_are_part_of_the_book(binance: BlockingClient) -> None:
    before = binance.fetch_order_book("BTC/USDT")["nonce"]
    binance.create_order("BTC/USDT", "limit", "buy", "0.5", "49990")

    book = binance.fetch_order_book("BTC/USDT")

    assert book["bids"][0] == [49990.0, 1.5]
    assert book["nonce"] > before


def test_time_and_status(binance: BlockingClient) -> None:
    assert abs(binance.fetch_time() - binance.milliseconds()) < 1_000
    assert binance.fetch_status()["status"] == "ok"


def test_tickers_show_the_best_prices_and_the_day(binance: BlockingClient) -> None:
    binance.create_order("BTC/USDT", "market", "buy", "0.5")

    ticker = binance.fetch_ticker("BTC/USDT")
    tickers = binance.fetch_tickers(["BTC/USDT", "ETH/USDT"])

    assert (Decimal(ticker["bid"]), Decimal(ticker["ask"])) == (Decimal("49990"), Decimal("50010"))
    assert (Decimal(ticker["last"]), Decimal(ticker["baseVolume"])) == (Decimal("50010"), Decimal("0.5"))
    assert Decimal(ticker["quoteVolume"]) == Decimal("25005")
    assert sorted(tickers) == ["BTC/USDT", "ETH/USDT"]


def test_before_the_first_trade_the_middle_of_the_book_is_the_last_price(binance: BlockingClient) -> None:
    assert Decimal(binance.fetch_ticker("BTC/USDT")["last"]) == Decimal("50000")


def test_bids_and_asks_of_all_markets_come_in_one_call(binance: BlockingClient) -> None:
    best = binance.fetch_bids_asks()

    assert len(best) == 4
    assert Decimal(best["BTC/USDT"]["bidVolume"]) == 1


def test_an_unknown_symbol_is_refused(binance: BlockingClient) -> None:
    [raised] = binance.together(lambda client: client.public_get_depth({"symbol": "BTCEUR"}))

    assert type(raised) is ccxt.BadSymbol


def test_answers_carry_the_used_weight(simulator: RunningSimulator) -> None:
    host = simulator.base_urls["binance"]
    send(host, "GET", "/api/v3/exchangeInfo")

    _, _, headers = send(host, "GET", "/api/v3/time")

    assert headers["X-MBX-USED-WEIGHT-1M"] == "21"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/api/v3/nothing", 404), ("PUT", "/api/v3/order", 405)])
def test_paths_that_are_not_there_answer_html(simulator: RunningSimulator, method: str, path: str, status: int) -> None:
    answered, body, _ = send(simulator.base_urls["binance"], method, path)

    assert answered == status
    assert "<html>" in body
