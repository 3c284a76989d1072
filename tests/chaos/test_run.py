"""A run without violations must also have been a test."""

import threading

import pytest

from chaos.load import Load, plan
from chaos.run import weakness

STRONG = {"placements": 580, "under_attack": 500, "placement_faults": 115}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"under_attack": 70}, "only 70 of 580 placements were made while things were broken"),
        ({"placement_faults": 17}, "only 17 of 580 placements failed"),
        ({"placements": 0, "under_attack": 0, "placement_faults": 0}, "only 0 of 0"),
    ],
)
def test_a_run_whose_attack_met_an_idle_platform_proves_nothing(change, words):
    assert weakness(STRONG) == ""
    assert words in weakness({**STRONG, **change})


def test_clients_that_fail_are_no_calm_run(monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    load = Load("http://127.0.0.1:1", [], plan(1, 5, 0.1, users=2), {}, seed=1)  # no tokens: every client breaks

    load.start()
    load._thread.join(10)

    with pytest.raises(RuntimeError, match="clients failed"):
        _ = load.running
