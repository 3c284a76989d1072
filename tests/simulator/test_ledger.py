"""The ledger is the truth: it equals what clients were told, and what their balances show."""

from decimal import Decimal
from typing import Any

import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .clients import BlockingClient, FiriClient, binance_client

CLIENT_ID = "0123456789abcdef0123456789abcdef"


def test_an_entry_has_everything_in_the_platforms_words(binance: BlockingClient, control: SimulatorControl) -> None:
    order = binance.create_order("BTC/USDT", "limit", "buy", "1.2", "50020", {"clientOrderId": CLIENT_ID})

    [entry] = control.ledger("binance")

    trades = entry.pop("trades")
    placed_at = entry.pop("placed_at")
    assert entry == {
        "exchange": "binance",
        "api_key": "binance-key",
        "client_order_id": CLIENT_ID,
        "exchange_order_id": order["id"],
        "symbol": "BTC/USDT",
        "side": "buy",
        "type": "limit",
        "time_in_force": "GTC",
        "amount": "1.2",
        "budget": None,
        "price": "50020",
        "status": "filled",
        "filled": "1.2",
        "notional": "60014",
        "fees": {"BTC": "0.0012"},
    }
    assert [(t["price"], t["amount"], t["fee"], t["fee_asset"], t["maker"]) for t in trades] == [
        ("50010", "1", "0.001", "BTC", False),
        ("50020", "0.2", "0.0002", "BTC", False),
    ]
    assert [trade["at"] for trade in trades] == [placed_at, placed_at]
    assert placed_at.endswith("+00:00")


def test_an_order_still_in_the_book_is_open_then_partially_filled(
    kraken: BlockingClient, control: SimulatorControl
) -> None:
    kraken.create_order("BTC/USD", "limit", "buy", "2", "49000")
    before = control.ledger()[0]["status"]
    control.set_book("kraken", "BTC/USD", asks=[("49000", "0.5")])

    assert (before, control.ledger()[0]["status"]) == ("open", "partially_filled")


def test_what_ccxt_reports_equals_the_ledger_and_the_balances(
    binance: BlockingClient, control: SimulatorControl
) -> None:
    for side, kind, amount, price in (
        ("buy", "market", "0.7", None),
        ("sell", "limit", "0.3", "49990"),
        ("buy", "limit", "0.2", "45000"),
        ("sell", "market", "0.11111", None),
    ):
        binance.create_order("BTC/USDT", kind, side, amount, price)
    binance.create_market_buy_order_with_cost("BTC/USDT", "1234.56")

    orders = {order["id"]: order for order in binance.fetch_orders("BTC/USDT")}
    trades = {trade["id"]: trade for trade in binance.fetch_my_trades("BTC/USDT")}
    entries = control.ledger()

    assert [entry["exchange_order_id"] for entry in entries] == list(orders)
    for entry in entries:
        told = orders[entry["exchange_order_id"]]
        assert (Decimal(told["filled"]), Decimal(told["cost"])) == (
            Decimal(entry["filled"]),
            Decimal(entry["notional"]),
        )
    booked = [trade for entry in entries for trade in entry["trades"]]
    assert [trade["id"] for trade in booked] == list(trades)
    for trade in booked:
        told = trades[trade["id"]]
        assert Decimal(told["fee"]["cost"]) == Decimal(trade["fee"])
    assert expected_total(entries, "BTC", Decimal(2)) == Decimal(binance.fetch_balance()["BTC"]["total"])
    assert expected_total(entries, "USDT", Decimal(100_000)) == Decimal(binance.fetch_balance()["USDT"]["total"])


def test_balances_at_kraken_and_firi_equal_the_ledger_too(
    kraken: BlockingClient, firi: FiriClient, control: SimulatorControl
) -> None:
    kraken.create_order("BTC/USD", "market", "buy", "0.12345678")
    kraken.create_order("BTC/USD", "market", "sell", "0.1")
    firi.order("bid", "0.12345678", "510000.00")
    firi.order("ask", "0.6", "499000.00")

    usd = expected_total(control.ledger("kraken"), "USD", Decimal(100_000))
    nok = expected_total(control.ledger("firi"), "NOK", Decimal(1_000_000))

    assert usd == Decimal(kraken.fetch_balance()["USD"]["total"])
    assert nok == Decimal({row["currency"]: row for row in firi.get("/v2/balances")}["NOK"]["balance"])
    assert nok == Decimal(control.accounts("firi")[0]["balances"]["NOK"]["total"])


def test_the_ledger_can_be_read_in_pages(binance: BlockingClient, firi: FiriClient, control: SimulatorControl) -> None:
    firi.order("bid", "0.1", "400000.00")
    binance.create_order("BTC/USDT", "market", "buy", "0.1")

    first = control.ledger_page()
    empty = control.ledger_page(since=first["until"])
    firi.order("bid", "0.2", "400000.00")
    second = control.ledger_page(since=first["until"])

    assert [entry["exchange"] for entry in first["orders"]] == ["firi", "binance"]
    assert empty == {"until": first["until"], "orders": []}
    assert [entry["amount"] for entry in second["orders"]] == ["0.2"]


def test_two_clients_of_one_exchange_see_two_sides_of_one_trade(
    binance: BlockingClient, simulator: RunningSimulator, connect: Any
) -> None:
    control = simulator.control
    control.set_book("binance", "BTC/USDT")
    control.upsert_account("binance", "seller", "seller-secret", {"BTC": "1"})
    seller = connect(binance_client(simulator.base_urls["binance"], "seller", "seller-secret"))
    seller.create_order("BTC/USDT", "limit", "sell", "1", "50000")

    binance.create_order("BTC/USDT", "limit", "buy", "0.4", "50000")

    [made] = seller.fetch_my_trades("BTC/USDT")
    [took] = binance.fetch_my_trades("BTC/USDT")
    assert made["id"] == took["id"]
    assert (made["takerOrMaker"], took["takerOrMaker"]) == ("maker", "taker")
    assert [entry["status"] for entry in control.ledger()] == ["partially_filled", "filled"]


@pytest.mark.parametrize("since", ["-1", "yesterday"])
def test_a_malformed_cursor_is_refused(control: SimulatorControl, since: Any) -> None:
    with pytest.raises(Exception, match="INVALID_FIELD"):
        control.ledger(since=since)


def expected_total(entries: list[dict[str, Any]], asset: str, start: Decimal) -> Decimal:
    """What an account should own after these orders, from their trades alone."""
    total = start
    for entry in entries:
        base, quote = entry["symbol"].split("/")
        sign = 1 if entry["side"] == "buy" else -1
        for trade in entry["trades"]:
            amount, price = Decimal(trade["amount"]), Decimal(trade["price"])
            total += sign * amount if asset == base else 0
            total -= sign * amount * price if asset == quote else 0
            total -= Decimal(trade["fee"]) if trade["fee_asset"] == asset else 0
    return total
