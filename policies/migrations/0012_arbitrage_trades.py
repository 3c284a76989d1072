"""Trading arbitrage: its settings, who may, and the alert for what one order of two left open."""

from decimal import Decimal

import django.core.validators
from django.db import migrations, models

from policies import defaults


def install(apps, schema_editor):
    defaults.install_alert_rules(apps.get_model("policies", "AlertRule"))


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0011_arbitrage"),
    ]

    operations = [
        migrations.AddField(
            model_name="historicalroutingsettings",
            name="arbitrage_book_max_age_s",
            field=models.DecimalField(
                decimal_places=2,
                default=Decimal("1"),
                help_text="Seconds. No trade begins on a book that is older.",
                max_digits=5,
                validators=[
                    django.core.validators.MinValueValidator(Decimal("0.1")),
                    django.core.validators.MaxValueValidator(Decimal("10")),
                ],
                verbose_name="oldest book of an arbitrage",
            ),
        ),
        migrations.AddField(
            model_name="historicalroutingsettings",
            name="arbitrage_enabled",
            field=models.BooleanField(
                default=False,
                help_text="On: users whose permission says so may trade what is found between two exchanges. What is under way when it is switched off is finished.",
                verbose_name="trade arbitrage",
            ),
        ),
        migrations.AddField(
            model_name="historicalroutingsettings",
            name="arbitrage_max_loss_bps",
            field=models.DecimalField(
                decimal_places=2,
                default=Decimal("20"),
                help_text="In basis points of what is open, after fees: how much completing it or trading it back may lose.",
                max_digits=7,
                validators=[
                    django.core.validators.MinValueValidator(Decimal("0")),
                    django.core.validators.MaxValueValidator(Decimal("500")),
                ],
                verbose_name="largest arbitrage loss",
            ),
        ),
        migrations.AddField(
            model_name="historicalroutingsettings",
            name="arbitrage_one_legged",
            field=models.CharField(
                choices=[
                    ("hold", "Leave it open, and ask a person"),
                    ("complete", "Try the second order again, within the largest loss; then ask"),
                    ("unwind", "Trade it back where the first order was, within the largest loss; then ask"),
                ],
                default="hold",
                help_text="The two orders are not one: the first may fill and the second may not.",
                max_length=10,
                verbose_name="when the second order fails",
            ),
        ),
        migrations.AddField(
            model_name="historicaltradingpermission",
            name="arbitrage",
            field=models.BooleanField(
                default=False,
                help_text="Where the routing settings have it switched on.",
                verbose_name="may trade arbitrage",
            ),
        ),
        migrations.AddField(
            model_name="routingsettings",
            name="arbitrage_book_max_age_s",
            field=models.DecimalField(
                decimal_places=2,
                default=Decimal("1"),
                help_text="Seconds. No trade begins on a book that is older.",
                max_digits=5,
                validators=[
                    django.core.validators.MinValueValidator(Decimal("0.1")),
                    django.core.validators.MaxValueValidator(Decimal("10")),
                ],
                verbose_name="oldest book of an arbitrage",
            ),
        ),
        migrations.AddField(
            model_name="routingsettings",
            name="arbitrage_enabled",
            field=models.BooleanField(
                default=False,
                help_text="On: users whose permission says so may trade what is found between two exchanges. What is under way when it is switched off is finished.",
                verbose_name="trade arbitrage",
            ),
        ),
        migrations.AddField(
            model_name="routingsettings",
            name="arbitrage_max_loss_bps",
            field=models.DecimalField(
                decimal_places=2,
                default=Decimal("20"),
                help_text="In basis points of what is open, after fees: how much completing it or trading it back may lose.",
                max_digits=7,
                validators=[
                    django.core.validators.MinValueValidator(Decimal("0")),
                    django.core.validators.MaxValueValidator(Decimal("500")),
                ],
                verbose_name="largest arbitrage loss",
            ),
        ),
        migrations.AddField(
            model_name="routingsettings",
            name="arbitrage_one_legged",
            field=models.CharField(
                choices=[
                    ("hold", "Leave it open, and ask a person"),
                    ("complete", "Try the second order again, within the largest loss; then ask"),
                    ("unwind", "Trade it back where the first order was, within the largest loss; then ask"),
                ],
                default="hold",
                help_text="The two orders are not one: the first may fill and the second may not.",
                max_length=10,
                verbose_name="when the second order fails",
            ),
        ),
        migrations.AddField(
            model_name="tradingpermission",
            name="arbitrage",
            field=models.BooleanField(
                default=False,
                help_text="Where the routing settings have it switched on.",
                verbose_name="may trade arbitrage",
            ),
        ),
        migrations.AlterField(
            model_name="alertrule",
            name="condition",
            field=models.CharField(
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
                    ("arbitrage_one_legged", "One-legged arbitrage"),
                ],
                max_length=24,
            ),
        ),
        migrations.AlterField(
            model_name="historicalalertrule",
            name="condition",
            field=models.CharField(
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
                    ("arbitrage_one_legged", "One-legged arbitrage"),
                ],
                max_length=24,
            ),
        ),
        migrations.RunPython(install, migrations.RunPython.noop),
    ]
