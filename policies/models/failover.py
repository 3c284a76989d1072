from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import models
from simple_history.models import HistoricalRecords

from policies.domain.policy import ChainOrdering
from policies.models.choices import ChainOrderingChoices
from policies.models.exchange import Exchange


def check_chain(primary: str, steps: Sequence[str], known: Sequence[str]) -> None:
    """The rules of a chain, for the admin and the policy file alike. Raises ValidationError with a sentence."""
    if not steps:
        raise ValidationError("A chain needs at least one exchange.", code="empty")
    if steps[0] != primary:
        raise ValidationError(
            f"The first step must be the primary, {primary}. Drag it to the top, or change the primary.", code="primary"
        )
    for slug in steps:
        if steps.count(slug) > 1:
            raise ValidationError(f"{slug} is in the chain twice.", code="duplicate")
        if slug not in known:
            raise ValidationError(
                f"{slug} is not an enabled exchange. Enable it first, or leave it out.", code="unknown"
            )


class FailoverChain(models.Model):
    """The exchanges to try, in order, for signals whose primary exchange is this one."""

    primary = models.OneToOneField(
        Exchange, on_delete=models.PROTECT, related_name="chain", help_text="The exchange the chain begins with."
    )
    enabled = models.BooleanField(default=True, help_text="Off: nothing else is tried when the primary is out.")
    ordering = models.CharField(
        "order",
        max_length=20,
        choices=ChainOrderingChoices.choices,
        default=ChainOrderingChoices.AS_LISTED,
        help_text="How those after the primary are tried. “Fastest first” goes by their average answer; where two are "
        "within 25 % or 10 ms, the listed order stays. “Own region first” tries those of the primary's region first.",
    )
    region = models.CharField(
        max_length=20,
        blank=True,
        help_text="For “own region first”: another region than the primary's own, e.g. eu. Empty: the primary's.",
    )
    notes = models.TextField(blank=True, help_text="Why this order.")

    history = HistoricalRecords()

    class Meta:
        ordering = ["primary"]

    def __str__(self) -> str:
        return f"Chain of {self.primary_id}"

    def clean(self) -> None:
        if not self.region:
            return
        if self.ordering != ChainOrdering.OWN_REGION_FIRST:
            raise ValidationError(
                {"region": "A region only counts with “own region first”. Choose that order, or leave it empty."}
            )
        regions = sorted(set(Exchange.objects.values_list("region", flat=True)))
        if self.region not in regions:
            raise ValidationError(
                {"region": f"No exchange is in region {self.region}; there are {', '.join(regions)}."}
            )

    def slugs(self) -> tuple[str, ...]:
        """The exchanges in order. One query, or none if the steps are prefetched."""
        return tuple(step.exchange_id for step in sorted(self.steps.all(), key=lambda step: step.position))


class FailoverStep(models.Model):
    """One exchange of a chain."""

    chain = models.ForeignKey(FailoverChain, on_delete=models.CASCADE, related_name="steps")
    exchange = models.ForeignKey(Exchange, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveIntegerField(default=0, db_index=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["position"]
        verbose_name = "step"
        constraints = [
            models.UniqueConstraint(
                name="failover_step_exchange_once",
                fields=["chain", "exchange"],
                violation_error_message="This exchange has a row already. Move that row instead.",
            ),
            # Deferred: dragging swaps positions row by row.
            models.UniqueConstraint(
                name="failover_step_position_once",
                fields=["chain", "position"],
                deferrable=models.Deferrable.DEFERRED,
            ),
        ]

    def __str__(self) -> str:
        return self.exchange_id
