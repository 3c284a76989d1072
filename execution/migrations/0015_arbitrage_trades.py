"""Arbitrage that is traded: trades, their orders, what happened. A signal may be a leg without being a part."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

EVENTS = """
CREATE TRIGGER execution_arbitrageevent_append_only BEFORE UPDATE OR DELETE ON execution_arbitrageevent
FOR EACH ROW EXECUTE FUNCTION execution_refuse_change();
"""
EVENTS_DROP = "DROP TRIGGER execution_arbitrageevent_append_only ON execution_arbitrageevent;"


class Migration(migrations.Migration):
    dependencies = [
        ("execution", "0014_arbitrage"),
        ("policies", "0012_arbitrage_trades"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ArbitrageEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("state", models.CharField(max_length=8)),
                ("reason_code", models.CharField(blank=True, max_length=40)),
                ("detail", models.TextField(blank=True)),
                ("by", models.CharField(blank=True, help_text="Empty: the platform.", max_length=150)),
            ],
            options={
                "ordering": ["at", "id"],
            },
        ),
        migrations.CreateModel(
            name="ArbitrageStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField(help_text="From 0.")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("first", "first"),
                            ("second", "second"),
                            ("complete", "complete"),
                            ("unwind", "unwind"),
                        ],
                        max_length=8,
                    ),
                ),
            ],
            options={
                "ordering": ["number"],
            },
        ),
        migrations.CreateModel(
            name="ArbitrageTrade",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("idempotency_key", models.CharField(max_length=100)),
                ("body_hash", models.CharField(max_length=64)),
                ("started_at", models.DateTimeField()),
                ("started_by", models.CharField(max_length=150)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("symbol", models.CharField(max_length=41)),
                ("buy_exchange", models.CharField(max_length=20)),
                ("sell_exchange", models.CharField(max_length=20)),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("paper", "Paper: filled against the live book, nothing is sent"),
                            ("sandbox", "Sandbox: the exchange's test system"),
                            ("live", "Live: real orders"),
                        ],
                        max_length=10,
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=18, help_text="Base units.", max_digits=38)),
                (
                    "buy_limit",
                    models.DecimalField(
                        decimal_places=18, help_text="The worst price that still earns.", max_digits=38
                    ),
                ),
                (
                    "sell_limit",
                    models.DecimalField(
                        decimal_places=18, help_text="The worst price that still earns.", max_digits=38
                    ),
                ),
                (
                    "planned_cost",
                    models.DecimalField(decimal_places=18, help_text="Quote units, after fees.", max_digits=38),
                ),
                (
                    "planned_profit",
                    models.DecimalField(
                        decimal_places=18,
                        help_text="Quote units, after fees, had both orders filled at the books of then.",
                        max_digits=38,
                    ),
                ),
                ("planned_bps", models.DecimalField(decimal_places=4, help_text="Of the cost.", max_digits=12)),
                (
                    "book_age_s",
                    models.DecimalField(decimal_places=3, help_text="Of the older of the two books.", max_digits=8),
                ),
                (
                    "policy",
                    models.CharField(
                        choices=[
                            ("hold", "Leave it open, and ask a person"),
                            ("complete", "Try the second order again, within the largest loss; then ask"),
                            ("unwind", "Trade it back where the first order was, within the largest loss; then ask"),
                        ],
                        max_length=10,
                    ),
                ),
                ("max_loss_bps", models.DecimalField(decimal_places=2, max_digits=7)),
                (
                    "first",
                    models.CharField(
                        choices=[("buy", "buy"), ("sell", "sell")],
                        help_text="The side of the first order.",
                        max_length=4,
                    ),
                ),
                ("first_why", models.TextField()),
                ("terms", models.JSONField(help_text="Of each exchange: fee, tick, lot and minimums.")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("first", "first"),
                            ("second", "second"),
                            ("repair", "repair"),
                            ("held", "held"),
                            ("done", "done"),
                            ("nothing", "nothing"),
                            ("accepted", "accepted"),
                        ],
                        default="first",
                        max_length=8,
                    ),
                ),
                (
                    "doing",
                    models.CharField(
                        choices=[
                            ("hold", "Leave it open, and ask a person"),
                            ("complete", "Try the second order again, within the largest loss; then ask"),
                            ("unwind", "Trade it back where the first order was, within the largest loss; then ask"),
                        ],
                        max_length=10,
                    ),
                ),
                ("loss_bps", models.DecimalField(decimal_places=2, max_digits=7)),
                (
                    "since_step",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="How many steps there were when a person decided."
                    ),
                ),
                ("reason_code", models.CharField(blank=True, max_length=40)),
                ("reason_detail", models.TextField(blank=True)),
                (
                    "open_amount",
                    models.DecimalField(
                        decimal_places=18,
                        default=0,
                        help_text="Base units that the first order got and nothing traded back.",
                        max_digits=38,
                    ),
                ),
                (
                    "profit",
                    models.DecimalField(
                        decimal_places=18,
                        help_text="Quote units, from the fills, after fees; empty: not known.",
                        max_digits=38,
                        null=True,
                    ),
                ),
                ("held_at", models.DateTimeField(null=True)),
                ("final_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="signal",
            name="signal_part_of_parent",
        ),
        migrations.AddConstraint(
            model_name="signal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("allotted", None), ("due_at", None), ("parent", None), ("part", None)),
                    models.Q(
                        ("allotted__gt", 0),
                        ("allotted__isnull", False),
                        ("parent__isnull", False),
                        ("part__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="signal_part_of_parent",
            ),
        ),
        migrations.AddField(
            model_name="arbitragestep",
            name="signal",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="arbitrage_step", to="execution.signal"
            ),
        ),
        migrations.AddField(
            model_name="arbitragetrade",
            name="opportunity",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="execution.arbitrageopportunity",
            ),
        ),
        migrations.AddField(
            model_name="arbitragetrade",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="arbitragestep",
            name="trade",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="steps",
                to="execution.arbitragetrade",
            ),
        ),
        migrations.AddField(
            model_name="arbitrageevent",
            name="trade",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="events", to="execution.arbitragetrade"
            ),
        ),
        migrations.AddIndex(
            model_name="arbitragetrade",
            index=models.Index(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "first",
                            "repair",
                            "second",
                        ],
                    )
                ),
                fields=["started_at"],
                name="arbitrage_trade_under_way",
            ),
        ),
        migrations.AddIndex(
            model_name="arbitragetrade",
            index=models.Index(condition=models.Q(("state", "held")), fields=["held_at"], name="arbitrage_trade_held"),
        ),
        migrations.AddIndex(
            model_name="arbitragetrade",
            index=models.Index(fields=["-started_at"], name="arbitrage_trade_newest"),
        ),
        migrations.AddConstraint(
            model_name="arbitragetrade",
            constraint=models.UniqueConstraint(fields=("user", "idempotency_key"), name="arbitrage_trade_key_once"),
        ),
        migrations.AddConstraint(
            model_name="arbitragetrade",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "accepted",
                            "done",
                            "nothing",
                        ],
                    ),
                    _negated=True,
                ),
                fields=("user", "symbol"),
                name="arbitrage_trade_one_a_pair",
            ),
        ),
        migrations.AddConstraint(
            model_name="arbitragetrade",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("final_at__isnull", False),
                        (
                            "state__in",
                            [
                                "accepted",
                                "done",
                                "nothing",
                            ],
                        ),
                    ),
                    models.Q(
                        models.Q(
                            (
                                "state__in",
                                [
                                    "accepted",
                                    "done",
                                    "nothing",
                                ],
                            ),
                            _negated=True,
                        ),
                        ("final_at", None),
                    ),
                    _connector="OR",
                ),
                name="arbitrage_trade_final_at_iff_over",
            ),
        ),
        migrations.AddConstraint(
            model_name="arbitragetrade",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0), ("open_amount__gte", 0)), name="arbitrage_trade_amounts"
            ),
        ),
        migrations.AddConstraint(
            model_name="arbitragestep",
            constraint=models.UniqueConstraint(fields=("trade", "number"), name="arbitrage_step_once"),
        ),
        migrations.RunSQL(EVENTS, EVENTS_DROP),
    ]
