from decimal import Decimal

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0009_fee_tiers"),
    ]

    operations = [
        migrations.AddField(
            model_name="historicalroutingsettings",
            name="passive_horizon_s",
            field=models.PositiveIntegerField(
                default=30,
                help_text="Seconds that a passive order rests at the best price before the rest of it takes what there is.",
                validators=[
                    django.core.validators.MinValueValidator(2),
                    django.core.validators.MaxValueValidator(86400),
                ],
                verbose_name="patience",
            ),
        ),
        migrations.AddField(
            model_name="historicalroutingsettings",
            name="schedule_jitter",
            field=models.DecimalField(
                decimal_places=2,
                default=Decimal("0.20"),
                help_text="Share by which the times and sizes of slices vary, so that others do not see the pattern. 0: none.",
                max_digits=3,
                validators=[
                    django.core.validators.MinValueValidator(Decimal("0")),
                    django.core.validators.MaxValueValidator(Decimal("0.45")),
                ],
                verbose_name="irregularity",
            ),
        ),
        migrations.AddField(
            model_name="historicalroutingsettings",
            name="twap_above",
            field=models.DecimalField(
                blank=True,
                decimal_places=18,
                help_text="Quote units. A larger signal is traded in slices over time (TWAP), unless it is an exit or a stop or says itself how it wants to be traded. Empty: only where the signal or its strategy asks for it.",
                max_digits=38,
                null=True,
                validators=[django.core.validators.MinValueValidator(Decimal("0"))],
                verbose_name="spread over time above",
            ),
        ),
        migrations.AddField(
            model_name="historicalroutingsettings",
            name="twap_horizon_s",
            field=models.PositiveIntegerField(
                default=600,
                help_text="Seconds from the first slice until after the last one, unless the signal says so.",
                validators=[
                    django.core.validators.MinValueValidator(10),
                    django.core.validators.MaxValueValidator(86400),
                ],
                verbose_name="horizon",
            ),
        ),
        migrations.AddField(
            model_name="historicalroutingsettings",
            name="twap_slices",
            field=models.PositiveSmallIntegerField(
                default=20,
                help_text="How many, unless the signal says so. Slices below an exchange's minimum are put together.",
                validators=[django.core.validators.MinValueValidator(2), django.core.validators.MaxValueValidator(100)],
                verbose_name="slices",
            ),
        ),
        migrations.AddField(
            model_name="routingsettings",
            name="passive_horizon_s",
            field=models.PositiveIntegerField(
                default=30,
                help_text="Seconds that a passive order rests at the best price before the rest of it takes what there is.",
                validators=[
                    django.core.validators.MinValueValidator(2),
                    django.core.validators.MaxValueValidator(86400),
                ],
                verbose_name="patience",
            ),
        ),
        migrations.AddField(
            model_name="routingsettings",
            name="schedule_jitter",
            field=models.DecimalField(
                decimal_places=2,
                default=Decimal("0.20"),
                help_text="Share by which the times and sizes of slices vary, so that others do not see the pattern. 0: none.",
                max_digits=3,
                validators=[
                    django.core.validators.MinValueValidator(Decimal("0")),
                    django.core.validators.MaxValueValidator(Decimal("0.45")),
                ],
                verbose_name="irregularity",
            ),
        ),
        migrations.AddField(
            model_name="routingsettings",
            name="twap_above",
            field=models.DecimalField(
                blank=True,
                decimal_places=18,
                help_text="Quote units. A larger signal is traded in slices over time (TWAP), unless it is an exit or a stop or says itself how it wants to be traded. Empty: only where the signal or its strategy asks for it.",
                max_digits=38,
                null=True,
                validators=[django.core.validators.MinValueValidator(Decimal("0"))],
                verbose_name="spread over time above",
            ),
        ),
        migrations.AddField(
            model_name="routingsettings",
            name="twap_horizon_s",
            field=models.PositiveIntegerField(
                default=600,
                help_text="Seconds from the first slice until after the last one, unless the signal says so.",
                validators=[
                    django.core.validators.MinValueValidator(10),
                    django.core.validators.MaxValueValidator(86400),
                ],
                verbose_name="horizon",
            ),
        ),
        migrations.AddField(
            model_name="routingsettings",
            name="twap_slices",
            field=models.PositiveSmallIntegerField(
                default=20,
                help_text="How many, unless the signal says so. Slices below an exchange's minimum are put together.",
                validators=[django.core.validators.MinValueValidator(2), django.core.validators.MaxValueValidator(100)],
                verbose_name="slices",
            ),
        ),
        migrations.AlterField(
            model_name="historicalstrategypolicy",
            name="execution_method",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "By signal type: market for exits and stops, else a limit at a protective price"),
                    ("limit", "Limit at a protective price"),
                    ("market", "Market"),
                    ("twap", "Over time, in slices; exits and stops at once"),
                    ("passive", "Rest at the best price, then take the rest; exits and stops at once"),
                ],
                default="",
                help_text="How orders without a limit price of their own are sent.",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="strategypolicy",
            name="execution_method",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "By signal type: market for exits and stops, else a limit at a protective price"),
                    ("limit", "Limit at a protective price"),
                    ("market", "Market"),
                    ("twap", "Over time, in slices; exits and stops at once"),
                    ("passive", "Rest at the best price, then take the rest; exits and stops at once"),
                ],
                default="",
                help_text="How orders without a limit price of their own are sent.",
                max_length=10,
            ),
        ),
    ]
