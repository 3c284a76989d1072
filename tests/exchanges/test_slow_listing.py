"""A list of all pairs is large: it has its own time, and an order does not wait for it longer than for any answer."""

import asyncio
import time

import pytest

from execution.exchanges.errors import NotSent
from policies.domain.reasons import ReasonCode
from tests.exchanges.cases import LIVE
from tests.exchanges.conftest import TIMEOUT_S, connect

SLOW_MS = int(TIMEOUT_S * 1000 * 1.5)


@pytest.mark.parametrize("case", LIVE, ids=lambda case: case.name)
def test_a_list_that_takes_longer_than_any_other_answer_may_is_read(case, simulator, pool, run):
    simulator.control.configure(case.slug, latency_ms=SLOW_MS)

    async def markets():
        return await pool.public(case.slug).markets()

    assert case.symbol in {market.symbol for market in run(markets())}


def test_an_order_that_meets_a_list_still_being_read_is_not_placed_and_the_next_finds_it_read(simulator, pool, run):
    (case,) = (case for case in LIVE if case.slug == "binance")
    connected = connect(case, simulator, pool, run)
    simulator.control.configure(case.slug, latency_ms=SLOW_MS)

    with pytest.raises(NotSent) as caught:
        connected.place(connected.request())
    assert caught.value.code == ReasonCode.MARKETS_NOT_LOADED

    deadline = time.monotonic() + 30
    while not pool.public(case.slug)._client.markets and time.monotonic() < deadline:
        run(asyncio.sleep(0.05))
    simulator.control.configure(case.slug, latency_ms=0)
    connected.place(connected.request())

    assert len(connected.ledger()) == 1
    assert simulator.control.stats()[case.slug]["requests"]["load_markets"] == 1
