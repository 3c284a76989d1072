from typing import Any

from django.core.management.base import BaseCommand

from policies import policy_file


class Command(BaseCommand):
    help = "Print all policy as YAML: exchanges, routing settings, strategies, failover chains, trading permissions."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(policy_file.dump(), ending="")
