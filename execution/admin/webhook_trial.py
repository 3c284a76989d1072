"""What a body would become if a webhook took it now. Stores nothing, sends nothing."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone

from execution.api.webhook_views import build_signal
from execution.models import Signal
from execution.selectors.hooks import hook_of
from execution.services.intake import NewSignal
from execution.services.preview import preview_signal
from execution.services.previewed import Preview
from policies.domain.numbers import plain
from policies.domain.reasons import Denied
from policies.domain.webhook_body import check_age, read_body, signal_key
from policies.models import Webhook


@dataclass(frozen=True, slots=True)
class Trial:
    """The signal it would make and where that would go, or why there would be none."""

    code: str = ""
    sentence: str = ""
    alert_id: str = ""
    seen_as: Signal | None = None
    rows: tuple[tuple[str, str], ...] = ()
    told: Preview | None = None
    symbol: str = ""


def try_body(webhook: Webhook, body: bytes) -> Trial:
    """Everything a request with this body goes through, but storing."""
    hook, now = hook_of(webhook), timezone.now()
    try:
        reading = read_body(body, hook.rules)
        check_age(reading, hook.rules, now)
        key = signal_key(hook.name, reading.alert_id) if reading.alert_id else ""
        signal = build_signal(reading.fields, key)
    except Denied as e:
        return Trial(e.denial.code, e.denial.detail)
    if not hook.permits(signal.symbol):
        return Trial("WEBHOOK_SYMBOL", f"{hook.name} may not trade {signal.symbol}, only: {', '.join(hook.symbols)}.")
    seen = Signal.objects.filter(user=hook.owner_id, idempotency_key=key).first() if key else None
    return Trial(
        alert_id=reading.alert_id,
        seen_as=seen,
        rows=_rows(signal),
        told=preview_signal(signal, hook.owner_id),
        symbol=signal.symbol,
    )


def _rows(signal: NewSignal) -> tuple[tuple[str, str], ...]:
    shown = (
        ("symbol", signal.symbol),
        ("side", signal.side),
        ("amount", signal.amount),
        ("notional", signal.notional),
        ("signal_type", signal.signal_type),
        ("order_type", signal.order_type),
        ("limit_price", signal.limit_price),
        ("time_in_force", signal.time_in_force),
        ("strategy_id", signal.strategy_id),
        ("exchange", signal.requested_exchange),
        ("mode", signal.requested_mode),
        ("max_slippage_bps", signal.max_slippage_bps),
        ("priority", signal.priority),
        ("routing_strategy", signal.routing_strategy),
        ("preferred_exchanges", ", ".join(signal.preferred_exchanges)),
        ("execution_method", signal.method),
        ("timestamp", signal.sent_at),
        ("expires_at", signal.expires_at),
        *signal.extra.items(),
    )
    return tuple(
        (name, plain(value) if isinstance(value, Decimal) else str(value))
        for name, value in shown
        if value not in (None, "")
    )
