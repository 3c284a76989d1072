"""The breaker in made-up time: when it opens, how long, what closes it, and that it does not flap."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain.breaker import BreakerState, Outcome, after_call, at, closed, force, release
from policies.domain.policy import BreakerRules

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RULES = BreakerRules(jitter=0)
S, F, SLOW = Outcome.SUCCESS, Outcome.FAILURE, Outcome.SLOW


def after(*outcomes, breaker=None, rules=RULES, start=0.0, every=1.0):
    """The breaker after these calls, one every `every` seconds from `start`."""
    breaker = breaker or closed(NOON)
    for number, outcome in enumerate(outcomes):
        now = NOON + timedelta(seconds=start + number * every)
        breaker = after_call(breaker, rules, outcome, now, chance=0.0, why="503")
    return breaker


def when(seconds):
    return NOON + timedelta(seconds=seconds)


def test_failures_in_a_row_open_it_and_one_success_starts_the_count_again():
    assert after(*[F] * 4).state == BreakerState.CLOSED
    assert after(F, F, F, F, S, F, F, F, F).state == BreakerState.CLOSED
    opened = after(*[F] * 5)
    assert (opened.state, opened.cause) == (BreakerState.OPEN, "5 failures in a row: 503")
    assert opened.open_until == when(4 + 60)


def test_time_outs_that_end_together_after_others_were_answered_are_none_in_a_row():
    assert after(*[S] * 30, *[Outcome.OVERTAKEN] * 10, every=0.01).state == BreakerState.CLOSED
    assert after(F, F, F, Outcome.OVERTAKEN, F, F).state == BreakerState.OPEN
    assert after(*[Outcome.OVERTAKEN] * 20).cause == "20 of 20 calls failed: 503"


def test_half_of_twenty_calls_failing_opens_it_and_half_of_ten_does_not():
    assert after(*[S, F] * 5).state == BreakerState.CLOSED
    assert after(*[S, F] * 10).cause == "10 of 20 calls failed: 503"


def test_what_lies_further_back_than_the_window_does_not_count():
    # 19 calls, then a pause, then as many: never 20 in one window.
    calm = after(*[S, F] * 9, every=0.1)
    later = after(*[S, F] * 9, breaker=calm, start=60, every=0.1)
    assert later.state == BreakerState.CLOSED


def test_four_of_five_slow_calls_open_it_and_slow_is_no_failure():
    assert after(*[SLOW] * 19).state == BreakerState.CLOSED
    assert after(*[SLOW] * 20).cause == "20 of 20 calls were slow."
    assert after(F, F, F, F, SLOW, F).state == BreakerState.CLOSED


def test_an_open_one_lets_probes_through_after_its_time_and_enough_successes_close_it():
    opened = after(*[F] * 5)
    assert at(opened, RULES, when(63.9)).state == BreakerState.OPEN
    half = at(opened, RULES, when(64))
    assert half.state == BreakerState.HALF_OPEN
    once = after_call(half, RULES, S, when(65), chance=0)
    assert once.state == BreakerState.HALF_OPEN
    assert after_call(once, RULES, S, when(66), chance=0).state == BreakerState.CLOSED


def test_a_failed_probe_opens_it_for_twice_as_long_up_to_the_longest():
    breaker, now, lasted = after(*[F] * 5), 4.0, []
    for _ in range(4):
        lasted.append((breaker.open_until - breaker.since).total_seconds())
        now += lasted[-1]
        breaker = after_call(breaker, RULES, F, when(now), chance=0)
    assert lasted == [60, 120, 240, 300]


def test_the_doubling_is_forgotten_only_after_a_calm_time():
    tripped = replace(closed(NOON), trips=2)
    soon = after(*[F] * 5, breaker=tripped, start=100)
    assert (soon.open_until - soon.since).total_seconds() == 240
    late = after(*[F] * 5, breaker=tripped, start=700)
    assert (late.open_until - late.since).total_seconds() == 60


def test_answers_to_calls_from_before_the_opening_change_nothing():
    opened = after(*[F] * 5)
    assert after(S, S, F, S, breaker=opened, start=5) == opened


@pytest.mark.parametrize("state", [BreakerState.OPEN, BreakerState.CLOSED])
def test_a_person_holds_it_against_everything_until_the_time_is_over(state):
    held = force(after(*[F] * 5), state, NOON, until=when(100), cause="migration of theirs")
    assert after(*[F] * 50, breaker=held, every=1).state == state
    assert at(held, RULES, when(99)).state == state
    freed = at(held, RULES, when(100))
    assert freed.state == (BreakerState.HALF_OPEN if state == BreakerState.OPEN else BreakerState.CLOSED)
    assert release(force(closed(NOON), state, NOON, until=None, cause="x"), RULES, when(1)).forced is False


def test_a_clock_set_back_by_hours_locks_nothing_out():
    opened = after(*[F] * 5)
    back = NOON - timedelta(hours=5)
    assert at(opened, RULES, back).open_until == back + timedelta(seconds=300)


def test_jitter_spreads_the_return():
    rules = BreakerRules()
    ends = {
        after_call(after(*[F] * 4, rules=rules), rules, F, when(4), chance=chance / 10).open_until
        for chance in range(10)
    }
    assert len(ends) == 10
    assert max(ends) - min(ends) < timedelta(seconds=6)


@pytest.mark.parametrize("seed", range(20))
def test_an_exchange_that_flaps_for_ten_minutes_is_let_in_four_times_at_the_most(seed):
    """5 s up, 5 s down; 20 calls a second while it lets them through."""
    random, rules = Random(seed), BreakerRules()
    breaker, closings = closed(NOON), 0
    for tick in range(600 * 20):
        now = when(tick / 20)
        before = at(breaker, rules, now)
        if before.state == BreakerState.OPEN:
            breaker = before
            continue
        outcome = S if now.second % 10 < 5 else F
        breaker = after_call(before, rules, outcome, now, chance=random.random())
        closings += before.state != BreakerState.CLOSED and breaker.state == BreakerState.CLOSED
    assert closings <= 4


@given(st.lists(st.tuples(st.sampled_from([S, F, SLOW]), st.floats(-400, 400)), max_size=200))
def test_whatever_happens_it_comes_back(calls):
    """Any calls at any times, also backwards: never open for longer than the longest, and two successes close it."""
    breaker, now = closed(NOON), NOON
    for outcome, seconds in calls:
        now += timedelta(seconds=seconds)
        breaker = after_call(breaker, RULES, outcome, now, chance=0.5)
    later = now + timedelta(seconds=RULES.longest_open_s + 1)
    for n in range(3):
        breaker = after_call(breaker, RULES, S, later + timedelta(seconds=n), chance=0)
    assert breaker.state == BreakerState.CLOSED
