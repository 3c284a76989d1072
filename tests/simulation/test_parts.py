"""Signals in parts under bad luck: nothing is over-filled, all sums are exact, and it is noticed where they are not.

A hundred thousand orders of parts: `python -m tests.simulation --parts --seeds 1400`.
"""

from dataclasses import replace

import pytest

from execution.domain import life
from execution.domain import parts as domain
from execution.domain.orders import NEVER_PLACED
from tests.simulation import database
from tests.simulation.broken import Broken
from tests.simulation.runs import run_seed, run_seeds, told
from tests.simulation.truth import Violation
from tests.simulation.world import World

SEEDS, ORDERS = 100, 20


def test_no_whole_is_ever_exceeded_and_every_sum_is_exact():
    figures = run_seeds(range(SEEDS), ORDERS, parts=True)

    assert figures.signals == SEEDS * ORDERS
    assert figures.of_parts > 50 * SEEDS
    # What is never reached is not tested.
    assert {"unknown", "not_placed", "rejected", "partially_filled", "filled"} <= set(figures.reached)
    assert {"signal filled", "signal partial_fill", "signal cancelled", "signal expired"} <= set(figures.reached)


def test_slices_are_split_again_and_a_seed_is_the_same_world():
    world = run_seed(3, ORDERS, parts=True)

    depths = {row.parent is not None and row.parent.parent is not None for row in world.database.signals.values()}
    assert depths == {False, True}
    again = run_seed(3, ORDERS, parts=True)
    assert again.loop.events == world.loop.events
    assert told(3, ORDERS)  # without parts the same seed is another world


def first_violation(**world):
    for seed in range(40):
        try:
            World(seed, ORDERS, parts=True, **world).run()
        except Violation as e:
            return e
    raise AssertionError("nobody noticed")


WHOLE = {"parts within the whole", "sums are exact", "never over-filled"}


@pytest.mark.parametrize(
    ("flag", "rules"),
    [
        ("parents_do_not_wait", {*WHOLE, "a signal ends with its parts", "final is final"}),
        ("record_without_compare", {*WHOLE, "final is final", "legal moves only", "fills never shrink"}),
    ],
)
def test_a_database_that_breaks_a_rule_of_parts_is_caught(flag, rules):
    assert first_violation(broken=Broken(**{flag: True})).rule in rules


def nothing_is_held(original):
    return "used", lambda allotted, filled, *, ended, code: filled


def what_is_unknown_has_ended(original):
    def used(allotted, filled, *, ended, code):
        return original(allotted, filled, ended=True, code=code)

    return "used", used


@pytest.mark.parametrize("mutant", [nothing_is_held, what_is_unknown_has_ended])
def test_parts_under_way_that_hold_nothing_are_caught(monkeypatch, mutant):
    name, broken = mutant(domain.used)
    monkeypatch.setattr(database, name, broken)
    monkeypatch.setattr(database, "parent_after", eager(domain.parent_after))

    assert first_violation().rule in {*WHOLE, "a signal ends with its parts", "final is final"}


def eager(original):
    """A parent that does not wait for parts of which nothing is known."""

    def parent_after(state, now):
        return original(replace(state, parts_under_way=0), now)

    return parent_after


def test_a_leg_that_goes_elsewhere_when_its_fate_is_unknown_is_caught(monkeypatch):
    may_try = life.may_try_next
    monkeypatch.setattr(life, "may_try_next", lambda status, code: status not in NEVER_PLACED or may_try(status, code))

    assert first_violation().rule in {*WHOLE, "fail-over only from proof", "final is final"}
