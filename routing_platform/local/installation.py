"""A ready local installation: tables, demo policy, an administrator, and a trader with keys at the simulator."""

import os
import secrets
from base64 import b64encode
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.management import call_command

from execution.simulator.client import SimulatorControl
from policies.domain.policy import Mode
from policies.models import ApiToken
from policies.services import create_token, store_credential
from routing_platform.local import paths

TRADER = "demo"
ADMINISTRATOR = "admin"
BALANCES = {
    "binance": {"USDT": "1000000", "BTC": "20", "ETH": "200"},
    "kraken": {"USDT": "1000000", "USD": "1000000", "BTC": "20", "ETH": "200"},
    "firi": {"NOK": "10000000", "BTC": "20", "ETH": "200"},
}


@dataclass(frozen=True, slots=True)
class Installation:
    """What somebody needs to use it."""

    token: str
    admin_password: str


def prepare_database() -> Installation:
    """Tables, policy, users and a token. Repeating it changes nothing but the token."""
    call_command("migrate", verbosity=0)
    trader, _ = User.objects.get_or_create(username=TRADER)
    with open(os.devnull, "w") as quiet:
        call_command(
            "apply_policy", str(paths.BASE_DIR / "deploy" / "demo-policy.yaml"), reason="Demo policy", stdout=quiet
        )
    ApiToken.objects.filter(user=trader, name="demo").delete()
    _, token = create_token(user=trader, name="demo", scopes=["read", "trade", "cancel"], by=None)
    return Installation(token, _administrator_password())


def open_accounts(control: SimulatorControl, username: str = TRADER) -> None:
    """Fresh keys for the trader at each simulated exchange, funded there and stored encrypted here."""
    user = User.objects.get(username=username)
    for exchange, balances in BALANCES.items():
        keys = {"api_key": secrets.token_hex(16), "secret": b64encode(secrets.token_bytes(32)).decode()}
        if exchange == "firi":
            keys["client_id"] = f"client-{username}"
        store_credential(user=user, exchange=exchange, mode=Mode.LIVE, secrets=keys, by=None, label="simulator")
        control.upsert_account(exchange, keys["api_key"], keys["secret"], balances, client_id=keys.get("client_id", ""))


def _administrator_password() -> str:
    """The administrator's password, made once and kept beside the other local secrets."""
    file = paths.LOCAL_DIR / "admin-password"
    if not file.exists():
        descriptor = os.open(file, os.O_CREAT | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.token_urlsafe(12))
    password = file.read_text()
    user, created = User.objects.get_or_create(
        username=ADMINISTRATOR, defaults={"is_staff": True, "is_superuser": True}
    )
    if created or not user.check_password(password):
        user.set_password(password)
        user.save()
    return password
