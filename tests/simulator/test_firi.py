"""Firi's protocol, through a client that signs."""

import re
from typing import Any

import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .clients import FiriClient, send


def fields(order: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(order[name] for name in names)


def test_time_is_in_seconds(firi: FiriClient) -> None:
    assert abs(firi.get("/time")["time"] - firi.clock()) < 2


def test_markets_and_tickers(firi: FiriClient) -> None:
    firi.order("bid", "0.1", "510000.00")

    markets = {market.pop("id"): market for market in firi.get("/v2/markets")}

    assert list(markets) == ["BTCNOK", "ETHNOK", "BTCDKK"]
    assert fields(markets["BTCNOK"], "last", "volume") == ("510000.00", "0.10000000")
    assert fields(markets["BTCDKK"], "high", "low", "volume", "change") == ("0", "0", "0", "0")
    assert firi.get("/v2/markets/btcnok") == markets["BTCNOK"]
    ticker = firi.get("/v2/markets/BTCNOK/ticker")
    assert ticker == {
        "bid": "500000.0000000000000000",
        "ask": "510000.0000000000000000",
        "spread": "10000.0000000000000000",
    }
    assert {"market": "BTCNOK", **ticker} in firi.get("/v2/markets/tickers")


def test_the_depth_can_be_cut_on_each_side(firi: FiriClient) -> None:
    assert firi.get("/v2/markets/BTCNOK/depth", bids=1, asks=2) == {
        "bids": [["500000.00", "0.50000000"]],
        "asks": [["510000.00", "0.50000000"], ["511000.00", "1.00000000"]],
    }


def test_the_danish_book_is_empty(firi: FiriClient) -> None:
    assert firi.get("/v2/markets/BTCDKK/depth") == {"bids": [], "asks": []}
    assert firi.get("/v2/markets/BTCDKK/ticker")["bid"] == "0.0000000000000000"


def test_an_order_answers_its_id_alone_and_can_be_looked_up(firi: FiriClient) -> None:
    status, answer = firi.request(
        "POST", "/v2/orders", {"market": "BTCNOK", "type": "bid", "price": "400000.00", "amount": "0.100000"}
    )

    order = firi.get(f"/v2/order/{answer['id']}")

    assert (status, list(answer)) == (200, ["id"])
    assert fields(order, "id", "market", "type") == (answer["id"], "BTCNOK", "bid")
    assert fields(order, "price", "amount", "remaining", "matched", "cancelled") == (
        "400000.00",
        "0.10000000",
        "0.10000000",
        "0.00000000",
        "0.00000000",
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", order["created_at"])
    assert firi.get("/v2/orders") == firi.get("/v2/orders/BTCNOK") == [order]
    assert firi.get("/v2/orders/ETHNOK") == []


def test_ids_grow(firi: FiriClient) -> None:
    ids = [firi.order("bid", "0.001", "400000.00") for _ in range(3)]

    assert ids == sorted(set(ids))
    assert [order["id"] for order in firi.get("/v2/orders")] == ids[::-1]


def test_a_crossing_limit_order_fills_like_a_market_order(firi: FiriClient) -> None:
    order_id = firi.order("bid", "0.6", "511000.00")

    order = firi.get(f"/v2/order/{order_id}")

    assert fields(order, "matched", "remaining") == ("0.60000000", "0.00000000")
    assert firi.get("/v2/orders") == []
    assert firi.get("/v2/orders/history") == firi.get("/v2/orders/BTCNOK/history", count=5) == [order]
    # 0.5 x 510000 + 0.1 x 511000, and 0.5 % of it as fee.
    balances = {row["currency"]: row for row in firi.get("/v2/balances")}
    assert balances["NOK"]["balance"] == "692369.50"
    assert balances["BTC"]["balance"] == "2.60000000"


def test_the_market_history_shows_trades_newest_first(firi: FiriClient) -> None:
    firi.order("bid", "0.1", "510000.00")
    firi.order("ask", "0.2", "500000.00")

    newest, oldest = firi.get("/v2/markets/BTCNOK/history")

    assert fields(newest, "type", "amount", "price", "total") == ("ask", "0.20000000", "500000.00", "100000.00")
    assert fields(oldest, "type", "amount", "price", "total") == ("bid", "0.10000000", "510000.00", "51000.00")
    assert firi.get("/v2/markets/BTCNOK/history", count=1) == [newest]


def test_the_balance_shows_what_open_orders_hold(firi: FiriClient) -> None:
    firi.order("bid", "0.1", "400000.00")

    balances = {row["currency"]: row for row in firi.get("/v2/balances")}

    assert fields(balances["NOK"], "balance", "hold", "available") == ("1000000.00", "40200.00", "959800.00")
    assert fields(balances["BTC"], "balance", "hold", "available") == ("2.00000000", "0.00000000", "2.00000000")


@pytest.mark.parametrize("path", ["/v2/orders/{id}/BTCNOK/detailed", "/v2/orders/{id}/detailed"])
def test_a_detailed_cancel_answers_what_was_matched(firi: FiriClient, path: str) -> None:
    order_id = firi.order("bid", "0.7", "510000.00")

    status, answer = firi.request("DELETE", path.format(id=order_id))

    assert (status, answer) == (200, {"matched": "0.50000000"})
    order = firi.get(f"/v2/order/{order_id}")
    assert fields(order, "matched", "remaining", "cancelled") == ("0.50000000", "0.00000000", "0.20000000")


def test_the_older_cancel_answers_nothing(firi: FiriClient) -> None:
    order_id = firi.order("bid", "0.1", "400000.00")

    assert firi.request("DELETE", f"/v2/orders/{order_id}") == (204, "")
    assert firi.get("/v2/orders") == []


def test_cancel_all_of_a_market_and_of_everything(firi: FiriClient) -> None:
    firi.order("bid", "0.1", "400000.00")
    ether = firi.order("bid", "1", "20000.00", market="ETHNOK")

    assert firi.request("DELETE", "/v2/orders/BTCNOK") == (204, "")
    assert [order["id"] for order in firi.get("/v2/orders")] == [ether]
    assert firi.request("DELETE", "/v2/orders") == (204, "")
    assert firi.get("/v2/orders") == []


def test_a_cancel_with_an_empty_id_cancels_everything(firi: FiriClient) -> None:
    """The trap clients must guard against: the URL of one order without its id is the URL of all."""
    firi.order("bid", "0.1", "400000.00")

    assert firi.request("DELETE", "/v2/orders/") == (204, "")
    assert firi.get("/v2/orders") == []


def test_cancelling_what_is_not_open(firi: FiriClient) -> None:
    filled = firi.order("bid", "0.1", "510000.00")

    for order_id, market in ((filled, "BTCNOK"), (1, "BTCNOK"), (filled, "ETHNOK")):
        status, answer = firi.request("DELETE", f"/v2/orders/{order_id}/{market}/detailed")
        assert (status, answer["name"]) == (404, "OrderNotFound")


def test_closed_orders_can_be_told_apart(firi: FiriClient) -> None:
    matched = firi.order("bid", "0.1", "510000.00")
    cancelled = firi.order("bid", "0.1", "400000.00")
    firi.request("DELETE", f"/v2/orders/{cancelled}")

    def ids(**query: str) -> list[int]:
        return [order["id"] for order in firi.get("/v2/history/orders/BTCNOK", **query)]

    assert ids() == ids(type="both") == [cancelled, matched]
    assert (ids(type="matched"), ids(type="cancelled")) == ([matched], [cancelled])
    assert len(firi.get("/v2/history/orders")) == 2


def test_transactions_list_both_sides_of_a_match(firi: FiriClient) -> None:
    firi.order("bid", "0.1", "510000.00")

    base, quote = firi.get("/v2/history/transactions", direction="end")

    assert fields(base, "currency", "amount", "type") == ("BTC", "0.10000000", "Match")
    assert fields(quote, "currency", "amount", "type") == ("NOK", "-51255.00", "Match")
    year, month = base["date"][:4], int(base["date"][5:7])
    assert firi.get(f"/v2/history/transactions/{month}/{year}") == [base, quote]
    assert firi.get("/v2/history/transactions/2001") == []


@pytest.mark.parametrize(
    ("changes", "status", "name"),
    [
        ({"market": "BTCEUR"}, 404, "MarketNotFound"),
        ({"type": "buy"}, 400, "InvalidType"),
        ({"price": "400000.001"}, 400, "InvalidPrice"),
        ({"price": "0"}, 400, "InvalidPrice"),
        ({"price": "-1"}, 400, "InvalidPrice"),
        ({"price": 400000}, 400, "InvalidBody"),
        ({"amount": "0.000000001"}, 400, "InvalidAmount"),
        ({"amount": "0.00009"}, 400, "InvalidAmount"),
        ({"amount": "3"}, 400, "InsufficientFunds"),
    ],
)
def test_a_bad_order_is_refused_and_not_placed(
    firi: FiriClient, control: SimulatorControl, changes: dict[str, object], status: int, name: str
) -> None:
    body = {"market": "BTCNOK", "type": "bid", "price": "400000.00", "amount": "0.1", **changes}

    answered, answer = firi.request("POST", "/v2/orders", body)

    assert (answered, answer["name"]) == (status, name)
    assert control.ledger() == []


def test_the_same_order_twice_is_two_orders(firi: FiriClient, control: SimulatorControl) -> None:
    assert firi.order("bid", "0.1", "400000.00") != firi.order("bid", "0.1", "400000.00")
    assert [entry["client_order_id"] for entry in control.ledger()] == [None, None]


@pytest.mark.parametrize("prefix", ["firi", "miraiex"])
@pytest.mark.parametrize("how", ["key", "signature", "both"])
def test_both_ways_to_authenticate_work_with_both_prefixes(
    simulator: RunningSimulator, firi: FiriClient, prefix: str, how: str
) -> None:
    signed = {"client_id": "user-1", "secret": "firi-secret"} if how != "key" else {}
    key = {"api_key": "firi-key"} if how != "signature" else {}
    client = FiriClient(simulator.base_urls["firi"], prefix=prefix, **signed, **key)

    assert client.order("bid", "0.1", "400000.00") > 0
    assert len(client.get("/v2/orders", count=10)) == 1


def test_unknown_keys_and_wrong_signatures_are_refused(simulator: RunningSimulator, firi: FiriClient) -> None:
    url = simulator.base_urls["firi"]

    def refusal(client: FiriClient) -> tuple[int, str]:
        status, answer = client.request("GET", "/v2/balances")
        return status, answer["name"]

    assert refusal(FiriClient(url)) == (401, "ApiKeyNotFound")
    assert refusal(FiriClient(url, api_key="nobody")) == (401, "ApiKeyNotFound")
    assert refusal(FiriClient(url, client_id="nobody", secret="firi-secret")) == (401, "ApiKeyNotFound")
    assert refusal(FiriClient(url, client_id="user-1", secret="wrong")) == (401, "Invalid Signature")
    assert refusal(FiriClient(url, client_id="user-1", secret="wrong", api_key="firi-key")) == (
        401,
        "Invalid Signature",
    )


@pytest.mark.parametrize("offset_s", [-4, 120])
def test_a_signature_outside_its_validity_is_refused(firi: FiriClient, offset_s: int) -> None:
    clock = firi.clock
    firi.clock = lambda: clock() + offset_s

    status, answer = firi.request("GET", "/v2/balances")

    assert (status, answer["name"]) == (401, "Expired Signature")


def test_a_longer_validity_lets_an_older_signature_in(firi: FiriClient) -> None:
    clock = firi.clock
    firi.clock = lambda: clock() - 4
    firi.validity = "9000"

    assert firi.request("GET", "/v2/balances")[0] == 200


def test_the_body_is_part_of_the_signature(simulator: RunningSimulator, firi: FiriClient) -> None:
    class Tampering(FiriClient):
        def _sign(self, signed: dict[str, str], body: object) -> str:
            return super()._sign(signed, {**body, "amount": "0.2"} if isinstance(body, dict) else body)

    client = Tampering(simulator.base_urls["firi"], client_id="user-1", secret="firi-secret")

    status, answer = client.request(
        "POST", "/v2/orders", {"market": "BTCNOK", "type": "bid", "price": "400000.00", "amount": "0.1"}
    )

    assert (status, answer["name"]) == (401, "Invalid Signature")


def test_market_data_needs_no_key(simulator: RunningSimulator) -> None:
    status, _, _ = send(simulator.base_urls["firi"], "GET", "/v2/markets")

    assert status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "name"),
    [
        ("GET", "/v2/nothing", 404, "NotFound"),
        ("GET", "/v2/markets/BTCEUR", 404, "MarketNotFound"),
        ("GET", "/v2/order/17", 404, "OrderNotFound"),
        ("GET", "/v2/orders?count=all", 400, "InvalidCount"),
        ("GET", "/v2/history/orders?type=open", 400, "InvalidType"),
        ("GET", "/v2/history/transactions/may", 404, "NotFound"),
    ],
)
def test_other_errors(
    simulator: RunningSimulator, firi: FiriClient, method: str, path: str, status: int, name: str
) -> None:
    answered, answer, _ = send(simulator.base_urls["firi"], method, path, None, {"firi-access-key": "firi-key"})

    assert (answered, answer["name"]) == (status, name)
