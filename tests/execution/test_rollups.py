"""Calls to exchanges as rows: exact when many add at once, the same when added up twice, and independent of clocks."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from execution.domain.rollups import BUCKETS, Counted
from execution.models import ExchangeHealth, HealthRollup
from execution.selectors import figures
from execution.services import rollups


def counted(*latencies):
    found = Counted()
    for latency in latencies:
        found.add(latency)
    return found


def minute(ago_s, calls=10, failures=0, kind="data", exchange="binance", bucket=10):
    at = (timezone.now() - timedelta(seconds=ago_s)).replace(second=0, microsecond=0)
    latencies = [0] * BUCKETS
    latencies[bucket] = calls - failures
    return HealthRollup(
        exchange_id=exchange, kind=kind, span_s=60, at=at, calls=calls, failures=failures, minutes=1,
        minutes_up=int(failures * 2 < calls), latencies=latencies,
    )  # fmt: skip


def stored():
    fields = ("exchange_id", "kind", "span_s", "at", "calls", "failures", "minutes", "minutes_up", "latencies")
    return list(HealthRollup.objects.order_by("span_s", "at", "exchange_id", "kind").values_list(*fields))


@pytest.mark.django_db
def test_calls_of_one_minute_are_one_row_whoever_adds_them():
    rollups.add({("binance", "place", 0.0): counted(40, 40, None)})
    rollups.add({("binance", "place", 0.0): counted(90, None), ("nowhere", "place", 0.0): counted(1)})

    rows = HealthRollup.objects.all()

    assert sum(row.calls for row in rows) == 5
    assert sum(row.failures for row in rows) == 2
    assert sum(sum(row.latencies) for row in rows) == 3
    assert {row.exchange_id for row in rows} == {"binance"}


def test_many_workers_that_add_at_the_same_moment_lose_nothing(transactional_db):
    # Half an hour ago, so that all of it falls into one minute and the adding meets on the same rows.
    ages = {(slug, kind, 1800.0): counted(5, 50, None) for slug in ("binance", "kraken") for kind in ("data", "place")}
    backwards = dict(reversed(list(ages.items())))
    problems = []

    def work(mine):
        try:
            for _ in range(25):
                rollups.add(mine)
        except Exception as e:  # noqa: BLE001 - told below
            problems.append(e)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(ages if n % 2 else backwards,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    for slug in ("binance", "kraken"):
        rows = HealthRollup.objects.filter(exchange_id=slug, kind="place")
        assert (sum(r.calls for r in rows), sum(r.failures for r in rows)) == (300, 100)
        assert sum(sum(row.latencies) for row in rows) == 200


@pytest.mark.django_db
def test_hours_are_the_sum_of_their_minutes_however_often_they_are_added_up():
    HealthRollup.objects.bulk_create(
        [minute(7200 + 60 * n, 10, n % 3, kind) for n in range(90) for kind in ("data", "place")]
    )
    rollups.roll_up()
    once = stored()
    rollups.roll_up()

    assert stored() == once
    minutes = HealthRollup.objects.filter(span_s=60, kind="data")
    over = [row for row in minutes if row.at < timezone.now().replace(minute=0, second=0, microsecond=0)]
    hours = HealthRollup.objects.filter(span_s=3600, kind="data")
    assert sum(hour.calls for hour in hours) == sum(row.calls for row in over) == 900
    assert sum(hour.failures for hour in hours) == sum(row.failures for row in over)
    assert sum(hour.minutes for hour in hours) == len(over)
    assert sum(hour.latencies[10] for hour in hours) == sum(row.latencies[10] for row in over)


@pytest.mark.django_db
def test_a_minute_that_comes_late_is_still_counted_in_its_hour():
    HealthRollup.objects.bulk_create([minute(7200), minute(3 * 3600)])
    rollups.roll_up()
    age = (timezone.now() - HealthRollup.objects.filter(span_s=3600).latest("at").at).total_seconds()

    rollups.add({("binance", "data", age - 90): counted(40)})
    rollups.roll_up()

    assert HealthRollup.objects.filter(span_s=3600).latest("at").calls == 11


@pytest.mark.django_db
def test_old_rows_go_a_few_hours_at_a_time_and_minutes_only_after_their_hours_exist():
    day = 86_400
    HealthRollup.objects.bulk_create([minute(3 * day + 3600 * n) for n in range(24)])

    deleted = [rollups.roll_up() for _ in range(6)]

    assert deleted[0] < 10, "a clock that jumped forward must not take everything at once"
    assert sum(deleted) == 24
    assert HealthRollup.objects.filter(span_s=60).count() == 0
    assert sum(HealthRollup.objects.filter(span_s=3600).values_list("calls", flat=True)) == 240


@pytest.mark.django_db
def test_windows_count_every_minute_once_whether_its_hour_was_added_up_or_not():
    HealthRollup.objects.bulk_create(
        [*(minute(60 * n, 10, 5 if n < 30 else 0) for n in range(1, 300)), minute(40 * 3600, 100, 100)]
    )
    before = figures.read_windows()["binance"]["data"]
    rollups.roll_up()
    after = figures.read_windows()["binance"]["data"]

    assert before == after
    assert (after.day.calls, after.day.failures) == (2990, 145)
    assert after.month.calls == 3090
    assert after.hour.calls in {590, 600}
    assert after.hour.success == pytest.approx(1 - 145 / after.hour.calls)
    assert after.day.uptime == pytest.approx(270 / 299)
    assert after.month.uptime == pytest.approx(270 / 300)


@pytest.mark.django_db
def test_percentiles_channels_and_a_day_of_quarters():
    HealthRollup.objects.bulk_create(
        [minute(60 * n, 100, bucket=12) for n in range(1, 50)]
        + [minute(60 * n, 10, 10, "cancel") for n in range(1, 5)]
        + [minute(60 * n, 10, 0, "place") for n in range(1, 5)]
    )

    latency = figures.read_latencies()["binance"]["data"]
    channels = figures.read_channels()["binance"]
    series = figures.read_series()["binance"]

    assert 12 < latency.p50 < latency.p95 < latency.p99 <= 16
    assert {name.value: found.status.value for name, found in channels.items()} == {
        "data": "ok", "trade": "ok", "cancel": "down",
    }  # fmt: skip
    assert sum(slot.calls for slot in series.values()) == 4900
    assert all(12 < slot.p50 <= 16 and slot.success == 1 for slot in series.values())
    assert "kraken" not in figures.read_figures()


@pytest.mark.django_db
def test_rows_from_the_future_of_a_clock_that_was_set_back_are_not_counted():
    HealthRollup.objects.bulk_create([minute(120), minute(-7200, 500), minute(-86_400 * 40, 500)])
    rollups.roll_up()

    found = figures.read_figures()["binance"]

    assert found.data.month.calls == 10
    assert sum(slot.calls for slot in figures.read_series()["binance"].values()) == 10


@pytest.mark.django_db
def test_bands():
    assert [figures.band(ms) for ms in (None, 12, 50, 51, 180, 499, 5000)] == [
        "", "≤ 50 ms", "≤ 50 ms", "≤ 100 ms", "≤ 200 ms", "≤ 500 ms", "> 500 ms",
    ]  # fmt: skip


@pytest.mark.django_db
def test_each_question_is_one_query(django_assert_num_queries):
    for ask in (figures.read_windows, figures.read_latencies, figures.read_channels, figures.read_series):
        with django_assert_num_queries(1):
            ask()


def test_real_calls_and_health_checks_are_counted_by_kind(platform):
    platform.simulator.control.queue_fault("binance", "timeout_after")  # so that it is looked up
    for done in (platform.settle(amount="0.01"), platform.settle(amount="0.01")):
        assert done.status == "filled", done.reason_detail
    platform.executor.submit(platform.executor._pulse.flush()).result(timeout=5)

    found = figures.read_windows()["binance"]

    assert (found["place"].hour.calls, found["place"].hour.failures) == (2, 1)
    assert found["trade"].hour.calls >= 1
    assert found["data"].hour.calls >= 2, "the check, the list of pairs and the book"
    assert figures.read_latencies()["binance"]["place"].p50 > 0
    assert ExchangeHealth.objects.get(pk="binance").book_at is not None


def test_what_the_database_did_not_take_is_added_when_it_is_back(platform, monkeypatch):
    done = platform.settle(amount="0.01")
    assert done.status == "filled", done.reason_detail
    real, pulse = rollups.add, platform.executor._pulse

    def gone(ages):
        raise OperationalError("gone")

    monkeypatch.setattr(rollups, "add", gone)
    with pytest.raises(OperationalError):
        platform.executor.submit(pulse.flush()).result(timeout=5)
    monkeypatch.setattr(rollups, "add", real)
    platform.executor.submit(pulse.flush()).result(timeout=5)

    assert figures.read_windows()["binance"]["place"].hour.calls == 1
