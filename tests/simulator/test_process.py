"""Starting and stopping, from the command line and from code."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from execution.simulator.cli import main
from execution.simulator.client import SimulatorControl
from execution.simulator.dialects import DIALECTS
from execution.simulator.facts import PORT_OFFSETS
from execution.simulator.process import running_simulator

PROJECT = Path(__file__).resolve().parents[2]


def test_it_prints_its_addresses_on_one_line_and_stops_on_sigterm() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = [sys.executable, "-m", "execution.simulator", "--port", "0", "--quiet"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        addresses = json.loads(child.stdout.readline())
        health = SimulatorControl(addresses["control"]).health()
        child.send_signal(signal.SIGTERM)
        rest = child.stdout.read()
        code = child.wait(5)

    assert health == {"status": "ok", "seed": 1, "exchanges": addresses["exchanges"]}
    assert (rest, code) == (b"", 0)
    # Processor time, because the machine may be busy: it is ready in a quarter of a second on an idle one.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 1


def test_it_imports_neither_django_nor_ccxt_nor_aiohttp() -> None:
    code = (
        "import sys, execution.simulator.cli, execution.simulator.process;"
        "print([name for name in ('django', 'ccxt', 'aiohttp', 'policies') if name in sys.modules])"
    )

    output = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)

    assert output.stdout.strip() == "[]"


def test_the_ports_follow_the_base_port_in_the_fixed_order() -> None:
    base = free_range()

    with running_simulator(port=base) as running:
        assert running.control.url == f"http://127.0.0.1:{base}"
        assert running.base_urls == {slug: f"http://127.0.0.1:{base + PORT_OFFSETS[slug]}" for slug in DIALECTS}


def test_a_taken_port_is_named_with_what_to_do(capfd: pytest.CaptureFixture[str]) -> None:
    base = free_range()
    port = base + PORT_OFFSETS["binance"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()

        with pytest.raises(RuntimeError, match="before it was ready"), running_simulator(port=base):
            pass

    error = capfd.readouterr().err
    assert f"port {port} (binance) is in use" in error
    assert "--port 0" in error


def test_the_options_reach_the_simulator() -> None:
    with running_simulator(seed=5, latency_ms=2, fault_rate=0.25, late_ms=7, tick_ms=10) as running:
        settings = running.control.exchanges()["binance"]
        time.sleep(0.05)
        step = running.control.step(0)["binance"]

    assert (settings["latency_ms"], settings["fault_rate"], settings["late_ms"]) == (2.0, 0.25, 7.0)
    assert step >= 3


def test_a_frozen_exchange_stands_still_and_catches_up_when_thawed() -> None:
    with running_simulator(tick_ms=10) as running:
        control = running.control
        frozen_at = control.configure("kraken", frozen=True)["step"]
        before = control.book("kraken", "BTC/USD")
        time.sleep(0.1)
        assert control.book("kraken", "BTC/USD") == before
        assert control.step(0)["kraken"] == frozen_at < control.step(0)["binance"]
        control.configure("kraken", frozen=False)
        steps = control.step(0)

    assert abs(steps["kraken"] - steps["binance"]) <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "70000"], "port must be a whole number from 0 to 65000"),
        (["--fault-rate", "2"], "fault-rate must be a number from 0"),
        (["--latency-ms", "slow"], "milliseconds must be a number"),
        (["--speed", "9"], "unrecognized arguments: --speed"),
    ],
)
def test_wrong_options_are_explained(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_help_names_every_fault_and_port(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    text = " ".join(capsys.readouterr().out.split())
    assert "binance +1, bybit +2, okx +3, kucoin +4, kraken +5, firi +6, coinbase +7, alpaca +8" in text
    assert "disconnect_after" in text


def test_the_django_command_is_the_same_simulator() -> None:
    command = [sys.executable, "manage.py", "simulate_exchanges", "--port", "0", "--seed", "3", "--quiet"]
    environment = {**os.environ, "DEBUG": "true"}
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        addresses = json.loads(child.stdout.readline())
        health = SimulatorControl(addresses["control"]).health()
        child.terminate()
        code = child.wait(5)

    assert (health["seed"], code) == (3, 0)


def free_range() -> int:
    """A base port with eight free ports behind it, as far as one can know."""
    for base in range(20_000, 60_000, 50):
        sockets = [socket.socket() for _ in range(9)]
        try:
            for offset, each in enumerate(sockets):
                each.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        else:
            return base
        finally:
            for each in sockets:
                each.close()
    raise AssertionError("no free range of ports")
