"""Load balancing: who gets how much, and that nobody is run over."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from execution.domain.balance import Option, Peak, after_answer, balance
from policies.domain.policy import RouteBy

SPREADING = [method for method in RouteBy if method.spreads]
THREE = [Option(slug, max_in_flight=100) for slug in ("binance", "kraken", "okx")]


def firsts(method: RouteBy, options: list[Option], turns: int, start: int = 0) -> Counter[str]:
    return Counter(balance(method, options, turn)[0] for turn in range(start, start + turns))


@pytest.mark.parametrize("method", SPREADING)
def test_every_option_is_there_once_and_the_same_turn_gives_the_same_answer(method):
    for turn in range(50):
        order = balance(method, THREE, turn)
        assert sorted(order) == ["binance", "kraken", "okx"]
        assert order == balance(method, THREE, turn)


@pytest.mark.parametrize("method", SPREADING)
def test_with_nothing_to_choose_from_there_is_no_answer(method):
    assert balance(method, [], 5) == ()


def test_round_robin_takes_strict_turns():
    assert [balance(RouteBy.ROUND_ROBIN, THREE, turn)[0] for turn in range(4)] == [
        "binance",
        "kraken",
        "okx",
        "binance",
    ]
    assert firsts(RouteBy.ROUND_ROBIN, THREE, 900, start=17) == {"binance": 300, "kraken": 300, "okx": 300}


def test_round_robin_spreads_what_a_missing_one_leaves_over_all_others():
    """Walking the full list past the missing one would give its neighbour twice as much."""
    assert firsts(RouteBy.ROUND_ROBIN, THREE[1:], 900) == {"kraken": 450, "okx": 450}


@pytest.mark.parametrize("start", [0, 3, 1000])
def test_weights_are_met_exactly_in_every_round(start):
    options = [
        Option("binance", 5, max_in_flight=9),
        Option("kraken", 3, max_in_flight=9),
        Option("okx", 2, max_in_flight=9),
    ]

    assert firsts(RouteBy.WEIGHTED, options, 10, start=start) == {"binance": 5, "kraken": 3, "okx": 2}


def test_weights_come_spread_and_not_in_a_row():
    options = [
        Option("binance", 30, max_in_flight=9),
        Option("kraken", 10, max_in_flight=9),
        Option("okx", 10, max_in_flight=9),
    ]

    turns = [balance(RouteBy.WEIGHTED, options, turn)[0] for turn in range(5)]

    assert turns == ["binance", "kraken", "binance", "okx", "binance"]


def test_least_loaded_goes_by_the_share_of_the_room_that_is_taken():
    options = [
        Option("binance", in_flight=30, max_in_flight=300),
        Option("kraken", in_flight=20, max_in_flight=100),
        Option("okx", in_flight=4, max_in_flight=20),
    ]

    assert balance(RouteBy.LEAST_LOADED, options, 0)[0] == "binance"


def test_least_loaded_lets_equals_take_turns():
    assert firsts(RouteBy.LEAST_LOADED, THREE, 300) == {"binance": 100, "kraken": 100, "okx": 100}


def test_adaptive_prefers_the_fast_and_does_not_starve_the_others():
    options = [replace(option, latency_ms=ms) for option, ms in zip(THREE, (20.0, 60.0, 200.0), strict=True)]

    counts = firsts(RouteBy.ADAPTIVE, options, 3000)

    # Of the three pairs that chance picks, the fastest wins both of its own, the slowest none.
    assert counts["binance"] == pytest.approx(2000, rel=0.05)
    assert counts["kraken"] == pytest.approx(1000, rel=0.1)
    assert counts["okx"] == 0


def test_adaptive_leaves_a_fast_one_that_is_busy():
    busy = [replace(THREE[0], latency_ms=20.0, in_flight=30), replace(THREE[1], latency_ms=60.0)]

    assert firsts(RouteBy.ADAPTIVE, busy, 100) == {"kraken": 100}


def test_adaptive_counts_the_unmeasured_as_the_slowest():
    options = [replace(THREE[0], latency_ms=20.0), replace(THREE[1], latency_ms=90.0), THREE[2]]

    counts = firsts(RouteBy.ADAPTIVE, options, 900)

    assert counts["binance"] == pytest.approx(600, rel=0.1)
    assert counts["okx"] + counts["kraken"] == 900 - counts["binance"]


def served(method: RouteBy, *, orders: int = 3000) -> dict[str, float]:
    """Orders at 300 a second over a fast, a middling and a slow exchange: how long they took, and how many were there.

    The worst that was under way at one exchange at one time, and the average time of an order.
    """
    speed = {"binance": 0.02, "kraken": 0.06, "okx": 0.4}
    chance, now, ends = random.Random(5), 0.0, {slug: [] for slug in speed}
    peaks: dict[str, Peak | None] = dict.fromkeys(speed)
    took, worst = [], 0
    for turn in range(orders):
        now += 1 / 300
        for slug, open_until in ends.items():
            for end in [end for end in open_until if end <= now]:
                open_until.remove(end)
                peaks[slug] = after_answer(peaks[slug], speed[slug] * 1000, end)
        options = [
            Option(slug, in_flight=len(ends[slug]), max_in_flight=100,
                   latency_ms=peak.now(now) if (peak := peaks[slug]) else None)
            for slug in speed
        ]  # fmt: skip
        chosen = balance(method, options, turn)[0]
        seconds = speed[chosen] * chance.uniform(0.8, 1.2)
        ends[chosen].append(now + seconds)
        took.append(seconds)
        worst = max(worst, *(len(open_until) for open_until in ends.values()))
    return {"average": sum(took) / len(took), "worst": worst}


def test_what_knows_the_load_serves_faster_than_what_only_takes_turns():
    turns, loaded, adaptive = (
        served(method) for method in (RouteBy.ROUND_ROBIN, RouteBy.LEAST_LOADED, RouteBy.ADAPTIVE)
    )

    assert turns["average"] == pytest.approx(0.16, rel=0.05)
    assert loaded["average"] < 0.5 * turns["average"]
    assert adaptive["average"] < 0.5 * turns["average"]
    assert adaptive["worst"] < turns["worst"]


@pytest.mark.parametrize("method", SPREADING)
def test_when_several_fail_together_the_one_that_is_left_never_gets_more_than_its_room(method):
    """Each of 500 signals that come at once is put first where there is room, as long as there is any."""
    left = {"kraken": Option("kraken", max_in_flight=20), "okx": Option("okx", max_in_flight=30)}
    waiting = 0
    for turn in range(500):
        first = balance(method, list(left.values()), turn)[0]
        if left[first].in_flight >= left[first].max_in_flight:
            waiting += 1
            continue
        left[first] = replace(left[first], in_flight=left[first].in_flight + 1)

    assert {slug: option.in_flight for slug, option in left.items()} == {"kraken": 20, "okx": 30}
    assert waiting == 450


def test_a_peak_goes_up_at_once_and_down_slowly():
    peak = after_answer(None, 50, at=0.0)
    peak = after_answer(peak, 900, at=1.0)
    assert peak.value_ms == 900

    soon, later = after_answer(peak, 50, at=2.0), after_answer(peak, 50, at=40.0)

    assert 700 < soon.value_ms < 900
    assert later.value_ms < 80


def test_a_failure_counts_only_where_it_was_slow():
    assert after_answer(None, 3, at=0.0, failed=True) is None
    peak = after_answer(None, 50, at=0.0)

    assert after_answer(peak, 3, at=0.1, failed=True) == peak
    assert after_answer(peak, 5000, at=0.1, failed=True).value_ms == 5000
