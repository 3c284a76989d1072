"""One simulator for the folder; adapters that reach it over HTTP and do not know it."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from execution.exchanges.registry import AdapterPool
from execution.simulator.process import RunningSimulator, running_simulator
from tests.exchanges.cases import CASES, LIVE, PUBLIC_SECRETS, Case, Connected

TIMEOUT_S = 0.6


@pytest.fixture(scope="session")
def simulator_process() -> Iterator[RunningSimulator]:
    with running_simulator(seed=11, tick_ms=0, hold_ms=2000, late_ms=100) as running:
        yield running


@pytest.fixture
def simulator(simulator_process: RunningSimulator) -> RunningSimulator:
    """A simulator as if just started; its books stand still."""
    simulator_process.control.reset(11)
    return simulator_process


class Loop:
    """Runs coroutines of a test on one loop."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def __call__(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(coroutine)


@pytest.fixture
def run() -> Iterator[Loop]:
    """`run(adapter.place(request))`."""
    with asyncio.Runner() as runner:
        yield Loop(runner)


@pytest.fixture
def pool(simulator: RunningSimulator, run: Loop) -> Iterator[AdapterPool]:
    """Adapters pointed at the simulator, which knows the keys that some want for their market data."""
    for case in LIVE:
        if case.public_keys:
            case.open_account(simulator.control)
    pool = AdapterPool(base_urls=simulator.base_urls, timeout_s=TIMEOUT_S, public_secrets=PUBLIC_SECRETS)
    yield pool
    run(pool.close())


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def connected(request: pytest.FixtureRequest, simulator: RunningSimulator, pool: AdapterPool, run: Loop) -> Connected:
    """Each exchange in turn, with a funded account and an exact book."""
    return connect(request.param, simulator, pool, run)


def connect(case: Case, simulator: RunningSimulator, pool: AdapterPool, run: Loop) -> Connected:
    """A funded account at one exchange."""
    case.open_account(simulator.control)

    async def open_adapter() -> Any:
        if case.paper:
            return pool.paper(case.slug, taker_fee_bps=case.fee_bps, maker_fee_bps=case.fee_bps)
        return pool.private(case.slug, case.secrets)

    return Connected(case, run(open_adapter()), simulator, run)
