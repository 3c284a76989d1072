"""Alerts, and the outbox of their notices."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("execution", "0008_chains_and_balancing"),
        ("policies", "0007_alerts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("scope_key", models.CharField(blank=True, max_length=120, verbose_name="scope")),
                (
                    "severity",
                    models.CharField(
                        choices=[("info", "info"), ("warning", "warning"), ("critical", "critical")], max_length=8
                    ),
                ),
                ("subject", models.CharField(max_length=200)),
                ("evidence", models.TextField(blank=True)),
                (
                    "link",
                    models.CharField(blank=True, help_text="The page of the admin with the evidence.", max_length=300),
                ),
                ("began_at", models.DateTimeField()),
                ("opened_at", models.DateTimeField(null=True, verbose_name="time")),
                (
                    "times_seen",
                    models.PositiveIntegerField(default=1, help_text="Checks that found it, one every five seconds."),
                ),
                ("last_seen_at", models.DateTimeField()),
                ("told_at", models.DateTimeField(help_text="When the last notice was made.", null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("closed_reason", models.CharField(blank=True, max_length=300)),
                ("cleared_at", models.DateTimeField(null=True)),
                (
                    "closed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="policies.alertrule",
                    ),
                ),
                (
                    "taken_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-began_at"],
            },
        ),
        migrations.CreateModel(
            name="AlertDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("opened", "opened"), ("repeated", "repeated"), ("recovered", "recovered")],
                        max_length=10,
                    ),
                ),
                ("text", models.TextField(help_text="What is told, as it was when the notice was made.")),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "pending"), ("sent", "sent"), ("failed", "failed")],
                        default="pending",
                        max_length=8,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("next_at", models.DateTimeField()),
                ("give_up_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, max_length=300)),
                (
                    "alert",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="execution.alert",
                    ),
                ),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="policies.alertchannel",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "alert deliveries",
                "ordering": ["-id"],
            },
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["-began_at"], name="alert_newest"),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                condition=models.Q(("closed_at", None), ("taken_by", None)),
                fields=["opened_at"],
                name="alert_unacknowledged",
            ),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(condition=models.Q(("cleared_at", None)), fields=["rule"], name="alert_live"),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("cleared_at", None)), fields=("rule", "scope_key"), name="alert_one_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cleared_at", None),
                    ("opened_at", None),
                    models.Q(("closed_at", None), _negated=True),
                    _connector="OR",
                ),
                name="alert_cleared_is_closed",
            ),
        ),
        migrations.AddIndex(
            model_name="alertdelivery",
            index=models.Index(condition=models.Q(("state", "pending")), fields=["next_at"], name="alert_delivery_due"),
        ),
        migrations.AddIndex(
            model_name="alertdelivery",
            index=models.Index(models.OrderBy(models.F("created_at"), descending=True), name="alert_delivery_newest"),
        ),
        migrations.AddIndex(
            model_name="alertdelivery",
            index=models.Index(fields=["alert", "channel"], name="alert_delivery_of_alert"),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "repeated"), _negated=True),
                fields=("alert", "channel", "kind"),
                name="alert_told_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("sent_at", None), ("state", "sent"), _connector="OR"), name="alert_delivery_sent_at"
            ),
        ),
    ]
