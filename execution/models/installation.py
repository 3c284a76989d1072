import uuid

from django.db import models


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
