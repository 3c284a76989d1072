from django.db import models


class Heartbeat(models.Model):
    """When a process of the platform was last seen: one row per worker, one for beat."""

    name = models.CharField(primary_key=True, max_length=100)
    kind = models.CharField(max_length=10)
    version = models.CharField(max_length=40, blank=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    in_flight = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name
