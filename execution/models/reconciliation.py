from django.conf import settings
from django.db import models
from django.db.models import F, Q

from execution.models.fields import amount_field
from execution.models.order import ORDER_STATUSES, Order
from execution.models.signal import SIDES
from policies.models import Exchange, ExchangeCredential


class Reconciliation(models.Model):
    """Whether an account's orders at the exchange and ours were compared since that was last needed.

    Until then nothing new is sent with these keys, and signals from before `required_at` wait.
    """

    credential = models.OneToOneField(
        ExchangeCredential, primary_key=True, on_delete=models.CASCADE, related_name="reconciliation"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="+", db_index=False)
    required_at = models.DateTimeField(help_text="Signals from before this wait until it is clean.")
    since = models.DateTimeField(help_text="The exchange is asked for its orders from then on.")
    reason = models.CharField(max_length=300)
    next_at = models.DateTimeField(null=True, help_text="When a worker looks at it next; empty once clean.")
    clean_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    orders_seen = models.PositiveIntegerField(default=0)
    orders_adopted = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(name="reconciliation_due", fields=["next_at"], condition=Q(next_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.credential} {'clean' if self.clean_at else 'not reconciled'}"


class Orphan(models.Model):
    """An order at an exchange that no row of ours explains. Never touched; a person says what it is.

    ours: its client order id has our form. Otherwise somebody else's, at an exchange that keeps no client order ids.
    """

    credential = models.ForeignKey(ExchangeCredential, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="+")
    client_order_id = models.CharField(max_length=64, blank=True)
    exchange_order_id = models.CharField(max_length=64)
    symbol = models.CharField(max_length=41)
    side = models.CharField(max_length=4, choices=SIDES)
    amount = amount_field(help_text="Base units.")
    price = amount_field(null=True)
    filled_amount = amount_field(default=0)
    status = models.CharField(max_length=16, choices=ORDER_STATUSES)
    placed_at = models.DateTimeField(help_text="The exchange's time.")
    seen_at = models.DateTimeField(help_text="When we first saw it.")
    order = models.ForeignKey(
        Order, null=True, on_delete=models.SET_NULL, related_name="+", help_text="Ours, once a signal explains it."
    )
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    resolution = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="orphan_once", fields=["credential", "exchange_order_id"]),
        ]
        indexes = [
            models.Index(name="orphan_open", fields=["seen_at"], condition=Q(resolved_at=None)),
            models.Index(name="orphan_client_id", fields=["client_order_id"], condition=~Q(client_order_id="")),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.exchange_order_id}"


class BalanceMark(models.Model):
    """What an account held in one asset when it was last agreed on, and what our fills added up to then.

    From then on both must move by the same.
    """

    credential = models.ForeignKey(ExchangeCredential, on_delete=models.CASCADE, related_name="+")
    asset = models.CharField(max_length=20)
    key_version = models.PositiveIntegerField(help_text="Other keys may be another account: then a new mark is set.")
    total = amount_field(help_text="At the exchange, free and held.")
    booked = amount_field(help_text="Sum of our fills and fees in this asset.")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="balance_mark_once", fields=["credential", "asset"])]

    def __str__(self) -> str:
        return f"{self.credential} {self.asset}"


class BalanceCheck(models.Model):
    """When an account's balances are compared next. One row per set of keys."""

    credential = models.OneToOneField(
        ExchangeCredential, primary_key=True, on_delete=models.CASCADE, related_name="balance_check"
    )
    next_at = models.DateTimeField()
    agreed_at = models.DateTimeField(null=True, help_text="When the two last agreed.")
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(name="balance_check_due", fields=["next_at"])]

    def __str__(self) -> str:
        return str(self.credential)


class BookBreak(models.Model):
    """The exchange's balance and our fills disagree: a deposit, somebody else's trade, or an error. Stays until closed.

    `confirmed_at` is set when a second look says the same; only then it is shown.
    """

    credential = models.ForeignKey(ExchangeCredential, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="+")
    asset = models.CharField(max_length=20)
    expected = amount_field(help_text="What the account should hold.")
    actual = amount_field(help_text="What the exchange says it holds.")
    first_seen_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    resolution = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="break_one_open", fields=["credential", "asset"], condition=Q(resolved_at=None)
            ),
            models.CheckConstraint(name="break_differs", condition=~Q(expected=F("actual"))),
        ]
        indexes = [models.Index(name="break_open", fields=["first_seen_at"], condition=Q(resolved_at=None))]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.asset}"
