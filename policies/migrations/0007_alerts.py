"""Alert rules and channels, and the rules of a fresh installation."""

import uuid

import django.core.validators
import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models

from policies import defaults


def install(apps, schema_editor):
    defaults.install_alert_rules(apps.get_model("policies", "AlertRule"))


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0006_chains_and_balancing"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertChannel",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("email", "E-mail"),
                            ("telegram", "Telegram"),
                            ("slack", "Slack"),
                            ("discord", "Discord"),
                            ("webhook", "Signed webhook"),
                        ],
                        max_length=10,
                    ),
                ),
                ("enabled", models.BooleanField(default=True, help_text="Off: nothing more is sent there.")),
                ("settings", models.JSONField(default=dict, editable=False)),
                ("secret_shown", models.CharField(blank=True, editable=False, max_length=12, verbose_name="secret")),
                ("ciphertext", models.BinaryField()),
                ("last_at", models.DateTimeField(editable=False, null=True, verbose_name="last tried")),
                ("last_ok", models.BooleanField(editable=False, null=True)),
                ("last_error", models.CharField(blank=True, editable=False, max_length=300)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="AlertRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, unique=True)),
                (
                    "condition",
                    models.CharField(
                        choices=[
                            ("exchange_down", "Exchange down"),
                            ("exchange_degraded", "Exchange degraded"),
                            ("breaker_open", "Circuit breaker open"),
                            ("chain_out", "No exchange left"),
                            ("failovers", "Many failovers"),
                            ("denials", "Many denials"),
                            ("rejections", "Many rejections"),
                            ("queue_age", "Signals wait"),
                            ("orders_unknown", "Orders unknown"),
                            ("order_attention", "Order needs a person"),
                            ("orphan_order", "Orphan order"),
                            ("balance_break", "Balance differs"),
                            ("account_unreconciled", "Account not compared"),
                            ("credential_frozen", "Keys frozen"),
                            ("trading_state", "Trading state changed"),
                            ("queue_deaf", "Queue deaf"),
                            ("beat_silent", "Scheduler silent"),
                            ("worker_silent", "No worker"),
                            ("webhook_refusals", "Many webhook refusals"),
                            ("database_restored", "Database restored"),
                        ],
                        max_length=24,
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        blank=True,
                        help_text="Only this exchange (or queue). Empty: any, each with its own alert.",
                        max_length=64,
                        verbose_name="only",
                    ),
                ),
                (
                    "threshold",
                    models.PositiveIntegerField(
                        blank=True, help_text="More than this, in the unit of the condition.", null=True
                    ),
                ),
                (
                    "for_s",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="It must last this long before the alert opens. 0: at once.",
                        validators=[django.core.validators.MaxValueValidator(86400)],
                        verbose_name="for how long, seconds",
                    ),
                ),
                (
                    "hold_s",
                    models.PositiveIntegerField(
                        default=30,
                        help_text="It must be over for this long before the alert closes, so that a flapping exchange is one alert.",
                        validators=[django.core.validators.MaxValueValidator(86400)],
                        verbose_name="over after, seconds",
                    ),
                ),
                (
                    "severity",
                    models.CharField(
                        choices=[("info", "info"), ("warning", "warning"), ("critical", "critical")],
                        default="warning",
                        max_length=8,
                    ),
                ),
                (
                    "repeat_s",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Until somebody takes it or it is over. Empty: told once.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(60),
                            django.core.validators.MaxValueValidator(604800),
                        ],
                        verbose_name="repeat every, seconds",
                    ),
                ),
                ("recovery_notice", models.BooleanField(default=True, help_text="Tell once that it is over.")),
                (
                    "enabled",
                    models.BooleanField(default=True, help_text="Off: not evaluated; its open alerts are closed."),
                ),
                (
                    "channels",
                    models.ManyToManyField(
                        blank=True,
                        help_text="None: the alert is listed here, and nobody is told.",
                        related_name="rules",
                        to="policies.alertchannel",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="HistoricalAlertChannel",
            fields=[
                ("id", models.UUIDField(db_index=True, default=uuid.uuid4, editable=False)),
                ("name", models.CharField(db_index=True, max_length=60)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("email", "E-mail"),
                            ("telegram", "Telegram"),
                            ("slack", "Slack"),
                            ("discord", "Discord"),
                            ("webhook", "Signed webhook"),
                        ],
                        max_length=10,
                    ),
                ),
                ("enabled", models.BooleanField(default=True, help_text="Off: nothing more is sent there.")),
                ("settings", models.JSONField(default=dict, editable=False)),
                ("secret_shown", models.CharField(blank=True, editable=False, max_length=12, verbose_name="secret")),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.TextField(null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "historical alert channel",
                "verbose_name_plural": "historical alert channels",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="HistoricalAlertRule",
            fields=[
                ("id", models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name="ID")),
                ("name", models.CharField(db_index=True, max_length=80)),
                (
                    "condition",
                    models.CharField(
                        choices=[
                            ("exchange_down", "Exchange down"),
                            ("exchange_degraded", "Exchange degraded"),
                            ("breaker_open", "Circuit breaker open"),
                            ("chain_out", "No exchange left"),
                            ("failovers", "Many failovers"),
                            ("denials", "Many denials"),
                            ("rejections", "Many rejections"),
                            ("queue_age", "Signals wait"),
                            ("orders_unknown", "Orders unknown"),
                            ("order_attention", "Order needs a person"),
                            ("orphan_order", "Orphan order"),
                            ("balance_break", "Balance differs"),
                            ("account_unreconciled", "Account not compared"),
                            ("credential_frozen", "Keys frozen"),
                            ("trading_state", "Trading state changed"),
                            ("queue_deaf", "Queue deaf"),
                            ("beat_silent", "Scheduler silent"),
                            ("worker_silent", "No worker"),
                            ("webhook_refusals", "Many webhook refusals"),
                            ("database_restored", "Database restored"),
                        ],
                        max_length=24,
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        blank=True,
                        help_text="Only this exchange (or queue). Empty: any, each with its own alert.",
                        max_length=64,
                        verbose_name="only",
                    ),
                ),
                (
                    "threshold",
                    models.PositiveIntegerField(
                        blank=True, help_text="More than this, in the unit of the condition.", null=True
                    ),
                ),
                (
                    "for_s",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="It must last this long before the alert opens. 0: at once.",
                        validators=[django.core.validators.MaxValueValidator(86400)],
                        verbose_name="for how long, seconds",
                    ),
                ),
                (
                    "hold_s",
                    models.PositiveIntegerField(
                        default=30,
                        help_text="It must be over for this long before the alert closes, so that a flapping exchange is one alert.",
                        validators=[django.core.validators.MaxValueValidator(86400)],
                        verbose_name="over after, seconds",
                    ),
                ),
                (
                    "severity",
                    models.CharField(
                        choices=[("info", "info"), ("warning", "warning"), ("critical", "critical")],
                        default="warning",
                        max_length=8,
                    ),
                ),
                (
                    "repeat_s",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Until somebody takes it or it is over. Empty: told once.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(60),
                            django.core.validators.MaxValueValidator(604800),
                        ],
                        verbose_name="repeat every, seconds",
                    ),
                ),
                ("recovery_notice", models.BooleanField(default=True, help_text="Tell once that it is over.")),
                (
                    "enabled",
                    models.BooleanField(default=True, help_text="Off: not evaluated; its open alerts are closed."),
                ),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.TextField(null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "historical alert rule",
                "verbose_name_plural": "historical alert rules",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="HistoricalAlertRule_channels",
            fields=[
                ("id", models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name="ID")),
                ("m2m_history_id", models.AutoField(primary_key=True, serialize=False)),
                (
                    "alertchannel",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_tablespace="",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="policies.alertchannel",
                    ),
                ),
                (
                    "alertrule",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_tablespace="",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="policies.alertrule",
                    ),
                ),
                (
                    "history",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="policies.historicalalertrule",
                    ),
                ),
            ],
            options={
                "verbose_name": "HistoricalAlertRule_channels",
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.RunPython(install, migrations.RunPython.noop),
    ]
