"""The harness can fail: every broken rule is noticed, and the code as it is passes the same scenarios."""

import json
import subprocess
import sys

import pytest

from chaos.mutants import ADJUSTMENTS, MUTANTS
from chaos.scenarios import SCENARIOS
from routing_platform.local import paths


def test_every_mutant_names_its_rule_and_an_existing_scenario():
    assert len(MUTANTS) >= 14
    assert all(mutant.rule and mutant.scenario in SCENARIOS for mutant in MUTANTS.values())
    assert {mutant.scenario for mutant in MUTANTS.values()} == set(SCENARIOS)


APPLY_EACH = """
import os, sys, django
django.setup()
from chaos.mutants import apply
for name in sys.argv[1:]:
    if not os.fork():
        apply(name)
        os._exit(0)
    if os.wait()[1]:
        print(name)
"""


def test_every_mutant_finds_what_it_replaces():
    """In processes of their own, because they really replace things."""
    done = subprocess.run(
        [sys.executable, "-c", APPLY_EACH, *MUTANTS, *ADJUSTMENTS],
        cwd=paths.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.night
@pytest.mark.stack
def test_every_mutant_is_caught_and_the_control_passes():
    done = subprocess.run(
        [sys.executable, "-m", "chaos", "mutants"],
        cwd=paths.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    result = json.loads((paths.LOCAL_DIR / "chaos.json").read_text())["mutants"]["result"]
    assert set(result["caught"]) == set(MUTANTS)
    assert all(result["caught"].values())
    assert set(result["control"].values()) == {True}
