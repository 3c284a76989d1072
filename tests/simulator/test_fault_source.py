"""Which requests fail, drawn or queued; and how an exchange's behaviour is changed."""

import pytest

from execution.simulator.faults import DEFAULT_WEIGHTS, FaultKind, FaultSource
from execution.simulator.settings import ExchangeSettings


def test_the_rate_and_the_weights_are_kept() -> None:
    source = FaultSource("seed")
    weights = {"late": 3.0, "timeout_after": 1.0}

    drawn = [source.draw("create_order", 0.25, weights) for _ in range(20_000)]

    hits = [kind for kind in drawn if kind is not None]
    assert abs(len(hits) / len(drawn) - 0.25) < 0.01
    assert abs(hits.count(FaultKind.LATE) / len(hits) - 0.75) < 0.02
    assert set(DEFAULT_WEIGHTS) == set(FaultKind)


def test_the_same_seed_draws_the_same_faults() -> None:
    def draws(seed: str) -> list[FaultKind | None]:
        source = FaultSource(seed)
        return [source.draw("create_order", 0.5, DEFAULT_WEIGHTS) for _ in range(50)]

    assert draws("1:binance") == draws("1:binance") != draws("2:binance")


def test_queued_faults_come_first_and_in_order() -> None:
    source = FaultSource("seed")
    source.queue("create_order", FaultKind.LATE, 1)
    source.queue("create_order", FaultKind.HTML_200, 2)

    drawn = [source.draw("create_order", 0.0, DEFAULT_WEIGHTS) for _ in range(4)]

    assert drawn == [FaultKind.LATE, FaultKind.HTML_200, FaultKind.HTML_200, None]
    assert source.draw("cancel_order", 0.0, DEFAULT_WEIGHTS) is None


def test_latency_varies_evenly_and_is_never_negative() -> None:
    source = FaultSource("seed")

    assert source.draw_latency(20, 0) == 0.02
    drawn = [source.draw_latency(5, 10) for _ in range(500)]
    assert min(drawn) == 0.0
    assert 0.014 < max(drawn) <= 0.015


def test_drawing_latency_does_not_change_which_faults_are_drawn() -> None:
    with_jitter, without = FaultSource("seed"), FaultSource("seed")
    for _ in range(10):
        with_jitter.draw_latency(5, 5)

    draws = [[source.draw("x", 0.5, DEFAULT_WEIGHTS) for _ in range(20)] for source in (with_jitter, without)]

    assert draws[0] == draws[1]


def test_settings_are_replaced_not_changed() -> None:
    before = ExchangeSettings()

    after = before.patched({"down": True, "latency_ms": 5})

    assert (before.down, after.down, after.latency_ms) == (False, True, 5.0)
    with pytest.raises(ValueError, match="unknown setting 'speed'; known: down, "):
        after.patched({"speed": 1})
