"""The platform as it runs in production: web, worker and beat as processes, on the test database."""

import json
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection

from chaos.evidence import gather
from chaos.verdict import judge
from execution.models import Signal
from execution.simulator.client import SimulatorControl
from policies.domain.policy import Mode
from policies.models import Exchange, OrderSizeLimit, TradingPermission
from policies.services import create_token, store_credential
from routing_platform.local.api_client import ApiClient
from routing_platform.local.installation import BALANCES
from routing_platform.local.stack import Stack, running_stack

QUICK = {
    "EXCHANGE_TIMEOUT_S": "1",
    "ORDER_VALIDITY_S": "2",
    "LOOK_UP_INTERVAL_S": "0.5",
    "LOG_LEVEL": "WARNING",
    "LOG_JSON": "True",
}


def database_url() -> str:
    """The test database as a URL, for child processes."""
    current = connection.settings_dict
    host = f"?host={current['HOST']}" if str(current["HOST"]).startswith("/") else ""
    address = "" if host else f"{current['HOST']}:{current['PORT'] or 5432}"
    password = f":{current['PASSWORD']}" if current["PASSWORD"] else ""
    return f"postgres://{current['USER']}{password}@{address}/{current['NAME']}{host}"


@dataclass
class Trader:
    """A user with a token."""

    user: User
    token: str

    def client(self, stack: Stack) -> ApiClient:
        return ApiClient(stack.url, self.token)


def add_traders(count: int, control: SimulatorControl) -> list[Trader]:
    """Users who may trade everything, with funded keys at every simulated exchange."""
    traders = []
    for number in range(count):
        user = User.objects.create(username=f"trader{number}")
        permission = TradingPermission.objects.create(user=user)
        for currency in ("USDT", "USD", "NOK"):
            OrderSizeLimit.objects.create(permission=permission, currency=currency, max_notional=10**9)
        for exchange, balances in BALANCES.items():
            keys = {"api_key": uuid.uuid4().hex, "secret": b64encode(uuid.uuid4().bytes).decode()}
            if exchange == "firi":
                keys["client_id"] = user.username
            store_credential(user=user, exchange=exchange, mode=Mode.LIVE, secrets=keys, by=None)
            control.upsert_account(
                exchange, keys["api_key"], keys["secret"], balances, client_id=keys.get("client_id", "")
            )
        _, token = create_token(user=user, name="bot", scopes=["read", "trade", "cancel"], by=None)
        traders.append(Trader(user, token))
    return traders


class Traders:
    """Filled before the stack starts."""

    all: list[Trader]


@pytest.fixture
def traders() -> Traders:
    return Traders()


@pytest.fixture
def stack_environment() -> Mapping[str, str]:
    """What a file wants otherwise than QUICK."""
    return {}


@pytest.fixture
def stack(
    transactional_db: None,
    traders: Traders,
    stack_environment: Mapping[str, str],
    request: pytest.FixtureRequest,
) -> Iterator[Stack]:
    """A running platform with `request.param` traders (one unless said otherwise)."""
    Exchange.objects.update(mode="live", health_interval_s=2, stale_after_s=30, degraded_above_ms=30_000)
    count = getattr(request, "param", 1)

    def before_start(control: SimulatorControl) -> None:
        traders.all = add_traders(count, control)

    with platform_stack(before_start, environment=stack_environment) as running:
        wait_until_usable(traders.all[0].client(running))
        yield running


@contextmanager
def platform_stack(before_start: Callable[[SimulatorControl], None], **options: Any) -> Iterator[Stack]:
    """The platform on the test database, with simulated exchanges."""
    environment = {
        **QUICK,
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "CREDENTIAL_KEYS": ",".join(settings.ENV["CREDENTIAL_KEYS"]),
        **options.pop("environment", {}),
    }
    simulator: dict[str, Any] = {"seed": 21, "hold_ms": 3000, "late_ms": 500}
    with running_stack(environment=environment, simulator=simulator, before_start=before_start, **options) as running:
        yield running


def wait_until_usable(client: ApiClient, within_s: float = 20) -> None:
    """Until the exchanges that are simulated are checked and their pairs are known."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        rows = {row["exchange"]: row for row in client.get("/api/exchanges/status").body}
        if all(rows[slug]["usable"] and rows[slug]["markets"] for slug in BALANCES):
            return
        time.sleep(0.2)
    raise AssertionError(json.dumps(rows, indent=1))


def wait_until_final(count: int, within_s: float) -> None:
    """Until this many signals exist and all have ended."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if Signal.objects.filter(final_at__isnull=False).count() >= count:
            return
        time.sleep(0.1)
    waiting = Signal.objects.filter(final_at=None)
    orders = list(waiting.values_list("status", "orders__status", "orders__exchange_id", "orders__reason_detail")[:10])
    raise AssertionError(f"{waiting.count()} of {count} signals not final after {within_s} s: {orders}")


def placed_ids(control: SimulatorControl) -> list[str]:
    """Our id of every order that any exchange has, as often as it has it."""
    return [order["client_order_id"] for exchange in BALANCES for order in control.ledger(exchange)]


def differences(control: SimulatorControl, traders: int) -> list[str]:
    """What the exchanges and we do not agree on, in words."""
    began = {
        (exchange, asset): traders * Decimal(amount)
        for exchange, balances in BALANCES.items()
        for asset, amount in balances.items()
    }
    return [finding.text for finding in judge(gather(control, BALANCES, began)).findings]
