"""Addresses and command lines of a webhook, as its pages show them."""

import json
import shlex
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from execution.domain.webhooks import DeliveryOutcome
from policies.display.words import Tone
from policies.domain.webhook_body import BodyRules
from policies.models import Webhook
from policies.models.webhook import WebhookKind

TOKEN_PLACE, SECRET_PLACE = "$TOKEN", "$SECRET"
OUTCOME_WORDS: dict[str, tuple[str, Tone]] = {
    DeliveryOutcome.ACCEPTED: ("ACCEPTED", Tone.OK),
    DeliveryOutcome.DUPLICATE: ("DUPLICATE", Tone.OFF),
    DeliveryOutcome.REFUSED: ("REFUSED", Tone.WATCH),
}
_SAMPLES = {
    "symbol": "BTC/USDT", "side": "buy", "amount": "0.001", "notional": "50", "limit_price": "50000",
    "order_type": "market", "strategy_id": "test", "signal_type": "entry",
}  # fmt: skip


def address(request: HttpRequest, webhook: Webhook, token: str = TOKEN_PLACE) -> str:
    """Where alerts are sent to; with the token's place instead of the token unless it was just made."""
    if webhook.kind == WebhookKind.SIGNED:
        return request.build_absolute_uri(reverse("signed-webhook", args=[webhook.name]))
    path = reverse("tradingview", args=["token"])
    return f"{request.build_absolute_uri(path).removesuffix('token')}{token}"


def command_line(request: HttpRequest, webhook: Webhook, rules: BodyRules, plaintext: str = "") -> str:
    """A line for a shell that sends an alert: it really trades."""
    body = shlex.quote(json.dumps(sample_body(rules)))
    if webhook.kind == WebhookKind.TRADINGVIEW:
        return f'curl -X POST "{address(request, webhook, plaintext or TOKEN_PLACE)}" --data-raw {body}'
    return (
        f"SECRET='{plaintext or SECRET_PLACE}'; BODY={body}; T=$(date +%s)\n"
        'SIGNATURE=$(printf "%s.%s" "$T" "$BODY" | openssl dgst -sha256 -hmac "$SECRET" | sed "s/^.* //")\n'
        f'curl -X POST "{address(request, webhook)}" -H "X-Signature: t=$T,v1=$SIGNATURE" --data-raw "$BODY"'
    )


def sample_body(rules: BodyRules) -> dict[str, Any]:
    """A body that this webhook can read."""
    needed = ["symbol", "side"] + ([] if {"amount", "notional"} & set(rules.defaults) else ["notional"])
    places = dict(rules.body_map) or {name: name for name in needed if name not in rules.defaults}
    body: dict[str, Any] = {}
    for name, path in places.items():
        _put(body, path, _SAMPLES.get(name, "…"))
    _put(body, rules.alert_id_field, "test-1")
    return body


def _put(body: dict[str, Any], path: str, value: Any) -> None:
    *steps, last = path.split(".")
    for step in steps:
        inner = body.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        body = inner
    body[last] = value
