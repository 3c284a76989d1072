from datetime import timedelta

from execution.domain.health import Check, Health, HealthStatus, after_check, is_due
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


def test_maintenance_that_orders_contradict_does_not_take_it_out():
    calm = run(FRESH, 40, 40)
    said = Check(NOW + timedelta(minutes=1), ok=False, error="Upgrade.", maintenance=True)

    believed = after_check(calm, said, degraded_above_ms=500)
    doubted = after_check(calm, said, degraded_above_ms=500, takes_orders=True)

    assert believed.status == HealthStatus.MAINTENANCE
    assert (doubted.status, doubted.latency_ewma_ms, doubted.checked_at) == (HealthStatus.OK, 40, said.at)
    assert "takes orders" in doubted.last_error


def test_orders_that_are_taken_do_not_hide_an_outage():
    down = run(FRESH, 40, None, None)

    assert after_check(down, Check(NOW, ok=False, error="x"), degraded_above_ms=500, takes_orders=True).status == "down"


def due_after(last, seed, interval=30.0):
    """The first tenth of a second at which it is due."""
    return next(n / 10 for n in range(1000) if is_due(last, last + timedelta(seconds=n / 10), interval, seed))


def test_a_check_is_due_a_little_early_and_never_late():
    waits = [due_after(NOW + timedelta(seconds=n * 7.3), "binance") for n in range(200)]

    assert min(waits) >= 24
    assert max(waits) <= 30
    assert len(set(waits)) > 20


def test_everybody_agrees_when_the_next_check_is_due_and_no_two_stay_in_step():
    assert due_after(NOW, "binance") == due_after(NOW, "binance")
    at = dict.fromkeys(("binance", "kraken"), NOW)
    together = 0
    for _ in range(100):
        at = {seed: last + timedelta(seconds=due_after(last, seed)) for seed, last in at.items()}
        together += abs((at["binance"] - at["kraken"]).total_seconds()) < 0.2
    assert together < 20


def test_a_clock_that_was_set_back_does_not_stop_the_checks():
    assert is_due(NOW + timedelta(hours=1), NOW, 30, "binance")
    assert not is_due(NOW + timedelta(seconds=1), NOW, 30, "binance")
    assert is_due(None, NOW, 30, "binance")
    assert is_due(NOW - timedelta(days=4000), NOW, 30, "binance")
