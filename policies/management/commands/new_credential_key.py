from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from policies import crypto


class Command(BaseCommand):
    help = "Print a new key-encryption key for CREDENTIAL_KEYS. Put it in front of the others; keep the old ones."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"k{timezone.now():%Y%m%d}:{crypto.new_key()}")
