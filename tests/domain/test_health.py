from datetime import timedelta

from execution.domain.health import Check, Health, HealthStatus, after_check
from tests.domain.builders import NOW

FRESH = Health(HealthStatus.UNKNOWN, NOW)


def run(health, *checks):
    """Apply checks ten seconds apart: a number is a latency, None a failure, "maintenance" what it says."""
    for number, check in enumerate(checks, 1):
        at = NOW + timedelta(seconds=10 * number)
        if isinstance(check, (int, float)):
            health = after_check(health, Check(at, ok=True, latency_ms=check), degraded_above_ms=500)
        else:
            failed = Check(at, ok=False, error="HTTP 503", maintenance=check == "maintenance")
            health = after_check(health, failed, degraded_above_ms=500)
    return health


def test_the_first_good_check_makes_it_ok():
    health = run(FRESH, 40)

    assert (health.status, health.latency_ms, health.since) == (HealthStatus.OK, 40, NOW + timedelta(seconds=10))


def test_the_first_check_failing_means_down():
    assert run(FRESH, None).status == HealthStatus.DOWN


def test_one_failure_degrades_and_two_are_down():
    assert run(FRESH, 40, None).status == HealthStatus.DEGRADED
    down = run(FRESH, 40, None, None)
    assert (down.status, down.consecutive_failures, down.last_error) == (HealthStatus.DOWN, 2, "HTTP 503")


def test_coming_back_takes_two_good_checks():
    assert run(FRESH, 40, None, None, 40).status == HealthStatus.DOWN
    assert run(FRESH, 40, None, None, 40, 40).status == HealthStatus.OK


def test_slowness_degrades_by_its_average_and_recovers_below_a_lower_bound():
    slow = run(FRESH, 400, 900)  # average 550
    assert slow.status == HealthStatus.DEGRADED
    assert run(FRESH, 400, 900, 420).status == HealthStatus.DEGRADED  # 511: below 500 is not enough
    assert run(FRESH, 400, 900, 100, 100).status == HealthStatus.OK


def test_flapping_does_not_change_the_status_each_time():
    health, changes = run(FRESH, 40), 0
    for number in range(60):
        after = run(health, None if number % 2 else 40)
        changes += after.status != health.status
        health = after

    assert changes <= 1


def test_announced_maintenance_is_told_apart_from_an_outage():
    assert run(FRESH, 40, "maintenance").status == HealthStatus.MAINTENANCE
