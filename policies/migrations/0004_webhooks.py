"""Webhooks and their secrets; a change of either changes the policy version."""

import uuid

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models

TRIGGERS = {
    # A used webhook must not make every process read its policy anew.
    "policies_webhook": "name, owner_id, kind, enabled, allowed_ips, allowed_symbols, per_minute, strategy_id, "
    "exchange_id, symbol, defaults, body_map, text_template, alert_id_field, window_s, time_field, max_age_s, "
    "token_digest, old_token_digest, old_token_until",
    "policies_webhooksecret": "webhook_id, ciphertext, retired_at",
}


def _trigger(table: str, columns: str) -> str:
    return (
        f"CREATE TRIGGER {table}_version AFTER INSERT OR UPDATE OF {columns} OR DELETE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION policies_bump_version();"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0003_defaults"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="HistoricalWebhook",
            fields=[
                ("id", models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        db_index=True,
                        error_messages={"unique": "There is a webhook of this name already."},
                        help_text="Small letters, digits and dashes. It never changes: alerts are told apart by it.",
                        max_length=30,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z0-9]+(-[a-z0-9]+)*\\Z",
                                "Use small letters, digits and single dashes, e.g. btc-breakout.",
                            )
                        ],
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("tradingview", "TradingView: a secret address, and a list of senders"),
                            ("signed", "Signed: every request carries an HMAC signature"),
                        ],
                        default="tradingview",
                        max_length=12,
                    ),
                ),
                (
                    "enabled",
                    models.BooleanField(default=True, help_text="Off: every request is refused, within a second."),
                ),
                (
                    "allowed_ips",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=43), blank=True, default=list, size=None
                    ),
                ),
                (
                    "allowed_symbols",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=41), blank=True, default=list, size=None
                    ),
                ),
                (
                    "per_minute",
                    models.PositiveIntegerField(
                        default=60,
                        help_text="More within any 60 seconds are refused. Repetitions of an alert do not count.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100000),
                        ],
                        verbose_name="signals per minute",
                    ),
                ),
                (
                    "strategy_id",
                    models.CharField(
                        blank=True,
                        help_text="Used when the alert names no strategy.",
                        max_length=64,
                        verbose_name="strategy",
                    ),
                ),
                (
                    "symbol",
                    models.CharField(
                        blank=True,
                        help_text="Used when the alert names no pair, e.g. BTC/USDT.",
                        max_length=41,
                        verbose_name="pair",
                    ),
                ),
                ("defaults", models.JSONField(blank=True, default=dict, verbose_name="other defaults")),
                ("body_map", models.JSONField(blank=True, default=dict, verbose_name="body map")),
                (
                    "text_template",
                    models.CharField(
                        blank=True,
                        help_text="For alerts that are plain text: “{side} {symbol} {amount} id={alert_id}”. “{_}” skips a part.",
                        max_length=500,
                    ),
                ),
                (
                    "alert_id_field",
                    models.CharField(
                        default="alert_id",
                        help_text="Where the body has what is new for every alert. The same id never gives a second signal.",
                        max_length=100,
                        verbose_name="alert's id",
                    ),
                ),
                (
                    "window_s",
                    models.PositiveIntegerField(
                        default=60,
                        help_text="An alert without an id counts as a repetition when the same body came within this time.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                        verbose_name="without an id, seconds",
                    ),
                ),
                (
                    "time_field",
                    models.CharField(
                        blank=True,
                        help_text="Where the body says when the alert was made.",
                        max_length=100,
                        verbose_name="alert's time",
                    ),
                ),
                (
                    "max_age_s",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Older alerts are refused. Empty: the age is not looked at.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                        verbose_name="oldest alert, seconds",
                    ),
                ),
                ("notes", models.TextField(blank=True)),
                ("token_prefix", models.CharField(blank=True, editable=False, max_length=12)),
                (
                    "old_token_until",
                    models.DateTimeField(
                        editable=False,
                        help_text="The address before the last rotation.",
                        null=True,
                        verbose_name="old address valid until",
                    ),
                ),
                ("rotated_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(blank=True, editable=False)),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.TextField(null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
                (
                    "exchange",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        help_text="Used when the alert names no exchange. Empty: the strategy's mapping decides.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="policies.exchange",
                    ),
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
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        help_text="Its signals are this user's, with this user's permissions and keys.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "historical webhook",
                "verbose_name_plural": "historical webhooks",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="Webhook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        error_messages={"unique": "There is a webhook of this name already."},
                        help_text="Small letters, digits and dashes. It never changes: alerts are told apart by it.",
                        max_length=30,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z0-9]+(-[a-z0-9]+)*\\Z",
                                "Use small letters, digits and single dashes, e.g. btc-breakout.",
                            )
                        ],
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("tradingview", "TradingView: a secret address, and a list of senders"),
                            ("signed", "Signed: every request carries an HMAC signature"),
                        ],
                        default="tradingview",
                        max_length=12,
                    ),
                ),
                (
                    "enabled",
                    models.BooleanField(default=True, help_text="Off: every request is refused, within a second."),
                ),
                (
                    "allowed_ips",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=43), blank=True, default=list, size=None
                    ),
                ),
                (
                    "allowed_symbols",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=41), blank=True, default=list, size=None
                    ),
                ),
                (
                    "per_minute",
                    models.PositiveIntegerField(
                        default=60,
                        help_text="More within any 60 seconds are refused. Repetitions of an alert do not count.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100000),
                        ],
                        verbose_name="signals per minute",
                    ),
                ),
                (
                    "strategy_id",
                    models.CharField(
                        blank=True,
                        help_text="Used when the alert names no strategy.",
                        max_length=64,
                        verbose_name="strategy",
                    ),
                ),
                (
                    "symbol",
                    models.CharField(
                        blank=True,
                        help_text="Used when the alert names no pair, e.g. BTC/USDT.",
                        max_length=41,
                        verbose_name="pair",
                    ),
                ),
                ("defaults", models.JSONField(blank=True, default=dict, verbose_name="other defaults")),
                ("body_map", models.JSONField(blank=True, default=dict, verbose_name="body map")),
                (
                    "text_template",
                    models.CharField(
                        blank=True,
                        help_text="For alerts that are plain text: “{side} {symbol} {amount} id={alert_id}”. “{_}” skips a part.",
                        max_length=500,
                    ),
                ),
                (
                    "alert_id_field",
                    models.CharField(
                        default="alert_id",
                        help_text="Where the body has what is new for every alert. The same id never gives a second signal.",
                        max_length=100,
                        verbose_name="alert's id",
                    ),
                ),
                (
                    "window_s",
                    models.PositiveIntegerField(
                        default=60,
                        help_text="An alert without an id counts as a repetition when the same body came within this time.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                        verbose_name="without an id, seconds",
                    ),
                ),
                (
                    "time_field",
                    models.CharField(
                        blank=True,
                        help_text="Where the body says when the alert was made.",
                        max_length=100,
                        verbose_name="alert's time",
                    ),
                ),
                (
                    "max_age_s",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Older alerts are refused. Empty: the age is not looked at.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                        verbose_name="oldest alert, seconds",
                    ),
                ),
                ("notes", models.TextField(blank=True)),
                ("token_prefix", models.CharField(blank=True, editable=False, max_length=12)),
                ("token_digest", models.CharField(editable=False, max_length=64, null=True, unique=True)),
                ("old_token_digest", models.CharField(editable=False, max_length=64, null=True, unique=True)),
                (
                    "old_token_until",
                    models.DateTimeField(
                        editable=False,
                        help_text="The address before the last rotation.",
                        null=True,
                        verbose_name="old address valid until",
                    ),
                ),
                ("rotated_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="last used")),
                (
                    "exchange",
                    models.ForeignKey(
                        blank=True,
                        help_text="Used when the alert names no exchange. Empty: the strategy's mapping decides.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="policies.exchange",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        help_text="Its signals are this user's, with this user's permissions and keys.",
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="webhooks",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "permissions": [("all_webhooks", "Can see and change the webhooks of every user")],
            },
        ),
        migrations.CreateModel(
            name="HistoricalWebhookSecret",
            fields=[
                ("id", models.UUIDField(db_index=True, default=uuid.uuid4, editable=False)),
                ("fingerprint", models.CharField(editable=False, max_length=16)),
                ("created_at", models.DateTimeField(blank=True, editable=False)),
                ("retired_at", models.DateTimeField(editable=False, null=True)),
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
                (
                    "webhook",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="policies.webhook",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical webhook secret",
                "verbose_name_plural": "historical webhook secrets",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="WebhookSecret",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("fingerprint", models.CharField(editable=False, max_length=16)),
                ("ciphertext", models.BinaryField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("retired_at", models.DateTimeField(editable=False, null=True)),
                (
                    "webhook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="secrets", to="policies.webhook"
                    ),
                ),
            ],
            options={
                "ordering": ["created_at"],
            },
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(("max_age_s", None), models.Q(("time_field", ""), _negated=True), _connector="OR"),
                name="webhook_time_and_age_together",
                violation_error_message="Name the field that holds the alert's time, or leave the oldest age empty.",
            ),
        ),
        *[migrations.RunSQL(_trigger(table, columns), migrations.RunSQL.noop) for table, columns in TRIGGERS.items()],
    ]
