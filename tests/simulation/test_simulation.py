"""Three hundred worlds of twenty orders each; `python -m tests.simulation` runs as many as there is time for."""

import os
import subprocess
import sys

from execution.domain.orders import SIGNAL_FINAL, OrderStatus
from tests.simulation.runs import run_seeds, told

SEEDS, ORDERS = 300, 20


def test_no_rule_is_broken_in_any_world():
    figures = run_seeds(range(SEEDS), ORDERS)

    assert figures.signals == SEEDS * ORDERS
    # What is never reached is not tested: a queued and a submitting order are where orders begin.
    begin = {OrderStatus.QUEUED, OrderStatus.SUBMITTING}
    assert set(figures.reached) == {*(set(OrderStatus) - begin), *(f"signal {status}" for status in SIGNAL_FINAL)}
    assert figures.unlucky > SEEDS


def test_a_seed_is_the_same_world_to_the_last_event():
    code = "from tests.simulation.runs import told; print(chr(10).join(told(7, 20)), end='')"
    environment = {**os.environ, "PYTHONHASHSEED": "123"}

    again = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert again.stdout.splitlines() == told(7, ORDERS)


def test_other_seeds_are_other_worlds():
    assert told(7, ORDERS) != told(8, ORDERS)


def test_the_command_says_what_it_ran():
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "3", "--orders", "5"]

    ran = subprocess.run(command, capture_output=True, text=True, check=True)

    assert ran.stdout.startswith("3 seeds, 15 signals, ")
    assert "0 rules broken" in ran.stdout
