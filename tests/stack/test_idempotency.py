"""A key counts once, whichever of four web processes is asked, however often, and whoever dies in between."""

import asyncio
import os
import random
import signal
import time
from collections import Counter, defaultdict
from pathlib import Path

import aiohttp
import pytest
import uvloop
from django.db import connection

from execution.models import Signal
from policies.models import Exchange
from tests.stack.conftest import add_traders, placed_ids, platform_stack, wait_until_final, wait_until_usable

pytestmark = pytest.mark.stack
KEYS, COPIES = 200, 50
LOST_ANSWERS, KILLS = 50, 5
AT_ONCE = 44
"""Of these, each process lets eight wait; it answers the others at once."""

RESTING = {"exchange": "binance", "order_type": "limit", "time_in_force": "GTC", "limit_price": "30000"}
BODY = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.001"}


@pytest.fixture
def stack(transactional_db, traders):
    """Four web processes and a worker."""
    Exchange.objects.update(mode="live", health_interval_s=2, stale_after_s=30, degraded_above_ms=30_000)

    def before_start(control):
        traders.all = add_traders(1, control)

    with platform_stack(before_start, web_processes=4) as running:
        wait_until_usable(traders.all[0].client(running))
        yield running


class Web:
    """Posts, many at a time."""

    def __init__(self, session, url):
        self.session, self.url = session, url

    async def post(self, key, body=BODY):
        async with self.session.post(f"{self.url}/api/signals", json=body, headers={"Idempotency-Key": key}) as answer:
            return answer.status, await answer.json(), answer.headers

    async def execute(self, key, *, timeout):
        body, headers = {**BODY, **RESTING}, {"Idempotency-Key": key}
        async with self.session.post(f"{self.url}/api/execute?timeout={timeout}", json=body, headers=headers) as answer:
            return answer.status, await answer.json(), answer.headers

    async def batch(self, keys):
        signals = [{**BODY, "id": key} for key in keys]
        async with self.session.post(f"{self.url}/api/signals/batch", json={"signals": signals}) as answer:
            return answer.status, await answer.json()


def run(stack, traders, scenario):
    """The scenario with a `Web` of up to 100 connections."""

    async def main():
        headers = {"Authorization": f"Token {traders.all[0].token}"}
        connector = aiohttp.TCPConnector(limit=100)
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
            return await scenario(Web(session, stack.url))

    return uvloop.run(main())


def test_copies_reuses_batches_and_killed_processes_make_one_signal_per_key(stack, traders):
    copies_at_once(stack, traders)
    other_bodies(stack, traders)
    batches_that_overlap(stack, traders)
    answers_that_never_come(stack, traders)
    processes_that_die(stack, traders)

    resting = Signal.objects.filter(order_type="limit")
    count = Signal.objects.count()
    wait_until_final(count - resting.count(), within_s=60)
    assert set(resting.values_list("status", flat=True)) == {"executing"}
    assert set(Signal.objects.difference(resting).values_list("status", flat=True)) == {"filled"}
    placed = placed_ids(stack.simulator.control)
    assert (len(placed), len(set(placed))) == (count, count)
    stack.check_alive()


def copies_at_once(stack, traders):
    """Every copy is told the one signal, or to ask again."""

    async def scenario(web):
        began = time.monotonic()
        found = {}
        turns = iter(range(KEYS))

        async def worker():
            for number in turns:
                key = f"key-{number}"
                found[key] = await asyncio.gather(*(web.post(key) for _ in range(COPIES)))

        await asyncio.gather(worker(), worker())
        return found, time.monotonic() - began

    found, took_s = run(stack, traders, scenario)

    statuses = Counter(status for answers in found.values() for status, _, _ in answers)
    print(f"\n{KEYS} keys x {COPIES}: {dict(statuses)} in {took_s:.1f} s")
    assert set(statuses) <= {202, 409}
    assert Signal.objects.count() == KEYS
    stored = {row.idempotency_key: str(row.pk) for row in Signal.objects.all()}
    for key, answers in found.items():
        accepted = [(body, headers) for status, body, headers in answers if status == 202]
        assert {body["id"] for body, _ in accepted} == {stored[key]}
        assert sum("Idempotency-Replayed" not in headers for _, headers in accepted) == 1
        for status, body, headers in answers:
            if status == 409:
                assert (body["code"], headers["Retry-After"]) == ("IDEMPOTENCY_IN_PROGRESS", "1")


def other_bodies(stack, traders):
    """A known key with something else in it is refused."""

    async def scenario(web):
        return await asyncio.gather(*(web.post(f"key-{n}", {**BODY, "amount": "0.002"}) for n in range(KEYS)))

    answers = run(stack, traders, scenario)

    assert Counter((status, body["code"]) for status, body, _ in answers) == {(422, "IDEMPOTENCY_KEY_REUSE"): KEYS}
    assert Signal.objects.count() == KEYS
    assert not Signal.objects.exclude(amount="0.001").exists()


def batches_that_overlap(stack, traders):
    """Ten batches at once, each with the same forty keys in another order."""
    rng = random.Random(7)
    keys = [f"batch-{n}" for n in range(40)]

    async def scenario(web):
        return await asyncio.gather(*(web.batch(rng.sample(keys, len(keys))) for _ in range(10)))

    answers = run(stack, traders, scenario)

    ids = defaultdict(set)
    for status, body in answers:
        assert status in {202, 400}
        for result in body["results"]:
            if "error" in result:
                assert result["error"]["code"] == "IDEMPOTENCY_IN_PROGRESS"
            else:
                ids[result["idempotency_key"]].add(result["id"])
    first = [r for _, body in answers for r in body["results"] if r.get("replayed") is False]
    assert sorted(result["idempotency_key"] for result in first) == sorted(keys)
    assert {len(found) for found in ids.values()} == {1}
    assert Signal.objects.filter(idempotency_key__startswith="batch-").count() == len(keys)


def answers_that_never_come(stack, traders):
    """Every web process is killed while clients whose signals are stored wait for their end."""
    rounds = 0
    lost = {}
    while len(lost) < LOST_ANSWERS:
        rounds += 1
        assert rounds <= 10
        keys = [f"wait-{rounds}-{n}" for n in range(AT_ONCE)]
        lost |= run(stack, traders, lambda web, keys=keys: kill_after_commit(web, stack, keys))

    print(f"{rounds} x 4 kills, {len(lost)} answers lost after the commit")
    stored = dict(Signal.objects.filter(idempotency_key__startswith="wait-").values_list("idempotency_key", "pk"))
    assert len(stored) == rounds * AT_ONCE
    for key, (status, body, headers) in lost.items():
        assert (status, body["id"], headers.get("Idempotency-Replayed")) == (202, str(stored[key]), "true")


async def kill_after_commit(web, stack, keys):
    """The second answers of those that never got a first one."""
    first = [asyncio.create_task(web.execute(key, timeout=25)) for key in keys]
    await asyncio.to_thread(wait_until_stored, keys)
    for child in children_of(stack.processes["web"].pid):
        os.kill(child, signal.SIGKILL)
    ends = await asyncio.gather(*first, return_exceptions=True)
    cut_off = [key for key, end in zip(keys, ends, strict=True) if isinstance(end, (aiohttp.ClientError, OSError))]
    again = await asyncio.gather(*(until_answered(web, key) for key in cut_off))
    return dict(zip(cut_off, again, strict=True))


async def until_answered(web, key):
    """As clients do: while the processes come back, connections may be cut as well."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return await web.execute(key, timeout=0)
        except (aiohttp.ClientError, OSError):
            assert time.monotonic() < deadline, "no answer in time"
            await asyncio.sleep(0.1)


def wait_until_stored(keys):
    deadline = time.monotonic() + 20
    try:
        while Signal.objects.filter(idempotency_key__in=keys).count() < len(keys):
            assert time.monotonic() < deadline, "not stored in time"
            time.sleep(0.01)
    finally:
        connection.close()


def processes_that_die(stack, traders):
    """Processes are killed at random under load; every client asks again until it is told."""

    async def scenario(web):
        told = {}
        over = asyncio.Event()
        clients = [asyncio.create_task(insistent(web, f"kill-{n}", told, over)) for n in range(24)]
        rng = random.Random(11)
        for _ in range(KILLS):
            await asyncio.sleep(rng.uniform(0.3, 1.2))
            os.kill(rng.choice(children_of(stack.processes["web"].pid)), signal.SIGKILL)
        over.set()
        await asyncio.gather(*clients)
        return told

    told = run(stack, traders, scenario)

    print(f"{KILLS} kills under load, {len(told)} signals")
    stored = Signal.objects.filter(idempotency_key__startswith="kill-").values_list("idempotency_key", "pk")
    assert {key: str(pk) for key, pk in stored} == told


async def insistent(web, name, told, over):
    """One signal after another, each posted until there is an answer."""
    number = 0
    while not over.is_set():
        number += 1
        key = f"{name}-{number}"
        while key not in told:
            try:
                status, body, _ = await web.post(key)
            except (aiohttp.ClientError, OSError):
                status, body = 0, {}
            assert status in {0, 202, 409}, body
            if status == 202:
                told[key] = body["id"]
            else:
                await asyncio.sleep(0.05)


def children_of(pid):
    """The processes whose parent it is."""
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (thread / "children").read_text().split()]
    return found
