from django.db import models


class PolicyVersion(models.Model):
    """The one row whose number changes with every change of policy, in the same transaction (database triggers)."""

    version = models.BigIntegerField()
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.version)
