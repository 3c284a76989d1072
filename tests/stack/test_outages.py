"""Redis gone: the API still accepts and everything is still executed. PostgreSQL gone: 503, and nothing is sent."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from base64 import b64encode

import pytest
from django.conf import settings

from chaos.servers import running_postgres, running_valkey, short_folder
from routing_platform.local.api_client import ApiClient
from routing_platform.local.installation import BALANCES
from routing_platform.local.stack import running_stack
from tests.stack.conftest import QUICK, wait_until_usable

pytestmark = pytest.mark.stack
ROUTE = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.01"}


@pytest.fixture
def redis_server():
    with short_folder() as folder, running_valkey(folder) as server_and_url:
        yield server_and_url


@pytest.fixture
def postgres_server():
    with short_folder() as folder, running_postgres(folder) as server_and_url:
        yield server_and_url


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
