"""Every kind of fault on every exchange: what the client sees, and what was really placed."""

import time
from collections.abc import Callable
from typing import Any

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.faults import FaultKind
from execution.simulator.process import RunningSimulator

from .clients import BlockingClient, FiriClient, send

Place = Callable[[], Any]

# kind: (is it placed, is it visible to ccxt as this exception; None: an answer without an order id)
OUTCOMES: dict[str, tuple[bool, type[Exception] | None]] = {
    "error_500_before": (False, ccxt.ExchangeNotAvailable),
    "error_503_after": (True, ccxt.ExchangeNotAvailable),
    "timeout_before": (False, ccxt.RequestTimeout),
    "timeout_after": (True, ccxt.RequestTimeout),
    "disconnect_before": (False, ccxt.ExchangeNotAvailable),
    "disconnect_after": (True, ccxt.ExchangeNotAvailable),
    "late": (True, ccxt.RequestTimeout),
    "rate_limit": (False, ccxt.DDoSProtection),
    "html_200": (False, None),
}


def wait_for_orders(control: SimulatorControl, count: int) -> int:
    """Wait until that many orders are in the ledger, a few seconds at most; return how many are."""
    deadline = time.monotonic() + 5
    while len(control.ledger()) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return len(control.ledger())


@pytest.mark.parametrize("kind", list(FaultKind))
@pytest.mark.parametrize("slug", ["binance", "kraken"])
def test_a_fault_on_placing_looks_to_ccxt_as_it_would_on_the_real_exchange(
    slug: str, kind: str, control: SimulatorControl, request: pytest.FixtureRequest
) -> None:
    client: BlockingClient = request.getfixturevalue(slug)
    client.load_markets()
    symbol = "BTC/USDT" if slug == "binance" else "BTC/USD"
    is_placed, exception = OUTCOMES[kind]
    client.client.timeout = 60 if exception is ccxt.RequestTimeout else 5_000
    control.queue_fault(slug, kind)

    if exception is None:
        assert client.create_order(symbol, "market", "buy", "0.1")["id"] is None
    else:
        with pytest.raises(exception) as raised:
            client.create_order(symbol, "market", "buy", "0.1")
        assert type(raised.value) is exception

    assert wait_for_orders(control, is_placed) == is_placed
    assert control.stats()[slug]["faults"] == {kind: 1}
    client.client.timeout = 5_000
    assert client.create_order(symbol, "market", "buy", "0.1")["id"] is not None


@pytest.mark.parametrize("kind", list(FaultKind))
def test_a_fault_on_placing_at_firi(kind: str, firi: FiriClient, control: SimulatorControl) -> None:
    is_placed, exception = OUTCOMES[kind]
    answers = {ccxt.ExchangeNotAvailable: (500, 503), ccxt.DDoSProtection: (429,), None: (200,)}
    control.queue_fault("firi", kind)

    if kind.startswith(("timeout", "disconnect", "late")):
        with pytest.raises(ConnectionError):
            firi.order("bid", "0.1", "510000.00")
    else:
        body = {"market": "BTCNOK", "type": "bid", "price": "510000.00", "amount": "0.1"}
        status, answer = firi.request("POST", "/v2/orders", body)
        assert status in answers[exception]
        assert kind == "rate_limit" or "<html>" in answer

    assert wait_for_orders(control, is_placed) == is_placed


@pytest.mark.parametrize(
    ("slug", "body"),
    [
        ("binance", {"code": -1003}),
        ("kraken", {"error": ["EAPI:Rate limit exceeded"]}),
        ("firi", {"name": "TooManyRequests"}),
    ],
)
def test_a_rate_limit_says_when_to_come_back(slug: str, body: dict[str, object], simulator: RunningSimulator) -> None:
    simulator.control.queue_fault(slug, "rate_limit", operation="fetch_time")
    path = {"binance": "/api/v3/time", "kraken": "/0/public/Time", "firi": "/time"}[slug]

    status, answer, headers = send(simulator.base_urls[slug], "GET", path)

    assert (status, headers["Retry-After"]) == (429, "1")
    assert body.items() <= answer.items()


def test_a_held_request_is_cut_after_a_bounded_time(firi: FiriClient, control: SimulatorControl) -> None:
    control.configure("firi", hold_ms=150)
    control.queue_fault("firi", "timeout_before")
    started = time.monotonic()

    with pytest.raises(ConnectionError):
        firi.order("bid", "0.1", "510000.00")

    assert 0.14 < time.monotonic() - started < 5


def test_a_late_order_is_placed_late(firi: FiriClient, control: SimulatorControl) -> None:
    control.configure("firi", late_ms=500, hold_ms=10)
    control.queue_fault("firi", "late")

    with pytest.raises(ConnectionError):
        firi.order("bid", "0.1", "510000.00")

    assert control.ledger() == []
    assert wait_for_orders(control, 1) == 1


def test_a_late_order_whose_window_has_passed_is_not_placed(
    binance: BlockingClient, kraken: BlockingClient, control: SimulatorControl
) -> None:
    for slug, client in (("binance", binance), ("kraken", kraken)):
        client.load_markets()
        control.configure(slug, late_ms=250, hold_ms=20)
        control.queue_fault(slug, "late")
    deadline = kraken.iso8601(kraken.milliseconds() + 150)

    with pytest.raises(ccxt.NetworkError):
        binance.create_order("BTC/USDT", "market", "buy", "0.1", None, {"recvWindow": 150})
    with pytest.raises(ccxt.NetworkError):
        kraken.create_order("BTC/USD", "market", "buy", "0.1", None, {"deadline": deadline})

    time.sleep(0.35)
    assert control.ledger() == []
    assert [control.stats()[slug]["faults"] for slug in ("binance", "kraken")] == [{"late": 1}, {"late": 1}]


def test_only_a_signature_keeps_a_late_order_from_being_placed_at_firi(
    simulator: RunningSimulator, firi: FiriClient
) -> None:
    control = simulator.control
    control.configure("firi", late_ms=1_050, hold_ms=20)
    control.queue_fault("firi", "late", count=2)
    firi.validity = "1000"

    for client in (firi, FiriClient(simulator.base_urls["firi"], api_key="firi-key")):
        with pytest.raises(ConnectionError):
            client.order("bid", "0.1" if client is firi else "0.2", "510000.00")

    # The signed order came first: once the other one is placed, its own time has passed.
    assert wait_for_orders(control, 1) == 1
    assert control.ledger()[0]["amount"] == "0.2"


def test_a_late_kraken_order_keeps_the_nonce_it_arrived_with(kraken: BlockingClient, control: SimulatorControl) -> None:
    kraken.load_markets()
    control.configure("kraken", hold_ms=20, late_ms=150)
    control.queue_fault("kraken", "late")

    with pytest.raises(ccxt.NetworkError):
        kraken.create_order("BTC/USD", "market", "buy", "0.1")
    kraken.fetch_balance()

    assert wait_for_orders(control, 1) == 1


def test_a_late_order_with_a_wrong_signature_is_never_placed(simulator: RunningSimulator, firi: FiriClient) -> None:
    simulator.control.configure("firi", late_ms=20, hold_ms=60)
    simulator.control.queue_fault("firi", "late")
    forger = FiriClient(simulator.base_urls["firi"], client_id="user-1", secret="wrong")

    with pytest.raises(ConnectionError):
        forger.order("bid", "0.1", "510000.00")

    assert simulator.control.ledger() == []


def test_queued_faults_hit_the_next_requests_of_that_operation_only(
    binance: BlockingClient, control: SimulatorControl
) -> None:
    control.queue_fault("binance", "error_500_before", operation="fetch_balance", count=2)

    binance.create_order("BTC/USDT", "market", "buy", "0.1")
    for _ in range(2):
        with pytest.raises(ccxt.ExchangeNotAvailable):
            binance.fetch_balance()
    assert binance.fetch_balance()["total"]["BTC"] == "2.0999"


def test_a_fault_rate_hits_order_placements_only(binance: BlockingClient, control: SimulatorControl) -> None:
    control.configure("binance", fault_rate=1.0, fault_weights={"error_500_before": 1})

    assert binance.fetch_balance()["total"]["BTC"] == "2"
    with pytest.raises(ccxt.ExchangeNotAvailable):
        binance.create_order("BTC/USDT", "market", "buy", "0.1")
    control.configure("binance", fault_operations=["fetch_balance"])
    with pytest.raises(ccxt.ExchangeNotAvailable):
        binance.fetch_balance()
    assert binance.create_order("BTC/USDT", "market", "buy", "0.1")["status"] == "closed"


def test_under_many_faults_the_ledger_has_exactly_what_was_acknowledged_or_lost_on_the_way_back(
    binance: BlockingClient, control: SimulatorControl
) -> None:
    binance.load_markets()
    control.configure("binance", fault_rate=0.5, hold_ms=60, late_ms=30)
    ids = [f"order{number:027d}" for number in range(200)]

    answers = binance.together(*[placing(client_order_id) for client_order_id in ids])

    acknowledged = {a["clientOrderId"] for a in answers if isinstance(a, dict) and a["id"] is not None}
    faults = control.stats()["binance"]["faults"]
    lost = sum(count for kind, count in faults.items() if OUTCOMES[kind][0])
    assert wait_for_orders(control, len(acknowledged) + lost) == len(acknowledged) + lost
    placed = [entry["client_order_id"] for entry in control.ledger()]
    assert acknowledged < set(placed) < set(ids)
    assert len(set(placed)) == len(placed)
    assert 60 < sum(faults.values()) < 140


def placing(client_order_id: str) -> Callable[[Any], Any]:
    """One small limit order that rests."""
    params = {"clientOrderId": client_order_id}
    return lambda client: client.create_order("BTC/USDT", "limit", "buy", "0.001", "40000", params)


@pytest.mark.parametrize("slug", ["binance", "kraken"])
def test_an_exchange_that_is_down_closes_every_connection(
    slug: str, control: SimulatorControl, request: pytest.FixtureRequest
) -> None:
    client: BlockingClient = request.getfixturevalue(slug)
    control.configure(slug, down=True)

    for call in (client.fetch_time, client.fetch_status, client.load_markets):
        with pytest.raises(ccxt.ExchangeNotAvailable):
            call()
    control.configure(slug, down=False)
    assert client.fetch_time() > 0


def test_maintenance_answers_503_and_the_status_says_so(
    binance: BlockingClient, kraken: BlockingClient, firi: FiriClient, control: SimulatorControl
) -> None:
    for slug in ("binance", "kraken", "firi"):
        control.configure(slug, maintenance=True)

    for client in (binance, kraken):
        assert client.fetch_status()["status"] == "maintenance"
        with pytest.raises(ccxt.ExchangeNotAvailable):
            client.fetch_time()
    assert firi.request("GET", "/time")[0] == 503


def test_latency_slows_every_answer_and_jitter_varies_it(simulator: RunningSimulator) -> None:
    simulator.control.configure("firi", latency_ms=60, jitter_ms=20)
    took = []
    for _ in range(8):
        started = time.monotonic()
        send(simulator.base_urls["firi"], "GET", "/time")
        took.append(time.monotonic() - started)

    assert min(took) > 0.038
    assert max(took) - min(took) > 0.002


def test_latency_does_not_make_requests_wait_for_each_other(binance: BlockingClient, control: SimulatorControl) -> None:
    control.configure("binance", latency_ms=100)
    started = time.monotonic()

    binance.together(*[lambda client: client.fetch_time() for _ in range(20)])

    assert 0.1 <= time.monotonic() - started < 0.6
