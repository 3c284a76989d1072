"""Make the usual roles as groups. Safe to run again: it adds and takes away until each has exactly its rights."""

from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand, CommandError

LOOK = (
    "execution.view_signal",
    "execution.view_decision",
    "execution.view_order",
    "execution.view_orderevent",
    "execution.view_fill",
    "execution.view_position",
    "execution.view_feetotal",
    "execution.view_accountfee",
    "execution.view_ordercost",
    "execution.view_exchangehealth",
    "execution.view_healthevent",
    "execution.view_market",
    "execution.view_orphan",
    "execution.view_reconciliation",
    "execution.view_bookbreak",
    "execution.view_alert",
    "execution.view_arbitragetrade",
    "policies.view_alertrule",
    "policies.view_exchange",
    "policies.view_feetier",
    "policies.view_routingsettings",
    "policies.view_strategypolicy",
    "policies.view_failoverchain",
    "policies.view_failoverstep",
    "policies.view_tradingpermission",
    "policies.view_tradingpreference",
    "policies.view_routingstrategy",
    "policies.view_ordersizelimit",
    "policies.view_tradingstate",
)
# What the machine writes has no form: the right to change an order is the right to cancel it and to say what became of
# it, and so on. Trusting an account that could not be compared takes policies.resume.
OPERATE = (
    *LOOK,
    "policies.view_exchangecredential",
    "policies.all_credentials",
    "policies.view_apitoken",
    "policies.view_webhook",
    "policies.all_webhooks",
    "execution.view_webhookdelivery",
    "policies.halt",
    "execution.change_order",
    "execution.change_orphan",
    "execution.change_reconciliation",
    "execution.change_bookbreak",
    "execution.change_alert",
    "execution.change_arbitragetrade",
    "execution.view_alertdelivery",
    "execution.change_alertdelivery",
    "policies.view_alertchannel",
)
DECIDE = (
    *OPERATE,
    "policies.resume",
    "execution.add_arbitragetrade",
    "policies.change_exchange",
    "policies.add_feetier",
    "policies.change_feetier",
    "policies.delete_feetier",
    "policies.change_routingsettings",
    "policies.change_routingstrategy",
    "policies.add_tradingpreference",
    "policies.change_tradingpreference",
    "policies.add_strategypolicy",
    "policies.change_strategypolicy",
    "policies.add_failoverchain",
    "policies.change_failoverchain",
    "policies.add_failoverstep",
    "policies.change_failoverstep",
    "policies.delete_failoverstep",
    "policies.add_tradingpermission",
    "policies.change_tradingpermission",
    "policies.add_ordersizelimit",
    "policies.change_ordersizelimit",
    "policies.delete_ordersizelimit",
    "policies.add_exchangecredential",
    "policies.change_exchangecredential",
    "policies.add_apitoken",
    "policies.change_apitoken",
    "policies.add_webhook",
    "policies.change_webhook",
    "policies.add_alertrule",
    "policies.change_alertrule",
    "policies.add_alertchannel",
    "policies.change_alertchannel",
    "auth.view_user",
)
OWN_KEYS = (
    "policies.view_exchangecredential",
    "policies.add_exchangecredential",
    "policies.change_exchangecredential",
)
OWN_WEBHOOKS = (
    "policies.view_webhook",
    "policies.add_webhook",
    "policies.change_webhook",
    "execution.view_webhookdelivery",
)
ROLES: dict[str, tuple[str, ...]] = {
    "viewer": LOOK,
    "operator": OPERATE,
    "risk manager": DECIDE,
    "credential owner": OWN_KEYS,
    "webhook owner": OWN_WEBHOOKS,
}


class Command(BaseCommand):
    help = "Create or correct the roles: viewer, operator, risk manager, credential owner, webhook owner."

    def handle(self, *args: Any, **options: Any) -> None:
        for app in ("auth", "policies", "execution"):
            create_permissions(apps.get_app_config(app), verbosity=0)
        for role, wanted in ROLES.items():
            group, created = Group.objects.get_or_create(name=role)
            group.permissions.set(_permissions(wanted))
            self.stdout.write(f"{role}: {len(wanted)} rights{' (new)' if created else ''}")


def _permissions(names: tuple[str, ...]) -> list[Permission]:
    rows = Permission.objects.select_related("content_type")
    known = {f"{row.content_type.app_label}.{row.codename}": row for row in rows}
    missing = [name for name in names if name not in known]
    if missing:
        raise CommandError(f"Unknown rights: {', '.join(missing)}. Run `manage.py migrate` first.")
    return [known[name] for name in names]
