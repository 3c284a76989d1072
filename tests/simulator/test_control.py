"""The control endpoint, through its client."""

from typing import Any

import pytest

from execution.simulator.client import SimulatorControl, SimulatorError
from execution.simulator.dialects import DIALECTS
from execution.simulator.process import RunningSimulator

from .clients import BlockingClient, binance_client, send


def test_health_tells_the_seed_and_where_the_exchanges_are(simulator: RunningSimulator) -> None:
    assert simulator.control.health() == {"status": "ok", "seed": 7, "exchanges": simulator.base_urls}


def test_an_account_is_created_then_changed_and_never_shows_its_secret(control: SimulatorControl) -> None:
    control.upsert_account("kraken", "k", "c2VjcmV0", {"USD": "10.5", "BTC": "1"})
    control.upsert_account("kraken", "k", "bmV3", {"USD": "7"})

    [account] = control.accounts("kraken")

    assert account == {
        "exchange": "kraken",
        "api_key": "k",
        "client_id": "",
        "balances": {
            "USD": {"total": "7", "held": "0", "available": "7"},
            "BTC": {"total": "1", "held": "0", "available": "1"},
        },
    }
    assert control.accounts("binance") == []
    assert len(control.accounts()) == 1


def test_a_balance_cannot_be_set_below_what_is_held(binance: BlockingClient, control: SimulatorControl) -> None:
    binance.create_order("BTC/USDT", "limit", "buy", "1", "40000")

    with pytest.raises(SimulatorError) as refused:
        control.upsert_account("binance", "binance-key", "binance-secret", {"USDT": "39999"})

    assert (refused.value.status, refused.value.code) == (409, "FUNDS_HELD")


def test_settings_are_patched_one_by_one(control: SimulatorControl) -> None:
    control.configure("firi", latency_ms=5, frozen=True)
    control.configure("firi", fault_rate=0.5)

    settings = control.exchanges()["firi"]

    assert (settings["latency_ms"], settings["frozen"], settings["fault_rate"]) == (5.0, True, 0.5)
    assert (settings["down"], settings["symbols"]) == (False, ["BTC/NOK", "ETH/NOK", "BTC/DKK"])
    control.reset()
    assert control.exchanges()["firi"]["fault_rate"] == 0.0
    assert control.exchanges()["firi"]["hold_ms"] == 400.0


@pytest.mark.parametrize(
    "changes",
    [
        {"down": "yes"},
        {"latency_ms": -1},
        {"fault_rate": 1.1},
        {"fault_weights": {}},
        {"fault_weights": {"late": 0}},
        {"fault_weights": {"explode": 1}},
        {"fault_weights": {"late": -1}},
        {"fault_operations": "create_order"},
        {"speed": 3},
    ],
)
def test_settings_that_make_no_sense_are_refused_and_change_nothing(
    control: SimulatorControl, changes: dict[str, Any]
) -> None:
    before = control.exchanges()

    with pytest.raises(SimulatorError) as refused:
        control.configure("firi", **{"jitter_ms": 9, **changes})

    assert (refused.value.status, refused.value.code) == (400, "INVALID_SETTING")
    assert control.exchanges() == before


def test_steps_move_all_books_or_one_alone(control: SimulatorControl) -> None:
    before = {
        slug: control.book(slug, "BTC/USDT" if slug == "binance" else "BTC/USD") for slug in ("binance", "kraken")
    }

    assert control.step(3) == dict.fromkeys(DIALECTS, 3)
    assert control.step(2, exchange="kraken") == dict.fromkeys(DIALECTS, 3) | {"kraken": 5}
    assert control.book("binance", "BTC/USDT") != before["binance"]
    assert control.step() == dict.fromkeys(DIALECTS, 4) | {"kraken": 6}


def test_a_step_fills_resting_orders_the_market_crosses(simulator: RunningSimulator, connect: Any) -> None:
    control = simulator.control
    control.upsert_account("binance", "k", "s", {"USDT": "1000000"})
    client = connect(binance_client(simulator.base_urls["binance"], "k", "s"))
    best = control.book("binance", "ETH/USDT")["asks"][0][0]
    order = client.create_order("ETH/USDT", "limit", "buy", "0.1", str(float(best) - 0.5))

    for _ in range(200):
        control.step(5)
        if control.ledger()[0]["status"] == "filled":
            break

    assert client.fetch_order(order["id"], "ETH/USDT")["trades"] == []
    assert control.ledger()[0]["trades"][0]["maker"] is True


def test_a_book_is_set_exactly_and_stays_until_the_mid_is_moved(control: SimulatorControl) -> None:
    shown = control.set_book("firi", "BTC/NOK", bids=[("1", "2"), ("3.50", "1")], asks=[("9", "0.00000001")])

    assert (shown["bids"], shown["asks"], shown["pinned"]) == (
        [["3.5", "1"], ["1", "2"]],
        [["9", "0.00000001"]],
        True,
    )
    control.step(10)
    assert control.book("firi", "BTC/NOK") == shown
    moved = control.move_mid("firi", "BTC/NOK", "1000000.00")
    assert not moved["pinned"]
    assert 990_000 < float(moved["bids"][0][0]) < 1_000_000 < float(moved["asks"][0][0]) < 1_010_000


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/control/nothing", "{}", 404, "UNKNOWN_PATH"),
        ("/control/exchanges/bitmex", "{}", 404, "UNKNOWN_EXCHANGE"),
        ("/control/accounts", "not json", 400, "INVALID_BODY"),
        ("/control/accounts", "[]", 400, "INVALID_BODY"),
        ("/control/accounts", '{"exchange": "firi"}', 400, "INVALID_FIELD"),
        ("/control/accounts", '{"exchange":"firi","api_key":"a","secret":"b","balance":{}}', 400, "UNKNOWN_FIELD"),
        ("/control/accounts", '{"exchange":"firi","api_key":"a","secret":"b","balances":[]}', 400, "INVALID_FIELD"),
        (
            "/control/accounts",
            '{"exchange":"firi","api_key":"a","secret":"b","balances":{"XRP":"1"}}',
            400,
            "UNKNOWN_ASSET",
        ),
        (
            "/control/accounts",
            '{"exchange":"firi","api_key":"a","secret":"b","balances":{"BTC":1}}',
            400,
            "INVALID_FIELD",
        ),
        (
            "/control/accounts",
            '{"exchange":"firi","api_key":"a","secret":"b","balances":{"BTC":"1e3"}}',
            400,
            "INVALID_FIELD",
        ),
        ("/control/faults", '{"exchange": "firi", "kind": "explode"}', 400, "UNKNOWN_FAULT"),
        ("/control/faults", '{"exchange": "firi", "kind": "late", "count": -1}', 400, "INVALID_FIELD"),
        ("/control/step", '{"steps": 1000000}', 400, "INVALID_FIELD"),
        ("/control/step", '{"steps": true}', 400, "INVALID_FIELD"),
        ("/control/book", '{"exchange": "firi", "symbol": "BTC/USD"}', 404, "UNKNOWN_SYMBOL"),
        ("/control/book", '{"exchange": "firi", "symbol": "BTC/NOK", "mid": "0"}', 400, "INVALID_FIELD"),
        ("/control/book", '{"exchange": "firi", "symbol": "BTC/NOK", "mid": "1.001"}', 400, "INVALID_FIELD"),
        (
            "/control/book",
            '{"exchange":"firi","symbol":"BTC/NOK","bids":[["2","1"]],"asks":[["2","1"]]}',
            400,
            "INVALID_FIELD",
        ),
        ("/control/book", '{"exchange":"firi","symbol":"BTC/NOK","bids":[["2","0"]]}', 400, "INVALID_FIELD"),
        ("/control/book", '{"exchange":"firi","symbol":"BTC/NOK","bids":[["2"]]}', 400, "INVALID_FIELD"),
        ("/control/reset", '{"seed": "x"}', 400, "INVALID_FIELD"),
    ],
)
def test_bad_requests_get_a_code_and_a_detail(
    simulator: RunningSimulator, path: str, body: str, status: int, code: str
) -> None:
    answered, answer, _ = send(simulator.control.url, "POST", path, body)

    assert (answered, answer["code"]) == (status, code)
    assert answer["detail"]


def test_stats_count_requests_faults_and_orders(binance: BlockingClient, control: SimulatorControl) -> None:
    binance.load_markets()
    control.queue_fault("binance", "html_200")
    for _ in range(3):
        binance.create_order("BTC/USDT", "market", "buy", "0.1")

    assert control.stats()["binance"] == {
        "requests": {"load_markets": 1, "create_order": 3},
        "faults": {"html_200": 1},
        "orders": 2,
    }


def test_reset_forgets_everything_but_never_repeats_an_id(
    simulator: RunningSimulator, binance: BlockingClient, control: SimulatorControl
) -> None:
    old = binance.create_order("BTC/USDT", "market", "buy", "0.1")

    control.reset(seed=8)

    assert (control.health()["seed"], control.accounts(), control.ledger()) == (8, [], [])
    control.upsert_account("binance", "binance-key", "binance-secret", {"USDT": "100000"})
    new = binance.create_order("BTC/USDT", "market", "buy", "0.1")
    assert int(new["id"]) > int(old["id"])
    assert int(new["trades"][0]["id"]) > int(old["trades"][-1]["id"])


def test_the_same_seed_and_steps_give_the_same_books_and_fills(simulator: RunningSimulator, connect: Any) -> None:
    control = simulator.control
    client = connect(binance_client(simulator.base_urls["binance"], "k", "s"))

    def play(seed: int) -> list[Any]:
        control.reset(seed)
        control.upsert_account("binance", "k", "s", {"USDT": "1000000", "ETH": "50"})
        seen: list[Any] = []
        for step in (1, 5, 20):
            control.step(step)
            seen.append(client.fetch_order_book("ETH/USDT")["bids"])
            for side in ("buy", "sell"):
                order = client.create_order("ETH/USDT", "market", side, "30")
                seen.append([(trade["price"], trade["amount"], trade["fee"]) for trade in order["trades"]])
        seen.append(client.fetch_balance()["total"])
        return seen

    assert play(11) == play(11) != play(12)
