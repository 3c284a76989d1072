from django.conf import settings
from django.db import models

from execution.models.fields import amount_field
from policies.models import Exchange, ExchangeCredential
from policies.models.choices import ModeChoices


class AccountBalance(models.Model):
    """What an account had to spend in one asset when the exchange last told it. Smart routing counts on from here."""

    credential = models.ForeignKey(ExchangeCredential, on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="+", db_index=False)
    mode = models.CharField(max_length=10, choices=ModeChoices.choices)
    asset = models.CharField(max_length=20)
    spendable = amount_field(help_text="Free, and held for open orders of ours.")
    booked = amount_field(help_text="Sum of our fills and fees in this asset then.")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="account_balance_once", fields=["credential", "asset"])]
        indexes = [models.Index(name="account_balance_of_user", fields=["user", "asset"])]

    def __str__(self) -> str:
        return f"{self.credential} {self.asset}"
