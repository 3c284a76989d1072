"""Trades of the market, added up by minute: each once, and what may be missing is said."""

import random
from dataclasses import replace
from decimal import Decimal as D

import pytest

from execution.domain.trade_tape import SETTLE_S, MarketTrade, RecentTrades, Tape, named

START = 1_800_000_000  # a whole minute
EVER = 0.0


def trade(number, at, price="100", amount="1"):
    return MarketTrade(str(number), D(price), D(amount), START + at)


def take(tape, *trades, at, since=EVER):
    return tape.take(RecentTrades(sorted(trades, key=lambda t: t.at), since), asked_at=START + at + SETTLE_S)


def bars(tape):
    """By minute from the start: trades, volume, notional, gap."""
    return {(bar.begins - START) // 60: (bar.trades, bar.volume, bar.notional, bar.gap) for bar in tape._bars.values()}


def whole(tape):
    return [
        (bar.begins - START) // 60
        for bar in tape._bars.values()
        if not bar.gap and bar.seen_to >= bar.begins + 60 and bar.begins >= START
    ]


@pytest.fixture
def tape():
    """Followed since 5 s before the first minute, when nothing had been traded."""
    tape = Tape()
    take(tape, at=-5)
    tape.take_changed()
    return tape


def test_trades_are_added_up_by_the_minute_of_their_own_time(tape):
    assert take(tape, trade(1, 1), trade(2, 59, "101", "2"), trade(3, 61, "102"), at=70) == 3

    assert bars(tape)[0] == (2, D(3), D(302), False)
    assert bars(tape)[1] == (1, D(1), D(102), False)
    assert whole(tape) == [0]


def test_a_trade_that_is_told_again_counts_once_however_often_and_in_whatever_order(tape):
    told = [trade(n, n, str(100 + n % 3)) for n in range(50)]
    chance = random.Random(7)  # noqa: S311 - repeatable
    for at in range(60, 160, 10):
        take(tape, *chance.sample(told, 50), at=at)

    assert bars(tape)[0][:2] == (50, D(50))
    assert tape.gaps == 0


def test_a_trade_that_is_shown_late_still_counts_in_its_minute(tape):
    take(tape, trade(1, 10), at=62)
    take(tape, trade(1, 10), trade(2, 59), at=70)

    assert bars(tape)[0][0] == 2


def test_a_minute_without_trades_is_known_to_have_none(tape):
    take(tape, trade(1, 1), at=50)
    take(tape, trade(1, 1), at=190)

    assert bars(tape)[1] == (0, 0, 0, False)
    assert whole(tape) == [0, 1, 2]


def test_an_answer_that_does_not_reach_back_leaves_a_gap_and_what_follows_is_whole(tape):
    take(tape, trade(1, 10), at=20)
    take(tape, trade(8, 70), trade(9, 130), at=190, since=START + 70)

    assert tape.gaps == 1
    assert [minute for minute, bar in bars(tape).items() if bar[3]] == [0, 1]
    assert whole(tape) == [2]


def test_an_answer_that_begins_before_what_is_known_leaves_none_whatever_became_of_the_ids(tape):
    take(tape, trade(1, 10), at=20)
    # Nothing was traded between, and the answer tells of everything since then.
    take(tape, trade(9, 130), at=190, since=START + 15)

    assert tape.gaps == 0
    assert whole(tape) == [0, 1, 2]


def test_an_answer_without_the_trade_it_should_hold_is_not_believed(tape):
    take(tape, trade(1, 10), at=20)
    take(tape, at=65)

    assert (tape.gaps, bars(tape)[0][3]) == (1, True)


def test_a_first_answer_is_whole_as_far_as_it_reaches(tape):
    fresh = Tape()
    take(fresh, trade(1, 30), trade(2, 61), at=130, since=START + 30)

    assert whole(fresh) == [1]
    assert bars(fresh)[0][3]


def test_a_process_that_starts_again_goes_on_where_the_other_stopped():
    first = Tape()
    take(first, at=-5)
    take(first, trade(1, 10), trade(2, 20), at=30)

    second = Tape(first.mark, [replace(bar) for bar in first.take_changed()])
    take(second, trade(1, 10), trade(2, 20), trade(3, 40), at=65)

    assert bars(second)[0] == (3, D(3), D(300), False)
    assert whole(second) == [0]


def test_a_process_that_was_away_too_long_says_so():
    first = Tape()
    take(first, at=-5)
    take(first, trade(1, 10), at=30)

    second = Tape(first.mark, first.take_changed())
    take(second, trade(8, 100), trade(9, 110), at=185, since=START + 100)

    assert [minute for minute, bar in bars(second).items() if bar[3]] == [0, 1]
    assert bars(second)[1][0] == 2


@pytest.mark.parametrize(
    "bad",
    [
        trade(9, 40, "NaN"), trade(9, 40, "-100"), trade(9, 40, "0"), trade(9, 40, "Infinity"),
        trade(9, 40, "100", "-1"), trade(9, 40, "100", "NaN"), trade(9, 40, "1e30"), trade(9, 40, "1000"),
        trade(9, 40, "10"), trade(9, 500), trade(9, float("nan")), trade(9, -START),
    ],
)  # fmt: skip
def test_a_trade_that_cannot_be_is_refused_and_its_minute_is_not_known(tape, bad):
    take(tape, trade(1, 10), trade(2, 20), bad, trade(3, 30), at=58)

    assert tape.refused == 1
    assert bars(tape)[0] == (3, D(3), D(300), True)
    take(tape, trade(1, 10), trade(2, 20), bad, trade(3, 30), trade(4, 70), at=125)
    assert (tape.refused, bars(tape)[1]) == (1, (1, D(1), D(100), False))


def test_a_price_that_stays_is_believed_in_the_end(tape):
    take(tape, *(trade(-n, 5) for n in range(1, 11)), at=10)
    for number in range(60):
        take(tape, trade(number - 1, number + 5, "900"), trade(number, number + 6, "900"), at=number + 10)

    assert 0 < tape.refused < 15
    assert bars(tape)[1][:3] == (6, 6, 5400)


def test_what_has_changed_is_told_once(tape):
    take(tape, trade(1, 1), at=10)

    assert [((bar.begins - START) // 60, bar.trades) for bar in tape.take_changed()] == [(-1, 0), (0, 1)]
    assert tape.take_changed() == []


def test_memory_is_bounded(tape):
    for minute in range(60):
        take(tape, *(trade(minute * 10 + n, minute * 60 + n) for n in range(10)), at=minute * 60 + 30,
             since=START + minute * 60 - 40)  # fmt: skip
        tape.take_changed()

    assert len(tape._bars) <= 12
    assert len(tape._seen) <= 120


def test_an_old_trade_does_not_count_again_while_its_bar_waits_to_be_written(tape):
    take(tape, trade(1, 1), at=10)
    for minute in range(1, 15):
        take(tape, trade(1, 1), at=minute * 60)

    assert sum(bar[0] for bar in bars(tape).values()) == 1


def test_trades_without_ids_are_told_apart_by_what_they_are():
    same = ("", D(100), D(1), 5.0)

    once, twice = named([same, ("", D(101), D(1), 4.0)]), named([same, same])

    assert [trade.price for trade in once] == [D(101), D(100)]
    assert len({trade.id for trade in twice}) == 2
    assert once[1].id == twice[0].id
