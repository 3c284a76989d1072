import sys
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from policies import policy_file
from policies.services import check_reason


class Command(BaseCommand):
    help = (
        "Apply a policy file (see dump_policy). Shows every change; refuses unknown names with their line; changes "
        "only what the file names; all or nothing. Applying the same file again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="YAML file, or - for standard input")
        parser.add_argument("--dry-run", action="store_true", help="show the changes, make none")
        parser.add_argument("--reason", default="", help="kept with every change (default: the file's name)")
        parser.add_argument("--by", default="", metavar="USER", help="who answers for it")

    def handle(self, *args: Any, **options: Any) -> None:
        text = self._text(options["file"])
        try:
            changes = policy_file.plan(text)
            for change in changes:
                self.stdout.write(str(change))
            if not changes:
                self.stdout.write("Nothing to change.")
            elif options["dry_run"]:
                self.stdout.write(f"{len(changes)} change(s) not made: --dry-run.")
            else:
                policy_file.apply(text, reason=self._reason(options), by=self._user(options["by"]))
                self.stdout.write(self.style.SUCCESS(f"{len(changes)} change(s) made."))
        except policy_file.PolicyFileError as e:
            raise CommandError(f"Nothing was applied.\n{e}") from e

    def _text(self, name: str) -> str:
        if name == "-":
            return sys.stdin.read()
        try:
            return Path(name).read_text()
        except OSError as e:
            raise CommandError(f"Cannot read {name}: {e.strerror}.") from e

    def _reason(self, options: dict[str, Any]) -> str:
        try:
            return check_reason(options["reason"] or f"Policy file {Path(options['file']).name}")
        except ValidationError as e:
            raise CommandError(" ".join(e.messages)) from e

    def _user(self, name: str) -> User | None:
        if not name:
            return None
        user = User.objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is no user {name!r}.")
        return user
