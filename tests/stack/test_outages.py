"""Redis gone: the API still accepts and everything is still executed. PostgreSQL gone: 503, and nothing is sent."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from base64 import b64encode
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from routing_platform.local import binaries, children
from routing_platform.local.api_client import ApiClient
from routing_platform.local.installation import BALANCES
from routing_platform.local.stack import running_stack
from tests.stack.conftest import QUICK, wait_until_usable

pytestmark = pytest.mark.stack
ROUTE = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.01"}


@pytest.fixture
def folder(tmp_path_factory):
    """A short path that user nobody can reach: for sockets and a database of its own."""
    base = Path("/tmp/routing-outage")
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(mode=0o755)
    yield base
    shutil.rmtree(base, ignore_errors=True)


class Server:
    """A database server that the test may kill."""

    def __init__(self, command, ready, runner=None, **popen):
        self._command, self._ready = command, ready
        self._runner = runner or children.Unprivileged()
        self.start()

    def start(self):
        self.process = self._runner.popen(self._command, subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not self._ready():
            assert time.monotonic() < deadline, "server did not start"
            time.sleep(0.05)

    def kill(self, signum=signal.SIGKILL):
        self.process.send_signal(signum)
        self.process.wait(10)


@pytest.fixture
def redis_server(folder):
    socket = folder / "redis.sock"
    command = [str(binaries.valkey_server()), "--port", "0", "--unixsocket", str(socket), "--save", ""]
    server = Server(command, socket.exists)
    yield server, f"unix://{socket}"
    children.stop(server.process, signal.SIGTERM, 5)


@pytest.fixture
def postgres_server(folder):
    bin_dir, data = binaries.postgres_bin_dir(), folder / "data"
    runner = children.unprivileged_for(bin_dir / "postgres", data)
    data.mkdir(mode=0o700)
    if runner.uid is not None:
        for path in (folder, data):
            os.chown(path, runner.uid, runner.uid)
    initdb = [str(bin_dir / "initdb"), "-D", str(data), "-U", "routing", "-A", "trust", "--no-sync"]
    assert runner.popen(initdb, subprocess.DEVNULL).wait(60) == 0
    url = f"postgres://routing@/routing?host={folder}"
    command = [str(bin_dir / "postgres"), "-D", str(data), "-k", str(folder), "-c", "listen_addresses="]

    def ready():
        try:
            psycopg.connect(f"postgres://routing@/postgres?host={folder}").close()
        except psycopg.OperationalError:
            return False
        return True

    server = Server(command, ready, runner)
    with psycopg.connect(f"postgres://routing@/postgres?host={folder}", autocommit=True) as connection:
        connection.execute("CREATE DATABASE routing")
    yield server, url
    children.stop(server.process, signal.SIGINT, 5)


def installation(stack):
    """Tables, policy, a trader and keys, all from the command line as an operator would."""
    stack.manage("apply_policy", "deploy/demo-policy.yaml")
    for exchange, balances in BALANCES.items():
        keys = {"api_key": uuid.uuid4().hex, "secret": b64encode(uuid.uuid4().bytes).decode()}
        if exchange == "firi":
            keys["client_id"] = "demo"
        stack.manage("set_credential", "demo", exchange, stdin=json.dumps(keys))
        stack.simulator.control.upsert_account(
            exchange, keys["api_key"], keys["secret"], balances, client_id=keys.get("client_id", "")
        )


def environment(database_url, redis_url):
    return {
        **QUICK,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": settings.SECRET_KEY,
        "CREDENTIAL_KEYS": ",".join(settings.ENV["CREDENTIAL_KEYS"]),
        "EXCHANGE_BASE_URLS": "{}",
    }


def manage(env, *arguments):
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def placed(stack):
    return sum(len(stack.simulator.control.ledger(exchange)) for exchange in BALANCES)


def test_outages_of_redis_and_of_postgresql(redis_server, postgres_server):
    (redis, redis_url), (postgres, postgres_url) = redis_server, postgres_server
    env = environment(postgres_url, redis_url)
    manage(env, "migrate", "-v", "0")
    token = manage(env, "create_api_client", "demo", "--scopes", "read", "trade", "cancel").strip()
    with running_stack(environment=env, simulator={"seed": 4}) as stack:
        installation(stack)
        client = ApiClient(stack.url, token)
        wait_until_usable(client)
        assert client.post("/api/execute", ROUTE, key="calm").body["status"] == "filled"

        redis.kill()
        slowest = 0.0
        for number in range(20):
            began = time.monotonic()
            assert client.post("/api/signals", ROUTE, key=f"no-redis-{number}").status == 202
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 2.0
        for row in client.get("/api/signals?limit=20").body["results"]:
            assert client.get(f"/api/signals/{row['id']}?wait=20").body["status"] == "filled"
        assert placed(stack) == 21
        redis.start()

        postgres.kill(signal.SIGQUIT)  # immediate shutdown
        sent = placed(stack)
        for number in range(3):
            began = time.monotonic()
            answer = client.post("/api/signals", ROUTE, key=f"no-postgres-{number}")
            assert (answer.status, answer.body["code"]) == (503, "DATABASE_UNAVAILABLE")
            assert time.monotonic() - began < 2.0
        time.sleep(1)
        assert placed(stack) == sent

        postgres.start()
        deadline = time.monotonic() + 30
        while (answer := client.post("/api/signals", ROUTE, key="back")).status != 202:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        while (ended := client.get(f"/api/signals/{answer.body['id']}?wait=5")).body.get("status") != "filled":
            # Each web process finds its way back to the database by itself.
            assert time.monotonic() < deadline, ended.body
            time.sleep(0.2)
        assert placed(stack) == sent + 1
        stack.check_alive()
