import pytest

from execution.domain.clock import ClockGuard


@pytest.fixture
def guard():
    return ClockGuard(1_000.0, 50.0)


def test_a_clock_that_only_runs_was_not_set(guard):
    assert [guard.look(1_000.0 + s, 50.0 + s) for s in range(100)] == [0.0] * 100
    assert not guard.set_within(99.0, 150.0)


@pytest.mark.parametrize("step", [300.0, -300.0, 2.0])
def test_a_step_is_noticed_once_and_doubted_for_a_while(guard, step):
    guard.look(1_100.0, 150.0)

    assert guard.look(1_101.0 + step, 151.0) == step
    assert guard.look(1_102.0 + step, 152.0) == 0.0

    assert guard.set_within(10.0, 160.0)
    assert not guard.set_within(10.0, 161.0)


def test_a_slewed_clock_was_not_set(guard):
    assert [guard.look(1_000.0 + 1.2 * s, 50.0 + s) for s in range(1, 200)] == [0.0] * 199


def test_a_process_that_just_began_does_not_know_how_its_clock_ran(guard):
    assert guard.set_within(7.0, 56.0)
    assert not guard.set_within(7.0, 57.0)
