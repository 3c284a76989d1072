"""One simulator process for the whole folder, reset before each test, and real clients pointed at it."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator, running_simulator

from .clients import BINANCE_SECRET, KRAKEN_SECRET, BlockingClient, FiriClient, binance_client, kraken_client

SEED = 7


@pytest.fixture(scope="session")
def _process() -> Iterator[RunningSimulator]:
    with running_simulator(seed=SEED, tick_ms=0, hold_ms=400, late_ms=100) as running:
        yield running


@pytest.fixture
def simulator(_process: RunningSimulator) -> RunningSimulator:
    """A simulator as if just started. Time stands still until it is stepped."""
    _process.control.reset(SEED)
    return _process


@pytest.fixture
def control(simulator: RunningSimulator) -> SimulatorControl:
    """The control endpoint."""
    return simulator.control


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """The event loop that async clients live on."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def connect(runner: asyncio.Runner) -> Iterator[Callable[[Any], BlockingClient]]:
    """Drive a ccxt client from a plain test function.

    All clients are closed together at the very end: closing one takes ccxt a quarter of a second.
    """
    opened: list[Any] = []

    def open_client(client: Any) -> BlockingClient:
        opened.append(client)
        return BlockingClient(client, runner)

    yield open_client

    async def close_all() -> None:
        await asyncio.gather(*(client.close() for client in opened))

    runner.run(close_all())


@pytest.fixture
def binance(simulator: RunningSimulator, connect: Callable[[Any], BlockingClient]) -> BlockingClient:
    """ccxt's Binance with 100,000 USDT and 2 BTC, and an exact BTC/USDT book."""
    simulator.control.upsert_account("binance", "binance-key", BINANCE_SECRET, {"USDT": "100000", "BTC": "2"})
    simulator.control.set_book(
        "binance",
        "BTC/USDT",
        bids=[("49990.00", "1"), ("49980.00", "2")],
        asks=[("50010.00", "1"), ("50020.00", "2")],
    )
    return connect(binance_client(simulator.base_urls["binance"]))


@pytest.fixture
def kraken(simulator: RunningSimulator, connect: Callable[[Any], BlockingClient]) -> BlockingClient:
    """ccxt's Kraken with 100,000 USD and 2 BTC, and an exact BTC/USD book."""
    simulator.control.upsert_account("kraken", "kraken-key", KRAKEN_SECRET, {"USD": "100000", "BTC": "2"})
    simulator.control.set_book(
        "kraken",
        "BTC/USD",
        bids=[("49990.0", "1"), ("49980.0", "2")],
        asks=[("50010.0", "1"), ("50020.0", "2")],
    )
    return connect(kraken_client(simulator.base_urls["kraken"]))


@pytest.fixture
def firi(simulator: RunningSimulator) -> FiriClient:
    """A Firi client that signs, with 1,000,000 NOK and 2 BTC, and an exact BTC/NOK book."""
    balances = {"NOK": "1000000", "BTC": "2"}
    simulator.control.upsert_account("firi", "firi-key", "firi-secret", balances, client_id="user-1")
    simulator.control.set_book(
        "firi",
        "BTC/NOK",
        bids=[("500000.00", "0.5"), ("499000.00", "1")],
        asks=[("510000.00", "0.5"), ("511000.00", "1")],
    )
    return FiriClient(simulator.base_urls["firi"], client_id="user-1", secret="firi-secret")
