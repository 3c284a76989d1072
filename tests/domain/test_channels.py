import random

import pytest

from execution.domain.channels import MinuteOfCalls, channel_health
from execution.domain.health import HealthStatus


def judged(*minutes):
    return channel_health(MinuteOfCalls(number, *calls) for number, calls in enumerate(minutes)).status


def test_never_asked_is_unknown_and_not_fine():
    assert judged() == HealthStatus.UNKNOWN
    assert judged((0, 0), (0, 0)) == HealthStatus.UNKNOWN


@pytest.mark.parametrize(
    ("minutes", "status"),
    [
        ([(6, 0)], HealthStatus.OK),
        ([(100, 5)], HealthStatus.OK),
        ([(100, 25)], HealthStatus.DEGRADED),
        ([(2, 2)], HealthStatus.DOWN),
        ([(6, 0), (6, 6)], HealthStatus.DOWN),
        ([(6, 6), (6, 0)], HealthStatus.DOWN),
        ([(6, 6), (6, 0), (6, 0)], HealthStatus.DEGRADED),
        ([(6, 6), (6, 0), (6, 0), (6, 0)], HealthStatus.OK),
    ],
)
def test_it_follows_the_newest_minutes_and_leaves_slower_than_it_enters(minutes, status):
    assert judged(*minutes) == status


def test_minutes_without_calls_say_nothing():
    assert judged((6, 6), (0, 0), (0, 0)) == HealthStatus.DOWN


def test_minutes_in_any_order_give_the_same_answer():
    dice = random.Random(3)
    minutes = [MinuteOfCalls(n, 10, dice.randrange(11)) for n in range(30)]
    shuffled = minutes[:]
    dice.shuffle(shuffled)

    assert channel_health(shuffled) == channel_health(minutes)


def test_at_the_border_it_does_not_flap():
    """Failures that swing around one bound change the status once, not every minute."""
    statuses = [judged(*[(100, 18 + 4 * (n % 2)) for n in range(count)]) for count in range(1, 40)]

    assert sum(a != b for a, b in zip(statuses, statuses[1:], strict=False)) <= 1
