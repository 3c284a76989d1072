from django.contrib.postgres.fields import ArrayField
from django.db import models

from policies.models import Exchange

MINUTE_S, HOUR_S = 60, 3600


class HealthRollup(models.Model):
    """Calls to an exchange, of one kind, in one minute or one hour; counted by all workers together.

    Minutes are kept for two days, hours for a hundred.
    """

    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=8, help_text="What was asked: data, place, trade or cancel.")
    span_s = models.PositiveSmallIntegerField(help_text="60 or 3600.")
    at = models.DateTimeField(help_text="When the minute or hour began.")
    calls = models.PositiveBigIntegerField()
    failures = models.PositiveBigIntegerField(help_text="For which the exchange is to blame.")
    minutes = models.PositiveSmallIntegerField(help_text="With any call.")
    minutes_up = models.PositiveSmallIntegerField(help_text="In which more than half of the calls were answered.")
    latencies = ArrayField(models.BigIntegerField(), help_text="Answered calls by execution.domain.rollups.bucket_of.")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="health_rollup_once", fields=["span_s", "at", "exchange", "kind"]),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.kind} {self.at:%Y-%m-%d %H:%M}"
