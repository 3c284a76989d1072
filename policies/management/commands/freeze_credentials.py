from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from policies.credential_care import fingerprint_lines, freeze_all
from policies.domain.policy import Scope, TradingStatus
from policies.services import set_trading_state


class Command(BaseCommand):
    help = (
        "After a leak: halt all trading, freeze all exchange keys at once, and list them so that they can be revoked "
        "at the exchanges. In force within a second. --exchange and --user freeze only some, and halt nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="everyone will see it")
        parser.add_argument("--exchange", default="", metavar="SLUG")
        parser.add_argument("--user", default="", metavar="NAME")
        parser.add_argument("--by", default="", metavar="USER", help="who answers for it")

    def handle(self, *args: Any, **options: Any) -> None:
        by = User.objects.filter(username=options["by"]).first()
        everything = not (options["exchange"] or options["user"])
        try:
            if everything:
                set_trading_state(
                    scope=Scope.GLOBAL, target="", status=TradingStatus.HALTED, reason=options["reason"], by=by
                )
            rows = freeze_all(reason=options["reason"], by=by, exchange=options["exchange"], username=options["user"])
        except ValidationError as e:
            raise CommandError(" ".join(e.messages)) from e
        for line in fingerprint_lines(rows):
            self.stdout.write(line)
        self.stdout.write(f"{len(rows)} frozen." + (" All trading is halted." if everything else ""))
