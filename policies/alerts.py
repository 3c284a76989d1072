"""Alert rules and channels: every change of them comes through here."""

import uuid
from collections.abc import Mapping

import structlog
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from policies import crypto
from policies.domain.alert_targets import FIELDS, check_target, shown
from policies.domain.alerts import CHAIN, EXCHANGE, MEANINGS, ChannelKind, Condition
from policies.models import AlertChannel, AlertRule, Exchange
from policies.services import check_reason, save_with_history

logger = structlog.get_logger(__name__)


@transaction.atomic
def store_channel(channel: AlertChannel, target: Mapping[str, str], *, reason: str, by: User | None) -> AlertChannel:
    """Store a channel; what `target` leaves out stays as it was. Raises ValidationError by field."""
    kind, before = ChannelKind(channel.kind), {} if channel._state.adding else read_target(channel)
    good, problems = check_target(kind, {**before, **{name: text for name, text in target.items() if text}})
    if problems:
        raise ValidationError({name: [text] for name, text in problems.items()})
    channel.id = channel.id or uuid.uuid4()
    secret = {field.name for field in FIELDS[kind] if field.secret}
    channel.settings = {name: text for name, text in good.items() if name not in secret}
    channel.secret_shown = shown(kind, good)
    kept = {name: text for name, text in good.items() if name in secret}
    if channel._state.adding or kept != {name: text for name, text in before.items() if name in secret}:
        channel.ciphertext = crypto.encrypt(kept, channel_binding(channel))
    save_with_history(channel, check_reason(reason), by)
    logger.info("alert_channel_stored", channel=channel.name, kind=channel.kind, by=str(by))
    return channel


def read_target(channel: AlertChannel) -> dict[str, str]:
    """All fields of the target, secrets in clear. Raises crypto.Unreadable."""
    return {**channel.settings, **crypto.decrypt(bytes(channel.ciphertext), channel_binding(channel))}


def channel_binding(channel: AlertChannel) -> crypto.ChannelBinding:
    """What the ciphertext of this row is bound to."""
    return crypto.ChannelBinding(str(channel.pk), channel.kind)


def check_rule(rule: AlertRule) -> None:
    """The rules of a rule, for the admin and the policy file alike. Raises ValidationError by field."""
    if rule.condition not in Condition._value2member_map_:
        return  # the field says so itself
    meaning = MEANINGS[Condition(rule.condition)]
    problems = {}
    if meaning.threshold and rule.threshold is None:
        problems["threshold"] = f"Say how many: more than this many {meaning.threshold} open an alert."
    if not meaning.threshold and rule.threshold is not None:
        problems["threshold"] = f"“{meaning.label}” has no threshold. Leave it empty."
    if rule.scope and not meaning.scope:
        problems["scope"] = f"“{meaning.label}” cannot be limited. Leave it empty."
    elif rule.scope and meaning.scope in (EXCHANGE, CHAIN) and not Exchange.objects.filter(pk=rule.scope).exists():
        problems["scope"] = f"There is no exchange {rule.scope!r}."
    if problems:
        raise ValidationError({name: [text] for name, text in problems.items()})
