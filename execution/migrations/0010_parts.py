"""Signals in parts. A part is a signal; only roots and slices have parts, and a part is its parent's user's."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

GUARD = """
CREATE FUNCTION execution_check_part() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE above execution_signal;
BEGIN
    SELECT * INTO above FROM execution_signal WHERE id = NEW.parent_id;
    IF above.user_id <> NEW.user_id THEN
        RAISE EXCEPTION 'part % belongs to another user than its signal', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    IF above.leg OR EXISTS (
        SELECT 1 FROM execution_signal root WHERE root.id = above.parent_id AND root.parent_id IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'signal % may not have parts', above.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER execution_signal_part BEFORE INSERT ON execution_signal
FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION execution_check_part();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("execution", "0009_alerts"),
        ("policies", "0007_alerts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="signal",
            name="signal_pending",
        ),
        migrations.AddField(
            model_name="signal",
            name="allocated_amount",
            field=models.DecimalField(
                decimal_places=18,
                default=0,
                help_text="Allotted to its parts, less what they gave back, in the unit of its size.",
                max_digits=38,
            ),
        ),
        migrations.AddField(
            model_name="signal",
            name="allotted",
            field=models.DecimalField(
                decimal_places=18,
                help_text="What it takes of its parent's whole, in the parent's unit.",
                max_digits=38,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="signal",
            name="due_at",
            field=models.DateTimeField(help_text="A slice is not sent before this.", null=True),
        ),
        migrations.AddField(
            model_name="signal",
            name="execution_method",
            field=models.CharField(
                blank=True, choices=[("twap", "twap"), ("iceberg", "iceberg"), ("passive", "passive")], max_length=10
            ),
        ),
        migrations.AddField(
            model_name="signal",
            name="leg",
            field=models.BooleanField(default=False, help_text="Goes to the exchange it names or nowhere."),
        ),
        migrations.AddField(
            model_name="signal",
            name="paced_until",
            field=models.DateTimeField(help_text="Its next slice is not sent before this.", null=True),
        ),
        migrations.AddField(
            model_name="signal",
            name="parent",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="parts",
                to="execution.signal",
            ),
        ),
        migrations.AddField(
            model_name="signal",
            name="part",
            field=models.PositiveSmallIntegerField(help_text="Which of its parent's parts, from 0.", null=True),
        ),
        migrations.AddField(
            model_name="signal",
            name="parts_made",
            field=models.PositiveSmallIntegerField(default=0, help_text="Parts made of it so far."),
        ),
        migrations.AddField(
            model_name="signal",
            name="schedule",
            field=models.JSONField(help_text="How its slices follow each other, once that was decided.", null=True),
        ),
        migrations.AddIndex(
            model_name="signal",
            index=models.Index(
                condition=models.Q(("due_at", None), ("status", "pending")),
                fields=["user", "priority", "received_at"],
                name="signal_to_claim",
            ),
        ),
        migrations.AddIndex(
            model_name="signal",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False), ("status", "pending")),
                fields=["due_at"],
                name="signal_due",
            ),
        ),
        migrations.AddIndex(
            model_name="signal",
            index=models.Index(
                condition=models.Q(("cancel_requested_at__isnull", False), ("final_at", None)),
                fields=["cancel_requested_at"],
                name="signal_cancelling",
            ),
        ),
        migrations.AddConstraint(
            model_name="signal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount__gte", models.F("allocated_amount")), ("amount__isnull", False)),
                    models.Q(("notional__gte", models.F("allocated_amount")), ("notional__isnull", False)),
                    _connector="OR",
                ),
                name="signal_parts_within_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="signal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("allotted", None), ("due_at", None), ("leg", False), ("parent", None), ("part", None)),
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
        migrations.AddConstraint(
            model_name="signal",
            constraint=models.UniqueConstraint(
                condition=models.Q(("parent__isnull", False)), fields=("parent", "part"), name="signal_part_once"
            ),
        ),
        migrations.RunSQL(GUARD, "DROP FUNCTION execution_check_part() CASCADE;"),
    ]
