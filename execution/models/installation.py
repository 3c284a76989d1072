import uuid

from django.db import models


class MachineClock(models.Model):
    """How the clock of a machine ran, one row per start of it: a worker that begins takes over what others saw."""

    boot_id = models.CharField(primary_key=True, max_length=40, help_text="Linux's id of this start of the machine.")
    offset_s = models.FloatField(help_text="Epoch seconds when the machine's steady clock stood at 0.")
    set_at_s = models.FloatField(help_text="When the clock was last set, by the steady clock.")
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.boot_id


class Installation(models.Model):
    """This platform itself, in one row: who it is, and how far its ledger has come.

    `ledger_position` only grows. A witness outside the database that remembers a larger one proves that the database
    went back in time.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ledger_position = models.BigIntegerField(default=0)
    database_identity = models.CharField(max_length=60, blank=True, help_text="PostgreSQL's system and timeline.")
    started_at = models.DateTimeField(null=True, help_text="When the first worker came up after all were gone.")

    def __str__(self) -> str:
        return str(self.id)
