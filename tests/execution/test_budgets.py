"""Rate budgets: no limit is ever exceeded, by however many processes, and nobody waits much longer than the others."""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from execution.exchanges.errors import NotSent
from execution.exchanges.limits import LIMITS, Limit, Per
from execution.exchanges.registry import adapters
from execution.services.budgets import Budgets
from execution.services.budgets.buckets import LocalBuckets, bucket
from policies.domain.reasons import ReasonCode
from tests.execution.conftest import forget_budgets

ROOT = Path(__file__).resolve().parent.parent.parent
PROCESSES, CALLS = 8, 1250
WINDOW_S = 2
SHARE = 150.0


@pytest.fixture(autouse=True)
def _nothing_counted():
    forget_budgets()


def with_budgets(work, url=None, share=1.0):
    """Run `work(budgets, bans)` on a loop of its own."""
    bans = []

    async def run():
        budgets = Budgets(url or settings.REDIS_URL, share=share, on_ban=bans.append)
        try:
            return await work(budgets, bans)
        finally:
            await budgets.close()

    with asyncio.Runner() as runner:
        return runner.run(run())


@given(
    st.integers(2, 200),
    st.floats(0.5, 60),
    st.lists(st.tuples(st.floats(0, 2), st.integers(1, 5)), min_size=1, max_size=120),
)
def test_no_window_ever_holds_more_than_the_limit(amount, seconds, requests):
    limit = Limit("x", Per.IP, amount, seconds)
    local, now, sent = LocalBuckets(), 1_000_000.0, []
    for pause, units in requests:
        now += pause * 1e6
        taken = replace(bucket("x", limit, min(units, amount // 2), 1.0))
        # As if this process were the only one.
        wait = local.reserve((replace(taken, cost=taken.cost / LocalBuckets.PROCESSES),), now, float("inf"))
        sent.append((now + wait, min(units, amount // 2)))

    for at, _ in sent:
        inside = sum(units for other, units in sent if at <= other < at + seconds * 1e6 - 1)
        assert inside <= amount


def test_every_exchange_with_an_adapter_has_limits():
    assert set(adapters()) <= set(LIMITS)


def test_calls_of_several_keys_share_the_address_and_not_the_key():
    async def work(budgets, bans):
        # Kraken: 15 public calls in 15 s per address, of which 7 at once; private ones are counted per key.
        public = budgets.meter("kraken", None)
        await asyncio.gather(*(public.take("GET Time") for _ in range(5)))
        with pytest.raises(NotSent) as caught:
            await asyncio.gather(*(public.take("GET Time") for _ in range(20)))
        await asyncio.gather(*(budgets.meter("kraken", key).take("POST OpenOrders") for key in "abcdef"))
        return caught.value

    refused = with_budgets(work)

    assert refused.code == ReasonCode.RATE_LIMITED
    assert refused.retry_after_s > 0


def test_a_ban_stops_all_processes_for_its_duration_and_is_told():
    async def work(budgets, bans):
        other = Budgets(settings.REDIS_URL, share=1.0, on_ban=bans.append)
        budgets.meter("binance", "mine").refused(0.4)
        await asyncio.sleep(0.05)
        with pytest.raises(NotSent) as caught:
            await other.meter("binance", "another").take("GET time")
        await other.meter("bybit", "another").take("GET v5/market/time")
        await asyncio.sleep(0.45)
        await other.meter("binance", "another").take("GET time")
        await other.close()
        return caught.value, bans

    refused, bans = with_budgets(work)

    assert 0 < refused.retry_after_s <= 0.4
    assert [ban.exchange for ban in bans] == ["binance"]


def test_many_answers_under_way_that_say_the_same_are_one_ban():
    async def work(budgets, bans):
        for _ in range(50):
            budgets.meter("binance", None).refused(30)
        return bans

    assert len(with_budgets(work)) == 1


def test_nobody_waits_for_ever_when_counting_itself_fails(monkeypatch):
    async def work(budgets, bans):
        async def broken(requests):
            raise RuntimeError("a bug")

        with monkeypatch.context() as patched:
            patched.setattr(budgets, "_answers", broken)
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(budgets.meter("okx", "mine").take("GET public/time"), 2)
        await asyncio.wait_for(budgets.meter("okx", "mine").take("GET public/time"), 2)
        return True

    assert with_budgets(work)


def test_where_limits_are_per_key_only_that_key_is_stopped():
    async def work(budgets, bans):
        budgets.meter("okx", "mine").refused(5)
        await asyncio.sleep(0.05)
        with pytest.raises(NotSent):
            await budgets.meter("okx", "mine").take("POST trade/order")
        await budgets.meter("okx", "another").take("POST trade/order")
        return bans

    assert with_budgets(work) == []


def test_what_the_exchange_has_counted_counts():
    async def work(budgets, bans):
        budgets.meter("binance", None).answered({"X-MBX-USED-WEIGHT-1M": "5999"})
        await asyncio.sleep(0.05)
        return bans

    share_used_by_others = with_budgets(work, share=0.8)

    assert [ban.exchange for ban in share_used_by_others] == ["binance"]
    assert share_used_by_others[0].until - time.time() <= 60


def test_without_redis_there_are_still_limits_only_tighter_ones():
    async def work(budgets, bans):
        meter = budgets.meter("okx", "mine")
        began = time.monotonic()
        await meter.take("GET public/time")
        first = time.monotonic() - began
        answers = await asyncio.gather(*(meter.take("GET public/time") for _ in range(10)), return_exceptions=True)
        return first, answers

    first, answers = with_budgets(work, url="redis://127.0.0.1:9/0")

    assert first < 3
    assert any(isinstance(answer, NotSent) for answer in answers)


def test_the_turn_of_a_set_of_keys_is_one_at_a_time_and_its_nonces_grow():
    async def work(budgets, bans):
        other = Budgets(settings.REDIS_URL, share=1.0, on_ban=bans.append)
        inside, most, nonces = 0, 0, []

        async def take_turn(owner):
            nonlocal inside, most
            async with owner.meter("kraken", "mine").turn() as nonce:
                inside += 1
                most = max(most, inside)
                nonces.append(nonce)
                await asyncio.sleep(0.005)
                inside -= 1

        await asyncio.gather(*(take_turn(owner) for owner in [budgets, other] * 10))
        await other.close()
        return most, nonces

    most, nonces = with_budgets(work)

    assert most == 1
    assert all(later - earlier >= 100 for earlier, later in zip(nonces, nonces[1:], strict=False))


@pytest.mark.stack
def test_eight_processes_never_exceed_a_limit_and_no_key_waits_much_longer_than_the_others(simulator):
    limit = next(limit for limit in LIMITS["okx"].limits if limit.name == "public/time")
    # As in production by default, the processes use eight tenths: requests bunch up on their way.
    allowed = int(limit.amount * SHARE / 0.8)
    simulator.control.configure("okx", limit_requests=allowed, limit_window_ms=limit.seconds * 1000)
    command = [sys.executable, "-m", "tests.execution.budget_load", simulator.base_urls["okx"], settings.REDIS_URL]
    children = [
        subprocess.Popen([*command, str(SHARE), str(CALLS), str(number)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for number in range(PROCESSES)
    ]
    results = [json.loads(child.communicate(timeout=120)[0]) for child in children]

    assert sum(result["refused"] for result in results) == 0
    assert sum(result["answered"] for result in results) == PROCESSES * CALLS
    waits = [wait for result in results for wait in result["mean_wait_by_key"].values()]
    print(f"\n{PROCESSES * CALLS} calls, 0 refused; mean wait by key {min(waits):.3f} to {max(waits):.3f} s")
    assert max(waits) <= 2 * statistics.median(waits)
