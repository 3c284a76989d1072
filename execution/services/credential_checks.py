"""Asks the exchanges whether stored keys are accepted, and what they may do."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from execution.exchanges.base import Exchange
from execution.exchanges.errors import ExchangeError
from execution.services import account_fees
from execution.services.connections import Connections
from policies import credential_care
from policies.domain.policy import CredentialRef, Policy
from policies.domain.reasons import ReasonCode
from policies.models.choices import KeyCheckChoices

logger = structlog.get_logger(__name__)

AT_ONCE = 100
RunInThread = Callable[..., Awaitable[Any]]


def due() -> list[tuple[int, str, str]]:
    """User, exchange and mode of keys to be checked now, the longest unchecked first."""
    rows = credential_care.due_for_check().values_list("user_id", "exchange_id", "mode")
    return list(rows[:AT_ONCE])


async def check(connections: Connections, run_in_thread: RunInThread, policy: Policy, keys: CredentialRef) -> None:
    """One harmless private call with these keys; what it tells is stored, and dangerous keys are frozen."""
    result, detail, ip_restricted = KeyCheckChoices.ACCEPTED, "", None
    try:
        adapter = await connections.for_order(policy.exchanges[keys.exchange], keys.mode, keys)
        may = await adapter.key_permissions()
    except ExchangeError as e:
        refused = e.code == ReasonCode.AUTHENTICATION_FAILED
        result, detail = (KeyCheckChoices.REFUSED if refused else KeyCheckChoices.UNANSWERED), e.detail
    else:
        ip_restricted = may.ip_restricted
        if may.withdraw:
            result = KeyCheckChoices.DANGEROUS
        elif may.trade is False:
            detail = "They may not trade."
        else:
            await _ask_fees(adapter, run_in_thread, keys)
    await run_in_thread(
        credential_care.record_check, keys.id, keys.version, result, detail=detail, ip_restricted=ip_restricted
    )
    logger.info("credential_checked", exchange=keys.exchange, credential=keys.id, result=result.value)


async def _ask_fees(adapter: Exchange, run_in_thread: RunInThread, keys: CredentialRef) -> None:
    """Once a day with the check: what the account pays. No answer says nothing about the keys."""
    told, error = None, ""
    try:
        told = await adapter.account_fees()
    except ExchangeError as e:
        error = e.detail
    await run_in_thread(account_fees.record_told, keys.id, keys.version, told, error=error)
