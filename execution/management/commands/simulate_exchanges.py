"""`manage.py simulate_exchanges`: the same as `python -m execution.simulator`, for those who look here first."""

import argparse

from django.core.management.base import BaseCommand, CommandParser

from execution.simulator.cli import DESCRIPTION, add_options, run


class Command(BaseCommand):
    """Serves simulated exchanges until it is stopped. Touches no database."""

    help = DESCRIPTION
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Share the options with the module's own command line."""
        add_options(parser)

    def handle(self, *args: object, **options: object) -> None:
        """Run the simulator."""
        run(argparse.Namespace(**options))
