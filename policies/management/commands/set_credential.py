import json
import os
import sys
from getpass import getpass
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from policies.domain.credentials import FIELD_NAMES, fields_of
from policies.domain.policy import Mode
from policies.services import store_credential


class Command(BaseCommand):
    help = (
        "Store a user's keys for an exchange, encrypted, replacing those that are there. The secrets are never "
        'arguments: they come as JSON on standard input ({"api_key": …, "secret": …, "passphrase": …, '
        '"client_id": …}), from the environment (EXCHANGE_API_KEY, EXCHANGE_SECRET, EXCHANGE_PASSPHRASE, '
        "EXCHANGE_CLIENT_ID), or are asked for."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user")
        parser.add_argument("exchange")
        parser.add_argument("--mode", choices=[Mode.LIVE.value, Mode.SANDBOX.value], default=Mode.LIVE.value)
        parser.add_argument("--label", default="", help="which account this is, for people")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}. Make one with create_api_client.")
        try:
            row = store_credential(
                user=user,
                exchange=options["exchange"],
                mode=Mode(options["mode"]),
                secrets=self._secrets(options["exchange"]),
                by=None,
                label=options["label"],
            )
        except ValidationError as e:
            raise CommandError(" ".join(e.messages)) from e
        self.stdout.write(f"Stored: {row} ({row.mode}), fingerprint {row.fingerprint}.")

    def _secrets(self, exchange: str) -> dict[str, str]:
        from_environment = {
            name: value for name in FIELD_NAMES if (value := os.environ.get(f"EXCHANGE_{name.upper()}"))
        }
        if from_environment:
            return from_environment
        if sys.stdin.isatty():
            return {name: getpass(f"{name.replace('_', ' ')}: ") for name in fields_of(exchange).all}
        try:
            secrets = json.load(sys.stdin)
        except ValueError as e:
            raise CommandError("Standard input is not JSON.") from e
        if not isinstance(secrets, dict) or not all(isinstance(value, str) for value in secrets.values()):
            raise CommandError('Send a JSON object of texts, e.g. {"api_key": "…", "secret": "…"}.')
        unknown = set(secrets) - set(FIELD_NAMES)
        if unknown:
            raise CommandError(f"Unknown field {', '.join(sorted(unknown))}; there are {', '.join(FIELD_NAMES)}.")
        return secrets
