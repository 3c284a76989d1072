"""A client of the API with a token; no executor runs, so what is stored stays pending."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from execution.models import ExchangeHealth, Market
from execution.services import intake
from policies.models import Exchange, TradingPermission
from policies.models.webhook import TRADINGVIEW_ADDRESSES
from policies.services import create_token
from tests.api import hooks


@pytest.fixture(autouse=True)
def _no_wake_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publishing is tested by itself; here nobody listens."""
    monkeypatch.setattr(intake.waker, "wake", lambda **_: None)


@dataclass
class Api:
    """HTTP calls as a client program makes them."""

    token: str
    user: Any

    def call(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str) -> Any:
        data = raw if raw is not None else (json.dumps(body).encode() if body is not None else b"")
        extra = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        if self.token:
            extra["HTTP_AUTHORIZATION"] = f"Token {self.token}"
        return Client().generic(method, path, data, content_type="application/json", **extra)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        return self.call("POST", path, body, **kwargs)

    def get(self, path: str, **kwargs: Any) -> Any:
        return self.call("GET", path, **kwargs)

    def signal(self, key: str = "k1", **changes: Any) -> Any:
        """Post a good signal, changed."""
        body = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.1", **changes}
        return self.post("/api/signals", {k: v for k, v in body.items() if v is not ...}, idempotency_key=key)


@pytest.fixture
def markets(db: None) -> None:
    """Three exchanges with their pairs, healthy; the others do not answer."""
    now = timezone.now()
    pairs = {"binance": ["BTC/USDT", "ETH/USDT"], "kraken": ["BTC/USDT", "BTC/USD"], "firi": ["BTC/NOK"]}
    for slug, symbols in pairs.items():
        ExchangeHealth.objects.create(
            exchange_id=slug, status="ok", since=now, checked_at=now, latency_ms=40, latency_ewma_ms=40,
            markets_version=1,
        )  # fmt: skip
        for symbol in symbols:
            Market.objects.create(exchange_id=slug, symbol=symbol, tick="0.01", lot="0.00001")
    for exchange in Exchange.objects.exclude(pk__in=pairs):
        ExchangeHealth.objects.create(
            exchange=exchange, status="down", since=now, checked_at=now, last_error="no answer", markets_version=1
        )


@pytest.fixture
def api(user: Any, markets: None) -> Api:
    """A client that may do everything a client can."""
    TradingPermission.objects.create(user=user)
    _, token = create_token(user=user, name="bot", scopes=["read", "trade", "cancel"], by=None)
    return Api(token, user)


@pytest.fixture
def stranger(django_user_model: Any, markets: None) -> Api:
    """Another client."""
    other = django_user_model.objects.create_user("algo2")
    TradingPermission.objects.create(user=other)
    _, token = create_token(user=other, name="bot", scopes=["read", "trade", "cancel"], by=None)
    return Api(token, other)


@pytest.fixture
def tradingview(api: Api) -> hooks.Sender:
    """A webhook for TradingView's addresses, of the client's user."""
    networks = [f"{ip}/32" for ip in TRADINGVIEW_ADDRESSES]
    return hooks.make(api.user, allowed_ips=networks)


@pytest.fixture
def signing(api: Api) -> hooks.Sender:
    """A signed webhook, of the client's user."""
    return hooks.make(api.user, "signing", kind="signed")
