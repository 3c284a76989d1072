"""Keys that stop being good, and exchanges that send us away, while orders are running."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from execution.models import ExchangeHealth
from policies.models import ExchangeCredential
from tests.execution.conftest import BALANCES, add_trader

ROOT = Path(__file__).resolve().parent.parent.parent
SECRET = "c2VjcmV0LW9mLWE="


def wait_until(condition, within_s=30):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def keys_of(user, exchange="binance"):
    return ExchangeCredential.objects.get(user=user, exchange_id=exchange)


def change_account(platform, name="algo1", secret=SECRET, **permissions):
    platform.simulator.control.upsert_account("binance", f"binance-{name}", secret, {}, **permissions)


def check_keys(platform):
    return platform.executor.submit(platform.executor.duties.check_due_keys()).result(10)


def test_keys_revoked_while_running_are_frozen_and_the_exchange_stays_in_use(platform):
    other = add_trader(platform.simulator, "algo2")
    assert platform.settle(amount="0.1").exchange_id == "binance"
    change_account(platform, secret="cmV2b2tlZA==")

    signal = platform.settle(amount="0.1")

    first = signal.orders.get(attempt=1)
    assert (first.exchange_id, first.status, first.reason_code) == ("binance", "rejected", "AUTHENTICATION_FAILED")
    wait_until(lambda: keys_of(platform.user).frozen)
    assert "does not accept these keys" in keys_of(platform.user).frozen_reason
    platform.poll_health()
    assert ExchangeHealth.objects.get(pk="binance").status == "ok"
    assert platform.settle(other, amount="0.1").exchange_id == "binance"
    assert not keys_of(other).frozen


def test_new_keys_are_checked_and_what_the_exchange_tells_is_kept(platform):
    change_account(platform, ip_restricted=False)

    assert check_keys(platform) == len(BALANCES)

    mine = keys_of(platform.user)
    assert (mine.check_result, mine.ip_restricted, mine.frozen) == ("accepted", False, False)
    assert keys_of(platform.user, "firi").check_result == "accepted"
    assert check_keys(platform) == 0


def test_keys_that_may_withdraw_are_frozen_before_they_do_harm(platform):
    change_account(platform, may_withdraw=True)

    check_keys(platform)
    signal = platform.settle(amount="0.1", exchange="binance")

    assert keys_of(platform.user).check_result == "dangerous"
    assert signal.exchange_id != "binance"
    assert not platform.ledger("binance")


def test_an_exchange_that_does_not_answer_freezes_nobodys_keys(platform):
    platform.simulator.control.configure("binance", down=True)

    check_keys(platform)

    mine = keys_of(platform.user)
    assert (mine.check_result, mine.frozen) == ("unanswered", False)


def test_a_ban_is_stored_and_the_router_passes_the_exchange_over_until_it_ends(platform):
    platform.simulator.control.queue_fault("binance", "rate_limit")

    assert platform.settle(amount="0.1").exchange_id == "kraken"
    wait_until(lambda: ExchangeHealth.objects.get(pk="binance").banned_until is not None)

    ExchangeHealth.objects.filter(pk="binance").update(banned_until="2100-01-01T00:00:00Z")
    time.sleep(0.6)  # facts are read again twice a second
    signal = platform.settle(amount="0.1")
    (passed,) = [c for c in signal.decisions.get().candidates if c["exchange"] == "binance"]
    assert (signal.exchange_id, passed["code"]) == ("kraken", "RATE_LIMITED")
    assert "asked us to send nothing before" in passed["detail"]


def test_a_pair_delisted_between_routing_and_sending_goes_to_the_next_exchange(platform):
    platform.settle(amount="0.1")
    markets = platform.executor.connections.public("binance")._adapter._client.markets
    del markets["BTC/USDT"]

    signal = platform.settle(amount="0.1")

    first = signal.orders.get(attempt=1)
    assert (first.exchange_id, first.status, first.reason_code) == ("binance", "not_placed", "PAIR_NOT_LISTED")
    assert (signal.status, signal.exchange_id) == ("filled", "kraken")


@pytest.mark.stack
def test_a_thousand_clients_of_one_exchange_fit_into_one_worker(simulator):
    command = [sys.executable, "-m", "tests.execution.client_load", simulator.base_urls["binance"], "1000"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    megabytes = int(done.stdout)
    print(f"\n1,000 clients: {megabytes} MB")
    assert megabytes <= 450
