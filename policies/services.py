"""Changes of policy that carry a rule or a secret. Admin, commands, API and policy file all come through here."""

import hashlib
import ipaddress
import secrets as random_source
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from policies import crypto
from policies.domain.credentials import check_secrets, fields_of
from policies.domain.permissions import parse_pair_pattern
from policies.domain.policy import Mode, RouteBy, Scope, TradingStatus
from policies.models import (
    ApiToken,
    Exchange,
    ExchangeCredential,
    FailoverChain,
    FailoverStep,
    StrategyPolicy,
    TradingPreference,
    TradingState,
)
from policies.models.api_token import TokenScope
from policies.models.choices import KeyCheckChoices
from policies.models.exchange import SANDBOX_EXCHANGES
from policies.models.failover import check_chain

logger = structlog.get_logger(__name__)

MIN_REASON = 8
MAX_REASON = 300
TOKEN_BYTES = 32
TOKEN_PREFIX_LENGTH = 10


def check_reason(reason: str) -> str:
    """The stripped reason of a change. Raises ValidationError with a sentence."""
    reason = reason.strip()
    if not MIN_REASON <= len(reason) <= MAX_REASON:
        raise ValidationError(
            f"Write why, in at least {MIN_REASON} and at most {MAX_REASON} characters. It is kept with the change.",
            code="reason",
        )
    return reason


@transaction.atomic
def set_trading_state(
    *, scope: Scope, target: str, status: TradingStatus, reason: str, by: User | None
) -> TradingState:
    """Halt, reduce or resume a scope. In force in every process within a second of the commit. Audited.

    Halting takes any reason that is not empty; resuming takes a full one.
    """
    reason = reason.strip()[:MAX_REASON]
    if not reason:
        raise ValidationError("Write why. Everyone will see it.", code="reason")
    if status == TradingStatus.ACTIVE:
        check_reason(reason)
    target = _check_target(scope, target)
    state = TradingState.objects.select_for_update().filter(scope=scope, target=target).first() or TradingState(
        scope=scope, target=target
    )
    state.status, state.reason, state.changed_by, state.since = status, reason, by, timezone.now()
    save_with_history(state, reason, by)
    logger.warning("trading_state_changed", scope=scope, target=target, status=status, reason=reason, by=str(by))
    return state


def _check_target(scope: Scope, target: str) -> str:
    target = target.strip()
    if scope == Scope.GLOBAL:
        return ""
    if scope == Scope.EXCHANGE and not Exchange.objects.filter(pk=target).exists():
        raise ValidationError(f"There is no exchange {target!r}.", code="target")
    if scope == Scope.USER and not (target.isdigit() and get_user_model().objects.filter(pk=int(target)).exists()):
        raise ValidationError(f"There is no user with id {target!r}.", code="target")
    if scope == Scope.SYMBOL:
        try:
            target = parse_pair_pattern(target)
        except ValueError as e:
            raise ValidationError(str(e), code="target") from e
        if "*" in target:
            raise ValidationError("Name one pair; patterns cannot be halted.", code="target")
    if not target:
        raise ValidationError("Say which one.", code="target")
    return target


@transaction.atomic
def store_credential(
    *,
    user: User,
    exchange: str,
    mode: Mode,
    secrets: Mapping[str, str],
    by: User | None,
    label: str = "",
    reason: str = "",
) -> ExchangeCredential:
    """Encrypt and keep a user's keys for an exchange, replacing what was there. Raises ValidationError by field."""
    problems = check_secrets(exchange, secrets)
    if not Exchange.objects.filter(pk=exchange).exists():
        problems = {"exchange": f"There is no exchange {exchange!r}."}
    elif mode == Mode.SANDBOX and exchange not in SANDBOX_EXCHANGES:
        problems["mode"] = f"{exchange} has no test system we can use. Use live keys, or trade on paper without keys."
    elif mode == Mode.PAPER:
        problems["mode"] = "Paper orders need no keys."
    if problems:
        raise ValidationError({name: [text] for name, text in problems.items()})
    row = (
        ExchangeCredential.objects.select_for_update().filter(user_id=user.pk, exchange_id=exchange, mode=mode).first()
    )
    replaced = row is not None
    if row is None:
        row = ExchangeCredential(id=uuid.uuid4(), user_id=user.pk, exchange_id=exchange, mode=mode)
    kept = {name: secrets[name] for name in fields_of(exchange).all if secrets.get(name)}
    row.ciphertext = crypto.encrypt(kept, binding_of(row))
    row.last_four = kept["api_key"][-4:]
    row.fingerprint = hashlib.sha256("\0".join(kept.values()).encode()).hexdigest()[:16]
    row.label = label or row.label
    row.version = row.version + 1 if replaced else 1
    row.replaced_at = timezone.now() if replaced else None
    row.frozen, row.frozen_reason = False, ""
    row.checked_at, row.check_result, row.check_detail = None, KeyCheckChoices.UNCHECKED, ""
    save_with_history(row, reason or ("Keys replaced" if replaced else "Keys added"), by)
    logger.info("credential_stored", user=str(user), exchange=exchange, mode=mode, fingerprint=row.fingerprint)
    return row


def read_secrets(credential: ExchangeCredential) -> dict[str, str]:
    """The decrypted secrets, for the process that sends orders. Raises crypto.Unreadable."""
    return crypto.decrypt(bytes(credential.ciphertext), binding_of(credential))


def binding_of(row: ExchangeCredential) -> crypto.Binding:
    """What the ciphertext of this row is bound to."""
    return crypto.Binding(str(row.pk), row.user_id, row.exchange_id, row.mode)


@transaction.atomic
def set_frozen(credential: ExchangeCredential, *, frozen: bool, reason: str, by: User | None) -> ExchangeCredential:
    """Stop (or allow again) the use of stored keys, within a second."""
    row = ExchangeCredential.objects.select_for_update().get(pk=credential.pk)
    row.frozen, row.frozen_reason = frozen, check_reason(reason) if frozen else ""
    if not frozen:
        # Asked about again at once: a release does not make dangerous keys harmless.
        row.checked_at, row.check_result = None, KeyCheckChoices.UNCHECKED
    save_with_history(row, check_reason(reason), by)
    logger.warning("credential_frozen" if frozen else "credential_released", credential=str(row), reason=reason)
    return row


@transaction.atomic
def create_token(
    *,
    user: User,
    name: str,
    scopes: Sequence[str],
    by: User | None,
    expires_at: datetime | None = None,
    allowed_ips: Sequence[str] = (),
) -> tuple[ApiToken, str]:
    """Make an API token; the second value is the token itself, which is never to be had again."""
    plaintext = f"rp_{random_source.token_urlsafe(TOKEN_BYTES)}"
    token = ApiToken(
        user_id=user.pk,
        name=name,
        prefix=plaintext[:TOKEN_PREFIX_LENGTH],
        digest=token_digest(plaintext),
        scopes=check_scopes(scopes),
        allowed_ips=check_networks(allowed_ips),
        expires_at=expires_at,
    )
    token.full_clean()
    save_with_history(token, "Created", by)
    return token, plaintext


@transaction.atomic
def revoke_token(token: ApiToken, *, reason: str, by: User | None) -> None:
    """End a token for good, within a second."""
    row = ApiToken.objects.select_for_update().get(pk=token.pk)
    if row.revoked_at is None:
        row.revoked_at = timezone.now()
        save_with_history(row, check_reason(reason), by)


def token_digest(plaintext: str) -> str:
    """What is stored of a token. A plain hash is enough: the token has 256 random bits."""
    return hashlib.sha256(plaintext.encode()).hexdigest()


def check_scopes(scopes: Sequence[str]) -> list[str]:
    """The scopes, in a fixed order and without repeats. Raises ValidationError."""
    unknown = set(scopes) - set(TokenScope.values)
    if unknown or not scopes:
        raise ValidationError({"scopes": [f"Choose from {', '.join(TokenScope.values)}."]})
    return [scope for scope in TokenScope.values if scope in scopes]


def check_networks(networks: Sequence[str]) -> list[str]:
    """IP addresses or networks in canonical form. Raises ValidationError."""
    try:
        return [str(ipaddress.ip_network(network.strip())) for network in networks if network.strip()]
    except ValueError as e:
        raise ValidationError({"allowed_ips": [f"{e}. Write 203.0.113.7 or 203.0.113.0/24."]}) from e


@transaction.atomic
def set_chain(
    primary: str, steps: Sequence[str] | None, *, reason: str, by: User | None, **values: object
) -> FailoverChain:
    """Replace the steps of a chain (None: leave them) and set other fields of it. Raises ValidationError."""
    if not Exchange.objects.filter(pk=primary).exists():
        raise ValidationError(f"There is no exchange {primary!r}.", code="primary")
    row = FailoverChain.objects.select_for_update().filter(primary_id=primary).first()
    if row is None:
        row, steps = FailoverChain(primary_id=primary), steps or ()
    if steps is not None:
        check_chain(primary, steps, list(Exchange.objects.filter(enabled=True).values_list("slug", flat=True)))
    for name, value in values.items():
        setattr(row, name, value)
    row.full_clean()
    save_with_history(row, reason, by)
    if steps is not None and tuple(steps) != row.slugs():
        _replace_steps(row, steps, reason, by)
    return row


def _replace_steps(row: FailoverChain, steps: Sequence[str], reason: str, by: User | None) -> None:
    for step in row.steps.all():
        step._change_reason, step._history_user = reason, by  # type: ignore[attr-defined]
        step.delete()
    for position, slug in enumerate(steps):
        save_with_history(FailoverStep(chain=row, exchange_id=slug, position=position), reason, by)


@transaction.atomic
def map_strategy(strategy_id: str, exchange: str, *, reason: str, by: User | None) -> StrategyPolicy:
    """All signals of this strategy go to one exchange. A new strategy trades on paper. Raises ValidationError."""
    row = StrategyPolicy.objects.select_for_update().filter(strategy_id=strategy_id).first()
    row = row or StrategyPolicy(strategy_id=strategy_id)
    row.exchange_id, row.route_by, row.balanced_over = exchange, RouteBy.ONE_EXCHANGE.value, {}
    row.full_clean()
    save_with_history(row, reason, by)
    return row


@transaction.atomic
def set_preference(
    user: User, *, preferred_exchanges: Sequence[str], routing_strategy: str, risk_tolerance: str
) -> TradingPreference:
    """Replace what a user prefers, by the user. Raises ValidationError by field."""
    row = TradingPreference.objects.select_for_update().filter(user_id=user.pk).first()
    row = row or TradingPreference(user_id=user.pk)
    row.preferred_exchanges = list(preferred_exchanges)
    row.routing_strategy, row.risk_tolerance = routing_strategy, risk_tolerance
    row.full_clean()
    save_with_history(row, "Set over the API", user)
    return row


def save_with_history(row: object, reason: str, by: User | None) -> None:
    """Save a row; its history says why and by whom (None: the system)."""
    row._change_reason = reason  # type: ignore[attr-defined]
    row._history_user = by  # type: ignore[attr-defined]
    row.save()  # type: ignore[attr-defined]
