from django.db import models
from django.db.models import F, Q

from execution.models.fields import choices_of
from execution.models.signal import Signal
from policies.domain.routing import Source
from policies.models.choices import ChainOrderingChoices, RouteByChoices


class Decision(models.Model):
    """Where one attempt of a signal was sent and why: every candidate of the chain with its answer."""

    signal = models.ForeignKey(Signal, on_delete=models.PROTECT, related_name="decisions", db_index=False)
    attempt = models.PositiveSmallIntegerField()
    decided_at = models.DateTimeField()
    policy_version = models.BigIntegerField()
    source = models.CharField(max_length=10, blank=True, choices=choices_of(Source))
    primary = models.CharField(max_length=20, blank=True)
    exchange = models.CharField(max_length=20, blank=True, help_text="The chosen exchange; empty when denied.")
    ordering = models.CharField(
        max_length=20,
        blank=True,
        choices=[*ChainOrderingChoices.choices, *RouteByChoices.choices],
        help_text="How the candidates were put in order: the chain's way, or the balancer's.",
    )
    method = models.CharField(max_length=10, blank=True)
    mode = models.CharField(max_length=10, blank=True)
    reason_code = models.CharField(max_length=40, blank=True)
    detail = models.TextField(blank=True)
    warning = models.TextField(blank=True)
    candidates = models.JSONField(default=list)
    router = models.CharField(
        max_length=10, blank=True, default="", db_default="", help_text="Version of the rules that chose."
    )
    explanation = models.JSONField(
        null=True, help_text="What a smart choice was made from, and what it costs: enough to make it again."
    )
    took_us = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["attempt"]
        indexes = [
            models.Index(name="decision_newest", fields=["-decided_at"]),
            # The failover log must not read all the decisions that went to their primary.
            models.Index(
                name="decision_failover",
                fields=["-decided_at"],
                condition=~Q(exchange="") & ~Q(exchange=F("primary")) & ~Q(primary=""),
            ),
        ]
        constraints = [models.UniqueConstraint(name="decision_attempt_once", fields=["signal", "attempt"])]

    def __str__(self) -> str:
        return f"{self.source or 'denied'} → {self.exchange or self.reason_code}"
