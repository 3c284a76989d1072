"""A worker whose code does not fit the database's tables takes no work until it does."""

import time

from django.db.migrations.recorder import MigrationRecorder

from execution.models import Signal
from execution.services.executor import loop
from execution.services.schema import schema_fits

NEWER = {"app": "execution", "name": "9999_of_a_newer_release"}


def test_exactly_the_migrations_this_code_knows(db):
    assert schema_fits()
    rows = MigrationRecorder.Migration.objects
    rows.create(**NEWER)
    assert not schema_fits()
    rows.filter(**NEWER).delete()
    rows.filter(app="execution", name="0003_reconciliation").delete()
    assert not schema_fits()


def test_a_forgotten_worker_stops_claiming_and_goes_on_when_it_fits_again(platform, started, monkeypatch):
    platform.executor.stop()
    monkeypatch.setattr(loop, "HEARTBEAT_INTERVAL_S", 0.1)
    rows = MigrationRecorder.Migration.objects
    rows.create(**NEWER)
    try:
        platform.executor = started()
        signal = platform.submit(amount="0.1")
        time.sleep(1)
        assert Signal.objects.get(pk=signal.pk).status == "pending"
    finally:
        rows.filter(**NEWER).delete()

    assert platform.final(signal).status == "filled"
    rows.create(**NEWER)  # an upgrade while it runs
    try:
        time.sleep(0.5)
        late = platform.submit(amount="0.1")
        time.sleep(0.7)
        assert Signal.objects.get(pk=late.pk).status == "pending"
    finally:
        rows.filter(**NEWER).delete()
    assert platform.final(late).status == "filled"
