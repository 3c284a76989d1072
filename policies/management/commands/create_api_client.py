from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from policies.models.api_token import TokenScope
from policies.services import create_token


class Command(BaseCommand):
    help = (
        "Make an API token for a user, and the user if there is none, and print the token once on standard output. "
        "A new user may do nothing until a trading permission is added (admin, or apply_policy)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user")
        parser.add_argument(
            "--scopes", nargs="+", choices=TokenScope.values, required=True, help="what the token may do"
        )
        parser.add_argument("--name", default="command line", help="which client uses it")
        parser.add_argument("--expires-days", type=int, default=0, help="days it is valid (default: for ever)")
        parser.add_argument("--allowed-ips", nargs="*", default=[], help="addresses or networks (default: any)")

    def handle(self, *args: Any, **options: Any) -> None:
        user, created = User.objects.get_or_create(username=options["user"])
        if created:
            user.set_unusable_password()
            user.save()
            self.stderr.write(f"User {user} was made; it cannot log in, only use tokens.")
        days = options["expires_days"]
        try:
            _, plaintext = create_token(
                user=user,
                name=options["name"],
                scopes=options["scopes"],
                by=None,
                expires_at=timezone.now() + timedelta(days=days) if days else None,
                allowed_ips=options["allowed_ips"],
            )
        except ValidationError as e:
            raise CommandError(" ".join(e.messages)) from e
        self.stderr.write("Copy the token now. Only its hash is kept.")
        self.stdout.write(plaintext)
