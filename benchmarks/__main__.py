"""`make bench`: raw ccxt, the executor alone, batches and single signals over HTTP, all against one simulator.

Prints a table and writes .local/bench.json. The machine is shared and noisy: read the ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from base64 import b64encode
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import django
import psycopg
from rich.console import Console
from rich.table import Table

from execution.simulator.client import SimulatorControl
from routing_platform.local import paths
from routing_platform.local.stack import Stack, running_stack

USERS = 20
DATABASE = "routing_bench"
console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)


@dataclass(frozen=True, slots=True)
class Figure:
    """Orders per second, and milliseconds from the receipt of a signal to the exchange's answer."""

    orders_per_s: float
    p50_ms: float | None = None
    p99_ms: float | None = None


def main() -> int:
    options = _options()
    _fresh_database()
    os.environ.update({"DJANGO_SETTINGS_MODULE": "routing_platform.settings", "LOG_LEVEL": "ERROR"})
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    figures: dict[str, Figure] = {}
    settings = {"fault_rate": 0, "latency_ms": 0}
    with console.status("starting …"), running_stack(simulator=settings, before_start=_open_accounts) as stack:
        figures["raw_ccxt"] = Figure(_raw(stack, options.orders, 100))
        for name, measure in (
            ("executor", _executor),
            ("batch_http", _batch),
            ("single_http", _single),
            ("quiet_http", _quiet),
        ):
            console.print(f"[dim]{name} …")
            figures[name] = measure(stack, options.orders)
        # Half of the noise of a shared machine is drift: raw ccxt is measured before and after.
        again = _raw(stack, options.orders, 100)
        figures["raw_ccxt"] = Figure(statistics.mean([figures["raw_ccxt"].orders_per_s, again]))
        assert stack.simulator is not None
        stack.simulator.control.configure("binance", latency_ms=100)
        figures["executor_100ms"] = _executor(stack, options.orders)
    _report(figures)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=", description=__doc__)
    parser.add_argument("--orders", type=int, default=3000, help="orders of each measurement (default: 3000)")
    return parser.parse_args()


def _fresh_database() -> None:
    """A database of its own beside the one the environment names."""
    url = os.environ["DATABASE_URL"]
    head, _, tail = url.partition("?")
    base = head.rsplit("/", 1)[0]
    query = f"?{tail}" if tail else ""
    with psycopg.connect(f"{base}/postgres{query}", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE}")
    os.environ["DATABASE_URL"] = f"{base}/{DATABASE}{query}"


_raw_keys: list[tuple[str, str]] = []
"""Accounts of their own: in those of the platform, orders it never made would have to be explained."""

_tokens: list[str] = []


def _open_accounts(control: SimulatorControl) -> None:
    from django.contrib.auth.models import User

    from policies.domain.policy import Mode
    from policies.models import Exchange, OrderSizeLimit, TradingPermission
    from policies.services import create_token, store_credential

    Exchange.objects.update(mode="live", enabled=False)
    Exchange.objects.filter(slug="binance").update(enabled=True, health_interval_s=5)
    for number in range(USERS):
        user = User.objects.create(username=f"bench{number}")
        permission = TradingPermission.objects.create(user=user)
        OrderSizeLimit.objects.create(permission=permission, currency="USDT", max_notional=Decimal(10**9))
        key, secret = _open_account(control, f"bench-{number}")
        store_credential(
            user=user, exchange="binance", mode=Mode.LIVE, secrets={"api_key": key, "secret": secret}, by=None
        )
        _raw_keys.append(_open_account(control, f"raw-{number}"))
        _tokens.append(create_token(user=user, name="bench", scopes=["trade", "read"], by=None)[1])


def _open_account(control: SimulatorControl, name: str) -> tuple[str, str]:
    key, secret = f"key-{name}", b64encode(f"secret-{name}".encode()).decode()
    control.upsert_account("binance", key, secret, {"USDT": "1000000000", "BTC": "0"})
    return key, secret


def _python(*arguments: str) -> float:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, cwd=paths.BASE_DIR)
    return float(done.stdout.strip().splitlines()[-1])


def _raw(stack: Stack, orders: int, concurrency: int) -> float:
    assert stack.simulator is not None
    url = stack.simulator.base_urls["binance"]
    keys = json.dumps(_raw_keys)
    return _python("-m", "benchmarks.raw_ccxt", url, keys, f"--orders={orders}", f"--concurrency={concurrency}")


def _executor(stack: Stack, orders: int) -> Figure:
    """Stored signals to recorded fills: routing, risk, orders, sending, recording, by one worker process."""
    from django.contrib.auth.models import User
    from django.utils import timezone

    from execution.api.signal_input import parse_signal
    from execution.services import intake

    users = list(User.objects.filter(username__startswith="bench").values_list("pk", flat=True))
    now = timezone.now()
    _warm_up(stack)
    began = timezone.now()
    for position, user_id in enumerate(users):
        body = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.001"}
        signals = [
            parse_signal({**body, "id": f"x{now.timestamp()}-{position}-{n}"}) for n in range(orders // len(users))
        ]
        # Not to be claimed before all are there.
        _store_held(intake, signals, user_id, now)
    return _release_and_wait(began)


def _store_held(intake: Any, signals: list[Any], user_id: int, now: Any) -> None:
    from django.db import connection, transaction

    with transaction.atomic():
        intake.store_signals(signals, user_id=user_id, token_id=None, now=now, max_age_s=3600)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE execution_signal SET status = 'routing', claimed_until = 'infinity' WHERE status = 'pending'"
            )


def _release_and_wait(since: Any) -> Figure:
    from django.db import connection
    from django.utils import timezone

    from execution.services.wake import waker

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE execution_signal SET status = 'pending', claimed_until = NULL, received_at = clock_timestamp() "
            "WHERE claimed_until = 'infinity'"
        )
    released = timezone.now()
    waker.wake()  # as intake does
    return _wait(since, released)


def _wait(since: Any, released: Any = None) -> Figure:
    """Until every signal since then is final. Counts from the first one's receipt, or from `released`."""
    from django.db import connection

    began = time.perf_counter()
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM execution_signal WHERE final_at IS NULL AND status <> 'x' LIMIT 1")
            open_signal = cursor.fetchone()
        if open_signal is None:
            break
        if time.perf_counter() - began > 300:
            raise SystemExit("Not finished after 300 s.")
        time.sleep(0.05)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE s.status = 'filled'), "
            "EXTRACT(epoch FROM max(s.final_at) - COALESCE(%s, min(s.received_at))), "
            "percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY EXTRACT(epoch FROM o.acked_at - s.received_at)) "
            "FROM execution_signal s JOIN execution_order o ON o.signal_id = s.id WHERE s.received_at >= %s",
            [released, since],
        )
        count, filled, took, percentiles = cursor.fetchone()
    if filled != count:
        raise SystemExit(f"Only {filled} of {count} orders were filled.")
    return Figure(count / float(took), float(percentiles[0]) * 1000, float(percentiles[1]) * 1000)


def _warm_up(stack: Stack) -> None:
    """Clients open, markets loaded, a book in the cache: the same start as raw ccxt gets."""
    _load(stack, orders=100, batch=1, concurrency=4)
    _wait("2000-01-01")


def _load(stack: Stack, *, orders: int, batch: int, concurrency: int) -> float:
    tokens = json.dumps(_tokens)
    sizes = (f"--orders={orders}", f"--batch={batch}", f"--concurrency={concurrency}")
    return _python("-m", "benchmarks.load", stack.url, tokens, *sizes)


def _batch(stack: Stack, orders: int) -> Figure:
    return _over_http(stack, orders, batch=100, concurrency=4)


def _single(stack: Stack, orders: int) -> Figure:
    return _over_http(stack, orders // 2, batch=1, concurrency=16)


def _quiet(stack: Stack, orders: int) -> Figure:
    return _over_http(stack, orders // 10, batch=1, concurrency=1)


def _over_http(stack: Stack, orders: int, *, batch: int, concurrency: int) -> Figure:
    from django.utils import timezone

    _warm_up(stack)
    since = timezone.now()
    _load(stack, orders=orders, batch=batch, concurrency=concurrency)
    return _wait(since)


def _report(figures: dict[str, Figure]) -> None:
    raw = figures["raw_ccxt"].orders_per_s
    table = Table(title="Orders per second, one worker process", title_justify="left")
    for column in ("measured", "orders/s", "of raw ccxt", "signal to ack p50", "p99"):
        table.add_column(column, justify="left" if column == "measured" else "right")
    names = {
        "raw_ccxt": "raw ccxt, a bare asyncio loop",
        "executor": "executor alone: stored signals to recorded fills",
        "batch_http": "end to end, batches of 100 over HTTP",
        "single_http": "end to end, single signals over HTTP",
        "quiet_http": "one client, one signal after the other",
        "executor_100ms": "executor, exchange answers after 100 ms",
    }
    written: dict[str, dict[str, float]] = {}
    for name, figure in figures.items():
        ratio = figure.orders_per_s / raw
        latencies = [f"{value:.0f} ms" if value is not None else "–" for value in (figure.p50_ms, figure.p99_ms)]
        table.add_row(names[name], f"{figure.orders_per_s:,.0f}", f"{ratio:.2f}", *latencies)
        written[name] = {"orders_per_s": round(figure.orders_per_s, 1)}
        if name != "raw_ccxt":
            written[name]["ratio"] = round(ratio, 3)
        if figure.p50_ms is not None and figure.p99_ms is not None:
            written[name] |= {"p50_ms": round(figure.p50_ms, 1), "p99_ms": round(figure.p99_ms, 1)}
    console.print(table)
    (paths.LOCAL_DIR / "bench.json").write_text(json.dumps(written, indent=2) + "\n")
    console.print("[dim]Written to .local/bench.json")


if __name__ == "__main__":
    sys.exit(main())
