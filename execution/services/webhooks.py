"""A request to a webhook becomes at most one signal: one transaction, one row that says what became of it.

All requests of one webhook are taken one after the other (an advisory lock), which makes "seen before", "too many
within a minute" and "used nonce" plain questions, with exact answers over any number of processes.

**What counts as seen before.** An alert with an id: for ever, by the idempotency key `hook:{name}:{id}` of its signal.
An alert without one: when the same body was *accepted* within the webhook's window. The time counts back from now, from
the accepted request and not from the last repetition, so there are no buckets with an edge that two copies could stand
on either side of, accepted copies are always at least a window apart, and an alert that repeats more often than that
is not silenced for ever.

Times are this process's clock: with several web machines keep their clocks within a second or so, as orders need too.
"""

import hashlib
import ipaddress
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from execution import metrics
from execution.domain.orders import SignalStatus
from execution.domain.webhooks import DeliveryOutcome, excerpt
from execution.models import Signal, WebhookDelivery, WebhookNonce
from execution.selectors.hooks import Hook
from execution.services.intake import NewSignal, Outcome, store_signals
from policies.domain.reasons import Denied, ReasonCode
from policies.domain.webhook_body import check_age, read_body, signal_key
from policies.models import Webhook
from policies.snapshot import current_policy

RATE_WINDOW = timedelta(seconds=60)
LAST_USED_EVERY = timedelta(minutes=1)
WRITTEN_PER_MINUTE = 600
"""Requests without a signal that are written down per webhook and minute; the rest are only counted."""

WRITTEN_UNPROVED = 60
"""The same for senders that did not prove themselves: anybody can send those."""

_MAX_DETAIL = 500


class Refused(Denied):
    """A body that became no signal; `fields` says what is wrong with each field."""

    def __init__(self, code: ReasonCode, detail: str, fields: Mapping[str, str]) -> None:
        super().__init__(code, detail)
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived. `nonces`: what must not have been seen before. `secrets`: never to be written down."""

    body: bytes
    address: str
    at: datetime
    started: float = field(default_factory=time.monotonic)
    nonces: Sequence[str] = ()
    secrets: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of it. `signal_id` and `status` when there is a signal, else `code`, `detail` and `fields`."""

    outcome: DeliveryOutcome
    signal_id: UUID | None = None
    status: str = ""
    code: ReasonCode | None = None
    detail: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


Build = Callable[[Mapping[str, Any], str], NewSignal]
"""Fields and key -> a checked signal. Raises Refused."""


def deliver(hook: Hook, request: Request, build: Build) -> Delivery:
    """Take one request of a sender that proved itself. Never raises for what the sender did wrong."""
    with transaction.atomic():
        _take_turn(hook)
        try:
            delivery = _decide(hook, request, build)
        except Denied as e:
            delivery = _refusal(e)
        _write_down(hook, request, delivery, excerpt(request.body, request.secrets))
        _note_use(hook, request.at)
    metrics.webhook_deliveries_total.labels(delivery.outcome).inc()
    return delivery


def refuse(hook: Hook, request: Request, code: ReasonCode, detail: str = "") -> None:
    """Write down a request of a sender that did not prove itself, without its body."""
    delivery = Delivery(DeliveryOutcome.REFUSED, code=code, detail=detail)
    _write_down(hook, request, delivery, "", at_most=WRITTEN_UNPROVED)
    metrics.webhook_deliveries_total.labels(delivery.outcome).inc()


def body_digest(body: bytes) -> str:
    """What tells bodies apart."""
    return hashlib.sha256(body).hexdigest()


# A sender gives up after 3 s: a queue that long is answered 503 instead, and the alert is sent again.
_TURN = "SELECT set_config('lock_timeout', '1000', true), pg_advisory_xact_lock(hashtextextended(%s, 0))"


def _take_turn(hook: Hook) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TURN, [f"webhook:{hook.pk}"])


def _decide(hook: Hook, request: Request, build: Build) -> Delivery:
    _use_nonces(hook, request)
    if any(secret.encode() in request.body for secret in request.secrets if secret):
        # It would be kept with the signal and shown on its page.
        raise Denied(
            ReasonCode.WEBHOOK_BODY,
            "The body contains the webhook's own address or secret. Take it out: rotate it too.",
        )
    reading = read_body(request.body, hook.rules)
    digest = body_digest(request.body)
    if reading.alert_id:
        key = signal_key(hook.name, reading.alert_id)
        earlier = _by_key(hook, key, digest)
    else:
        key = f"hook:{hook.name}:{digest[:32]}:{int(request.at.timestamp() * 1000)}"
        earlier = _within_window(hook, digest, request.at)
    if earlier is not None:
        return earlier
    check_age(reading, hook.rules, request.at)
    signal = build(reading.fields, key)
    if not hook.permits(signal.symbol):
        allowed = ", ".join(hook.symbols)
        raise Denied(ReasonCode.WEBHOOK_SYMBOL, f"{hook.name} may not trade {signal.symbol}, only: {allowed}.")
    _check_rate(hook, request.at)
    return _store(hook, replace(signal, idempotency_key=key, body_hash=digest), request.at)


def _use_nonces(hook: Hook, request: Request) -> None:
    rows = [WebhookNonce(webhook_id=hook.pk, nonce=nonce, at=request.at) for nonce in request.nonces]
    used = WebhookNonce.objects.filter(webhook_id=hook.pk, nonce__in=request.nonces) if rows else None
    if used is not None and used.exists():
        raise Denied(ReasonCode.WEBHOOK_REPLAYED, "This request was seen before. Sign every request anew.")
    WebhookNonce.objects.bulk_create(rows)


def _by_key(hook: Hook, key: str, digest: str) -> Delivery | None:
    """What became of the alert with this id. The body must be the same to the byte, as repetitions are."""
    found = Signal.objects.filter(user_id=hook.owner_id, idempotency_key=key).values_list("pk", "status", "body_hash")
    for pk, status, known in found:
        if known != digest:
            raise Denied(
                ReasonCode.IDEMPOTENCY_KEY_REUSE,
                "The alert's id was used before with another body. Nothing was stored. Send an id that is new for "
                "every alert.",
            )
        return Delivery(DeliveryOutcome.DUPLICATE, pk, status)
    return None


def _within_window(hook: Hook, digest: str, now: datetime) -> Delivery | None:
    accepted = WebhookDelivery.objects.filter(
        webhook_id=hook.pk,
        body_hash=digest,
        outcome=DeliveryOutcome.ACCEPTED,
        at__gt=now - timedelta(seconds=hook.window_s),
    )
    found = accepted.order_by("-at").values_list("signal_id", "signal__status").first()
    return None if found is None else Delivery(DeliveryOutcome.DUPLICATE, *found)


def _check_rate(hook: Hook, now: datetime) -> None:
    recent = WebhookDelivery.objects.filter(
        webhook_id=hook.pk, outcome=DeliveryOutcome.ACCEPTED, at__gt=now - RATE_WINDOW
    )
    if recent.count() >= hook.per_minute:
        raise Denied(
            ReasonCode.WEBHOOK_RATE,
            f"{hook.name} has given {hook.per_minute} signals within the last minute, which is its limit.",
        )


def _store(hook: Hook, signal: NewSignal, now: datetime) -> Delivery:
    max_age_s = current_policy().rules.signal_max_age_s
    receipt = store_signals([signal], user_id=hook.owner_id, token_id=None, now=now, max_age_s=max_age_s)[0]
    if receipt.outcome != Outcome.STORED:
        # Only the owner's own client can have the key: it stored it, or is about to.
        code = (
            ReasonCode.IDEMPOTENCY_IN_PROGRESS
            if receipt.outcome == Outcome.IN_PROGRESS
            else ReasonCode.IDEMPOTENCY_KEY_REUSE
        )
        raise Denied(code, f"A client of the same user uses the key {signal.idempotency_key}.")
    return Delivery(DeliveryOutcome.ACCEPTED, receipt.signal_id, SignalStatus.PENDING.value)


def _refusal(denied: Denied) -> Delivery:
    fields = denied.fields if isinstance(denied, Refused) else {}
    return Delivery(DeliveryOutcome.REFUSED, code=denied.denial.code, detail=denied.denial.detail, fields=fields)


def _write_down(
    hook: Hook, request: Request, delivery: Delivery, body: str, *, at_most: int = WRITTEN_PER_MINUTE
) -> None:
    if delivery.outcome != DeliveryOutcome.ACCEPTED:
        recent = WebhookDelivery.objects.filter(webhook_id=hook.pk, at__gt=request.at - RATE_WINDOW)
        if recent.exclude(outcome=DeliveryOutcome.ACCEPTED).count() >= at_most:
            return
    WebhookDelivery.objects.create(
        webhook_id=hook.pk,
        at=request.at,
        remote_ip=_address_or_none(request.address),
        outcome=delivery.outcome,
        reason_code=delivery.code.value if delivery.code else "",
        detail=excerpt(delivery.detail.encode(), request.secrets)[:_MAX_DETAIL],
        signal_id=delivery.signal_id,
        body_hash=body_digest(request.body),
        body=body,
        took_ms=(time.monotonic() - request.started) * 1000,
    )


def _address_or_none(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


def _note_use(hook: Hook, now: datetime) -> None:
    if hook.last_used_at is None or now - hook.last_used_at > LAST_USED_EVERY:
        hook.last_used_at = now
        Webhook.objects.filter(pk=hook.pk).update(last_used_at=now)
