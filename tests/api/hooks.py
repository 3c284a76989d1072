"""Webhooks as senders use them."""

import json
import time
from dataclasses import dataclass
from typing import Any

from django.test import Client

from execution.domain.webhook_signature import sign
from policies import snapshot
from policies.models import Webhook
from policies.webhooks import create_webhook

TRADINGVIEW = "52.89.214.238"
ALERT = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.1", "alert_id": "a1"}


@dataclass
class Sender:
    """Sends to one webhook from one address."""

    hook: Webhook
    secret: str
    ip: str = TRADINGVIEW

    def post(self, body: Any = None, *, content_type: str = "application/json", ip: str | None = None, **extra: str):
        """To a secret address."""
        raw = body if isinstance(body, bytes) else json.dumps(ALERT if body is None else body).encode()
        address = f"/api/webhooks/tradingview/{self.secret}"
        return Client(raise_request_exception=False).generic(
            "POST", address, raw, content_type=content_type, REMOTE_ADDR=self.ip if ip is None else ip, **extra
        )

    def alert(self, **changes: Any):
        return self.post({k: v for k, v in {**ALERT, **changes}.items() if v is not ...})

    def signed(self, body: Any = None, *, t: int | None = None, header: str | None = None, **extra: str):
        """To a signed webhook, signed with the secret unless a header is given."""
        raw = body if isinstance(body, bytes) else json.dumps(ALERT if body is None else body).encode()
        when = str(int(time.time()) if t is None else t)
        headers = {} if header == "" else {"HTTP_X_SIGNATURE": header or f"t={when},v1={sign(self.secret, when, raw)}"}
        return Client(raise_request_exception=False).generic(
            "POST", f"/api/webhooks/signed/{self.hook.name}", raw, content_type="application/json",
            REMOTE_ADDR=self.ip, **headers, **extra,
        )  # fmt: skip


def make(owner: Any, name: str = "breakout", **kwargs: Any) -> Sender:
    """A webhook, known to this process."""
    hook = Webhook(name=name, owner=owner, **kwargs)
    secret = create_webhook(hook, reason="for the tests", by=None)
    snapshot.refresh()
    return Sender(hook, secret)


def change(hook: Webhook, **values: Any) -> None:
    """Change a webhook's row, and let this process know."""
    Webhook.objects.filter(pk=hook.pk).update(**values)
    snapshot.refresh()
