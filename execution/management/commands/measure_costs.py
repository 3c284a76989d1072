"""Work out again what executions cost."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from execution.services.costs import rebuild
from execution.services.housekeeping import MEASURING, only_one


class Command(BaseCommand):
    help = "Compute the costs of all orders that ended since an instant once more; sampled prices are kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("since", help="From here on, e.g. 2026-11-01T00:00:00Z.")

    def handle(self, *args: Any, **options: Any) -> None:
        since = _instant(options["since"])
        with only_one(MEASURING) as mine:
            if not mine:
                raise CommandError("The scheduled run is at it. Try again in a moment.")
            done = 0
            for done in rebuild(since):
                self.stdout.write(f"{done} orders")
        self.stdout.write(f"Done: {done} orders.")


def _instant(text: str) -> datetime:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CommandError(f"{text!r} is no instant with its time zone, such as 2026-11-01T00:00:00Z.")
    return found
