from typing import Any

from django.core.management.base import BaseCommand

from execution.services import housekeeping, process
from policies.snapshot import refresh


class Command(BaseCommand):
    help = "Read the pairs of every enabled exchange now, instead of waiting for the next quarter of an hour."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            refreshed = housekeeping.refresh_markets(process.executor(), refresh(), force=True)
        finally:
            process.stop()
        self.stdout.write(f"Read: {', '.join(refreshed) or 'none'}.")
