"""The eight exchanges, the routing settings and the failover chains of a fresh installation."""

from django.conf import settings
from django.db import migrations

from policies import defaults


def install(apps, schema_editor):
    models = ("Exchange", "RoutingSettings", "FailoverChain", "FailoverStep")
    defaults.install(*(apps.get_model("policies", name) for name in models), settings.ENV["DEFAULT_EXCHANGE"])


class Migration(migrations.Migration):
    dependencies = [("policies", "0002_version_triggers")]

    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
