"""A backup from before the last orders is restored: nothing is traded until the exchanges were compared, and nothing
that was placed is placed again.
"""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chaos.servers import running_postgres, running_valkey, short_folder
from execution.simulator.process import RunningSimulator, running_simulator
from routing_platform.local.api_client import ApiClient
from routing_platform.local.installation import BALANCES
from routing_platform.local.stack import Stack, running_stack
from tests.stack.conftest import wait_until_usable
from tests.stack.test_outages import environment, installation, manage

pytestmark = pytest.mark.stack
BEFORE, WAITING, AFTER = range(0, 6), range(6, 10), range(10, 16)
ENDED = {"filled", "denied", "failed", "rejected", "expired"}


def body(number: int) -> dict[str, str]:
    return {"symbol": "BTC/USDT", "side": "buy", "amount": "0.01", "exchange": ("binance", "kraken")[number % 2]}


def placed(simulator: RunningSimulator) -> int:
    return sum(len(simulator.control.ledger(exchange)) for exchange in BALANCES)


def wait_until_filled(client: ApiClient, numbers: range, within_s: float = 30) -> None:
    """Until each of these signals is filled."""
    deadline = time.monotonic() + within_s
    while True:
        rows = {row["idempotency_key"]: row for row in client.get("/api/signals?limit=100").body["results"]}
        found = {number: rows[f"n{number}"]["status"] for number in numbers if f"n{number}" in rows}
        if len(found) == len(numbers) and set(found.values()) <= ENDED:
            assert set(found.values()) == {"filled"}, [rows[f"n{number}"]["reason_detail"] for number in numbers]
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


@contextmanager
def platform(env: dict[str, str], simulator: RunningSimulator, **options: object) -> Iterator[Stack]:
    """The whole platform against a simulator that outlives it."""
    exchanges = {**env, "EXCHANGE_BASE_URLS": json.dumps(simulator.base_urls), "RATE_LIMIT_SHARE": "1000"}
    with running_stack(environment=exchanges, **options) as stack:
        stack.simulator = simulator
        yield stack


def copy_of(folder: Path, to: Path) -> None:
    """A cold copy of PostgreSQL's files that the server may use."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(folder, to, symlinks=True)
    owner = folder.stat()
    for path in (to, *to.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    to.chmod(0o700)


def test_a_restored_backup_halts_compares_and_sends_nothing_again():
    with (
        short_folder() as folder,
        running_valkey(folder) as (_, redis_url),
        running_postgres(_owned(folder / "pg")) as (postgres, postgres_url),
        running_simulator(seed=8) as simulator,
    ):
        env = environment(postgres_url, redis_url)
        manage(env, "migrate", "-v", "0")
        token = manage(env, "create_api_client", "demo", "--scopes", "read", "trade", "cancel").strip()
        with platform(env, simulator) as stack:
            installation(stack)
            client = ApiClient(stack.url, token)
            wait_until_usable(client)
            for number in BEFORE:
                assert client.post("/api/signals", body(number), key=f"n{number}").status == 202
            wait_until_filled(client, BEFORE)
            time.sleep(6)  # a heartbeat: Redis knows how far the ledger has come
            stack.processes["worker1"].send_signal(signal.SIGKILL)
            for number in WAITING:
                assert client.post("/api/signals", body(number), key=f"n{number}").status == 202

        postgres.kill(signal.SIGINT)
        copy_of(folder / "pg" / "data", folder / "backup")
        postgres.start()

        with platform(env, simulator) as stack:
            client = ApiClient(stack.url, token)
            wait_until_filled(client, WAITING)
            for number in AFTER:
                assert client.post("/api/signals", body(number), key=f"n{number}").status == 202
            wait_until_filled(client, AFTER)
            time.sleep(6)
        everything = placed(simulator)
        assert everything == len(BEFORE) + len(WAITING) + len(AFTER)

        postgres.kill(signal.SIGINT)
        copy_of(folder / "backup", folder / "pg" / "data")
        postgres.start()

        with platform(env, simulator) as stack:
            client = ApiClient(stack.url, token)
            # Signals that the backup still has as waiting: their orders are found, and they end as they did.
            wait_until_filled(client, WAITING, within_s=45)
            assert client.post("/api/route", body(0)).body["code"] == "TRADING_HALTED"
            assert placed(simulator) == everything
            # Signals the backup never had: clients that send them again get what was placed, not a second order.
            stack.manage("halt", "global", "--resume", "--reason", "All accounts were compared.")
            wait_until_usable(client)
            for number in AFTER:
                assert client.post("/api/signals", body(number), key=f"n{number}").status == 202
            wait_until_filled(client, AFTER)
            assert placed(simulator) == everything
            # And it trades again.
            assert client.post("/api/execute", body(99), key="fresh").body["status"] == "filled"
            assert placed(simulator) == everything + 1
            stack.check_alive()


def _owned(folder: Path) -> Path:
    folder.mkdir(mode=0o755)
    return folder
