"""The process that follows order books: twenty pairs at each of eight exchanges, whose books move all the time.

    python -m routing_platform.local exec -- python -m benchmarks.market_data [SECONDS [MILLISECONDS_BETWEEN_MOVES]]

Prints what it takes of one CPU and of memory, what arrives, and how old the oldest book of each exchange is.
"""

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import django
from rich.console import Console

from benchmarks.__main__ import _fresh_database
from benchmarks.many_pairs import symbols
from execution.simulator.client import SimulatorControl
from routing_platform.local import paths
from routing_platform.local.stack import free_port

STARTS_WITHIN_S = 90
console = Console(highlight=False, width=130)


def main() -> int:
    seconds, tick_ms = (int(text) for text in (*sys.argv[1:], *("30", "250")[len(sys.argv) - 1 :]))
    _fresh_database()
    os.environ.update({"DJANGO_SETTINGS_MODULE": "routing_platform.settings", "LOG_LEVEL": "ERROR"})
    django.setup()
    pairs = _prepare()
    simulator = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.many_pairs", "--port", "0", "--tick-ms", str(tick_ms), "--quiet"],
        cwd=paths.BASE_DIR,
        stdout=subprocess.PIPE,
    )
    assert simulator.stdout is not None
    addresses = json.loads(simulator.stdout.readline())
    port = free_port()
    follower = subprocess.Popen(
        [sys.executable, "manage.py", "run_market_data"],
        cwd=paths.BASE_DIR,
        env=_environment(addresses, port, pairs),
    )
    try:
        _report(_Metrics(port), Path(f"/proc/{follower.pid}"), seconds)
    finally:
        began = time.monotonic()
        for child in (follower, simulator):
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
        console.print(f"both ended within {time.monotonic() - began:.1f} s")
    return 0


def _prepare() -> list[str]:
    """Every exchange switched on, with its pairs. Returns all pairs."""
    from django.core.management import call_command

    from execution.models import Market
    from policies.models import Exchange

    call_command("migrate", verbosity=0)
    Exchange.objects.update(enabled=True)
    slugs = list(Exchange.objects.values_list("slug", flat=True))
    step = {"tick": Decimal("0.01"), "lot": Decimal("0.00001")}
    Market.objects.bulk_create(
        Market(exchange_id=slug, symbol=symbol, **step) for slug in slugs for symbol in symbols(slug)
    )
    return sorted({symbol for slug in slugs for symbol in symbols(slug)})


def _environment(addresses: dict[str, object], port: int, pairs: list[str]) -> dict[str, str]:
    keys = {"api_key": "platform", "secret": "market-data-only"}
    SimulatorControl(str(addresses["control"])).upsert_account("alpaca", keys["api_key"], keys["secret"], {})
    return {
        **os.environ,
        "EXCHANGE_BASE_URLS": json.dumps(addresses["exchanges"]),
        "PUBLIC_KEYS": json.dumps({"alpaca": keys}),
        "MARKET_DATA_PAIRS": ",".join(pairs),
        "WORKER_METRICS_PORT": str(port),
    }


class _Metrics:
    """The process's figures, by name and exchange (and source)."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/metrics"

    def read(self) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = defaultdict(dict)
        with urllib.request.urlopen(self._url, timeout=5) as answer:  # noqa: S310 - our own port
            for line in answer.read().decode().splitlines():
                if line.startswith("market_data_") and "_created" not in line:
                    name, _, rest = line.partition("{")
                    labels, _, value = rest.rpartition("} ")
                    found[name][" ".join(part.split('"')[1] for part in labels.split(","))] = float(value)
        return found


def _cpu_s(process: Path) -> float:
    """CPU seconds it has taken, of its own and of the system for it."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mib(process: Path) -> tuple[float, float]:
    """All that is resident, and what is shared with nobody."""
    rows = [line.split() for line in (process / "smaps_rollup").read_text().splitlines()]
    private = sum(int(row[1]) for row in rows if row[0].startswith("Private_"))
    return next(int(row[1]) for row in rows if row[0] == "Rss:") / 1024, private / 1024


def _report(metrics: _Metrics, process: Path, seconds: int) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        time.sleep(1)
        try:
            streamed = metrics.read()["market_data_books_streamed"]
        except OSError:
            streamed = {}
        if sum(streamed.values()) >= len([count for count in streamed.values() if count]) * 20 > 0:
            break
        if time.monotonic() > deadline:
            console.print(f"Not all streams came: {streamed}")
            break
    before, cpu, began = metrics.read(), _cpu_s(process), time.monotonic()
    ages: dict[str, list[float]] = defaultdict(list)
    while time.monotonic() - began < seconds:
        time.sleep(1)
        for slug, age in metrics.read()["market_data_book_age_seconds"].items():
            ages[slug].append(age)
    took, after = time.monotonic() - began, metrics.read()
    cpu = _cpu_s(process) - cpu
    arrived = {
        key: (count - before["market_data_messages_total"].get(key, 0)) / took
        for key, count in after["market_data_messages_total"].items()
    }
    resident, private = _memory_mib(process)
    console.print(
        f"{sum(after['market_data_books'].values()):.0f} books, {sum(arrived.values()):.0f} messages/s: "
        f"{cpu / took:.0%} of a CPU, {cpu / took / max(1.0, sum(arrived.values())) * 1e3:.2f} ms a message, "
        f"{resident:.0f} MiB ({private:.0f} of its own)"
    )
    for slug in sorted(ages):
        told = {source: arrived.get(f"{slug} {source}", 0.0) for source in ("stream", "rest")}
        console.print(
            f"{slug:9} {after['market_data_books_streamed'].get(slug, 0):3.0f} streamed, "
            f"{told['stream']:6.1f}/s streamed, {told['rest']:4.1f}/s asked; oldest book: "
            f"median {statistics.median(ages[slug]):.2f} s, worst {max(ages[slug]):.2f} s"
        )
    console.print("begun anew:", dict(after["market_data_resyncs_total"]) or "none")


if __name__ == "__main__":
    sys.exit(main())
