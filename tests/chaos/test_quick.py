"""The quick tier, as anybody runs it: 600 signals, a dozen kills, and nothing twice, nothing lost."""

import json
import os
import subprocess
import sys

import pytest

from routing_platform.local import paths

pytestmark = pytest.mark.stack


def test_the_quick_tier_finds_nothing():
    done = subprocess.run(
        [sys.executable, "-m", "chaos", "--tier", "quick", "--seed", "11"],
        cwd=paths.BASE_DIR,
        env={**os.environ, "DATABASE_URL": "postgres://nobody@/must-not-be-touched?host=/nonexistent"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    result = json.loads((paths.LOCAL_DIR / "chaos.json").read_text())["quick"]["result"]
    (seed,) = result["seeds"]
    assert seed["figures"]["signals"] >= 590
    assert seed["figures"]["kills"] >= 10
    # Breakers open on a slow machine, and what is not placed cannot fail.
    assert seed["figures"]["placement_faults"] > 15
    assert set(seed["violations"].values()) == {0}
