from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("execution", "0005_breaker")]

    operations = [
        migrations.AddIndex(
            model_name="orderevent",
            index=models.Index(
                condition=models.Q(("new_status", "unknown"), models.Q(("old_status", "unknown"), _negated=True)),
                fields=["-at"],
                name="order_event_unknown",
            ),
        ),
    ]
