from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from policies.domain.policy import Scope, TradingStatus
from policies.services import set_trading_state


class Command(BaseCommand):
    help = (
        "Halt trading: everything, an exchange, a user, a strategy or a pair. In force within a second, everywhere. "
        "Cancels still pass. `halt exchange kraken --reason '503s'`, `halt global --reason drill`; "
        "`--resume` lets it trade again, `--reduce-only` lets only position-reducing orders through."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("scope", choices=[scope.value for scope in Scope])
        parser.add_argument("target", nargs="?", default="", help="slug, user name, strategy or pair")
        parser.add_argument("--reason", required=True, help="everyone will see it")
        parser.add_argument("--by", default="", metavar="USER", help="who answers for it")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--reduce-only", action="store_true")
        what.add_argument("--resume", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        status = TradingStatus.HALTED
        if options["reduce_only"]:
            status = TradingStatus.REDUCING
        elif options["resume"]:
            status = TradingStatus.ACTIVE
        scope, target = Scope(options["scope"]), options["target"]
        if scope == Scope.USER:
            target = str(User.objects.filter(username=target).values_list("pk", flat=True).first() or target)
        try:
            state = set_trading_state(
                scope=scope,
                target=target,
                status=status,
                reason=options["reason"],
                by=User.objects.filter(username=options["by"]).first(),
            )
        except ValidationError as e:
            raise CommandError(" ".join(e.messages)) from e
        self.stdout.write(f"{state} is {state.get_status_display().lower()} since {state.since:%H:%M:%S.%f} UTC.")
