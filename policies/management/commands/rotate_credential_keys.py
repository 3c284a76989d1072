from typing import Any

from django.core.management.base import BaseCommand, CommandError

from policies import crypto
from policies.credential_care import rotate_keys


class Command(BaseCommand):
    help = (
        "Re-encrypt all stored exchange keys under the newest key of CREDENTIAL_KEYS (the first one). Run "
        "new_credential_key, put its output in front of the others, restart all processes, then run this; afterwards "
        "the old key may go. It can be stopped and run again at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        done = 0
        unreadable: list[str] = []
        for done, left in rotate_keys(unreadable):
            self.stdout.write(f"{done} looked at, {left} left")
        if unreadable:
            lines = "\n".join(unreadable)
            raise CommandError(f"{len(unreadable)} could not be read; enter those keys anew:\n{lines}")
        self.stdout.write(f"All stored keys are under {crypto.newest_key_id()}; {done} were re-encrypted now.")
