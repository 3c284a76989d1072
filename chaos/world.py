"""What the platform finds when it starts: tables, users who may trade everything, keys and money at eight exchanges."""

import secrets
import subprocess
import sys
import uuid
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from execution.simulator.client import SimulatorControl
from execution.simulator.facts import EXCHANGES
from routing_platform.local import paths

FUNDS = {"BTC": "100", "ETH": "2000", "SOL": "50000"}
MONEY = "100000000"
"""Of every other asset."""

PUBLIC_KEYS = {"alpaca": {"api_key": "platform", "secret": "market-data-only"}}
EXTRA_FIELDS = {"firi": "client_id", "okx": "passphrase", "kucoin": "passphrase"}


@dataclass(frozen=True, slots=True)
class Account:
    """Keys at one exchange and what they began with."""

    exchange: str
    keys: Mapping[str, str] = field(repr=False)

    @property
    def balances(self) -> dict[str, str]:
        """Asset -> amount."""
        return {asset: FUNDS.get(asset, MONEY) for asset in EXCHANGES[self.exchange].asset_decimals}

    def open(self, control: SimulatorControl) -> None:
        """Create it at the simulator, with fresh money."""
        control.upsert_account(
            self.exchange,
            self.keys["api_key"],
            self.keys["secret"],
            self.balances,
            client_id=self.keys.get("client_id", ""),
            passphrase=self.keys.get("passphrase", ""),
        )


@dataclass(slots=True)
class World:
    """Users with tokens, and all accounts."""

    tokens: list[str] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)

    def open_accounts(self, control: SimulatorControl) -> None:
        """All accounts with fresh money, after a start or a reset of the simulator."""
        for account in self.accounts:
            account.open(control)
        control.upsert_account("alpaca", PUBLIC_KEYS["alpaca"]["api_key"], PUBLIC_KEYS["alpaca"]["secret"], {})


def migrate(environment: Mapping[str, str]) -> None:
    """Make the tables, in a process of its own so that the caller may do something else meanwhile."""
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v", "0"],
        cwd=paths.BASE_DIR,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"migrate failed:\n{done.stderr}")


def create_users(count: int) -> World:
    """Users, permissions, tokens and stored keys. Needs Django and the tables."""
    from django.contrib.auth.models import User

    from policies.domain.policy import Mode
    from policies.models import Exchange, OrderSizeLimit, TradingPermission
    from policies.services import create_token, store_credential

    world = World()
    Exchange.objects.update(mode="live", health_interval_s=2, stale_after_s=15, degraded_above_ms=30_000)
    for number in range(count):
        user = User.objects.create(username=f"trader{number}")
        permission = TradingPermission.objects.create(user=user)
        for currency in ("USDT", "USD", "USDC", "NOK"):
            OrderSizeLimit.objects.create(permission=permission, currency=currency, max_notional=10**9)
        for exchange in EXCHANGES:
            account = Account(exchange, _new_keys(exchange, user.username))
            store_credential(user=user, exchange=exchange, mode=Mode.LIVE, secrets=dict(account.keys), by=None)
            world.accounts.append(account)
        _, token = create_token(user=user, name="chaos", scopes=["read", "trade", "cancel"], by=None)
        world.tokens.append(token)
    return world


def _new_keys(exchange: str, username: str) -> dict[str, str]:
    if exchange == "coinbase":
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
        return {"api_key": f"organizations/{uuid.uuid4()}/apiKeys/{uuid.uuid4()}", "secret": pem.strip()}
    keys = {"api_key": uuid.uuid4().hex, "secret": b64encode(secrets.token_bytes(32)).decode()}
    if exchange in EXTRA_FIELDS:
        keys[EXTRA_FIELDS[exchange]] = f"{username}-{exchange}"
    return keys
