"""What came in through webhooks, and the signed requests that may not come again."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("execution", "0003_reconciliation"),
        ("policies", "0004_webhooks"),
    ]

    operations = [
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("remote_ip", models.GenericIPAddressField(null=True, verbose_name="from")),
                (
                    "outcome",
                    models.CharField(
                        choices=[("accepted", "accepted"), ("duplicate", "duplicate"), ("refused", "refused")],
                        max_length=10,
                    ),
                ),
                ("reason_code", models.CharField(blank=True, max_length=40)),
                ("detail", models.CharField(blank=True, max_length=500)),
                ("body_hash", models.CharField(help_text="SHA-256 of the raw body.", max_length=64)),
                (
                    "body",
                    models.TextField(
                        blank=True, help_text="The beginning of the body; only of senders that proved themselves."
                    ),
                ),
                ("took_ms", models.FloatField()),
                (
                    "signal",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="execution.signal",
                    ),
                ),
                (
                    "webhook",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="policies.webhook",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "webhook deliveries",
                "ordering": ["-at"],
                "indexes": [
                    models.Index(fields=["webhook", "-at"], name="webhook_delivery_of_hook"),
                    models.Index(fields=["-at"], name="webhook_delivery_newest"),
                    models.Index(
                        condition=models.Q(("outcome", "accepted")),
                        fields=["webhook", "body_hash", "-at"],
                        name="webhook_delivery_accepted",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookNonce",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("nonce", models.CharField(max_length=65)),
                ("at", models.DateTimeField()),
                (
                    "webhook",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="policies.webhook",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["at"], name="webhook_nonce_at")],
                "constraints": [models.UniqueConstraint(fields=("webhook", "nonce"), name="webhook_nonce_once")],
            },
        ),
    ]
