"""`manage.py reconcile`: have every account compared with the exchanges before it is used again."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from execution.services.reconcile import epoch


class Command(BaseCommand):
    help = (
        "Have all accounts' orders compared with the exchanges before they are used again. With --restored also halt "
        "all trading until a person releases it: run that after restoring a backup, before starting the workers."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--restored", action="store_true", help="the database was restored from a backup: halt too")
        parser.add_argument(
            "--hours", type=float, default=24.0, help="how far back the exchanges are asked for orders (default: 24)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        since = timezone.now() - timedelta(hours=options["hours"])
        if options["restored"]:
            epoch.restore_found("an operator says so", since=since)
            self.stdout.write("All trading is halted. Start the workers; release it under Kill switch when clean.")
            return
        count = epoch.require_all(reason="Asked for by an operator.", since=since)
        self.stdout.write(f"{count} accounts are compared before they are used again.")
