import random
from bisect import bisect_left

import pytest

from execution.domain.rollups import BUCKETS, FORGET_AFTER_S, Counted, Tally, bucket_of, percentile, upper_ms


def histogram(values):
    counted = Counted()
    for value in values:
        counted.add(value)
    return counted


@pytest.mark.parametrize("ms", [0.01, 1, 1.01, 2, 7.3, 50, 184, 999.9, 30_000])
def test_a_latency_lies_within_its_bucket(ms):
    bucket = bucket_of(ms)

    assert ms <= upper_ms(bucket) * (1 + 1e-9)
    assert bucket == 0 or ms > upper_ms(bucket - 1) * (1 - 1e-9)


@pytest.mark.parametrize("nonsense", [-5.0, 0.0, float("nan"), float("-inf")])
def test_a_latency_that_a_clock_made_up_still_has_a_bucket(nonsense):
    assert bucket_of(nonsense) == 0
    assert bucket_of(float("inf")) == BUCKETS - 1


def test_percentiles_are_close_and_merge_to_the_percentile_of_all():
    dice = random.Random(7)
    halves = [[dice.lognormvariate(4, 0.8) for _ in range(4000)] for _ in range(2)]
    together = histogram(halves[0])
    together.merge(histogram(halves[1]))
    everything = sorted(halves[0] + halves[1])

    assert together.latencies == histogram(everything).latencies
    for share in (0.5, 0.95, 0.99):
        found = percentile(together.latencies, share)
        true = everything[int(share * len(everything))]
        assert abs(found / true - 1) < 0.05, share
        assert abs(bisect_left(everything, found) / len(everything) - share) < 0.02


def test_no_call_has_no_percentile_and_failures_have_no_latency():
    assert percentile({}, 0.5) is None
    assert histogram([None, None]).failures == 2
    assert percentile(histogram([None]).latencies, 0.99) is None


def test_what_cannot_be_stored_is_given_back_with_its_age_and_kept_for_an_hour():
    tally = Tally()
    tally.add("binance", "place", 1000.0, 40.0)
    tally.saw_book("binance", 1001.0)

    taken, books = tally.take(1003.0)
    assert {key[:2]: counted.calls for key, counted in taken.items()} == {("binance", "place"): 1}
    assert books == {"binance": 2.0}
    tally.give_back(taken, 1003.0)
    again, _ = tally.take(1003.0 + 600)
    (key,) = again
    assert key[2] == pytest.approx(603, abs=5)

    tally.give_back({("binance", "place", FORGET_AFTER_S + 1): Counted(calls=1)}, 9000.0)
    assert tally.take(9001.0)[0] == {}
