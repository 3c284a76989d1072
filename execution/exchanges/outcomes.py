"""ccxt's exceptions and the exchanges' own error texts, classified: was the order placed, refused, or may it be live?

Allow-list: only what is listed here as proof counts as proof. Observed with ccxt 4.5.90 against recorded answers.
"""

import json
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp
import ccxt.async_support as ccxt

from execution.domain.reports import Verdict as Verdict
from execution.exchanges.errors import AlreadyPlaced, ExchangeError, NotSent, OrderRejected, OutcomeUnknown
from policies.domain.reasons import ReasonCode

R = ReasonCode

_ERRORS: Mapping[Verdict, type[ExchangeError]] = {
    Verdict.REJECTED: OrderRejected,
    Verdict.NOT_SENT: NotSent,
    Verdict.ALREADY_PLACED: AlreadyPlaced,
    Verdict.UNKNOWN: OutcomeUnknown,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """An error that is recognised by its text, before its class is looked at."""

    pattern: re.Pattern[str]
    verdict: Verdict
    code: ReasonCode


def rule(pattern: str, verdict: Verdict, code: ReasonCode) -> Rule:
    """A text rule; the pattern is searched in ccxt's message, which quotes the exchange's answer."""
    return Rule(re.compile(pattern), verdict, code)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status and headers of the last answer in this task. retry_after_s: the wait, where no Retry-After tells it."""

    status: int
    headers: Mapping[str, str]
    retry_after_s: float | None = None


last_answer: ContextVar[HttpAnswer | None] = ContextVar("last_answer", default=None)

# Nearest class in the exception's own hierarchy wins; a class that is not here is UNKNOWN (a test lists them all).
BY_CLASS: Mapping[type[Exception], tuple[Verdict, ReasonCode]] = {
    ccxt.InsufficientFunds: (Verdict.REJECTED, R.INSUFFICIENT_FUNDS),
    ccxt.InvalidOrder: (Verdict.REJECTED, R.EXCHANGE_REJECTED),
    ccxt.DuplicateOrderId: (Verdict.ALREADY_PLACED, R.OUTCOME_UNKNOWN),
    ccxt.BadRequest: (Verdict.REJECTED, R.EXCHANGE_REJECTED),
    ccxt.BadSymbol: (Verdict.REJECTED, R.PAIR_NOT_LISTED),
    ccxt.ArgumentsRequired: (Verdict.REJECTED, R.EXCHANGE_REJECTED),
    ccxt.NotSupported: (Verdict.REJECTED, R.EXCHANGE_REJECTED),
    ccxt.InvalidAddress: (Verdict.REJECTED, R.EXCHANGE_REJECTED),
    ccxt.OperationRejected: (Verdict.REJECTED, R.EXCHANGE_REJECTED),
    ccxt.AuthenticationError: (Verdict.REJECTED, R.AUTHENTICATION_FAILED),
    ccxt.RateLimitExceeded: (Verdict.NOT_SENT, R.RATE_LIMITED),
    ccxt.DDoSProtection: (Verdict.NOT_SENT, R.RATE_LIMITED),
    ccxt.InvalidNonce: (Verdict.NOT_SENT, R.CLOCK_SKEW),
    ccxt.InvalidProxySettings: (Verdict.NOT_SENT, R.NOT_SENT),
    ccxt.ExchangeClosedByUser: (Verdict.NOT_SENT, R.NOT_SENT),
    # Everything below may have been placed.
    ccxt.ExchangeError: (Verdict.UNKNOWN, R.OUTCOME_UNKNOWN),
    ccxt.OperationFailed: (Verdict.UNKNOWN, R.OUTCOME_UNKNOWN),
    ccxt.NetworkError: (Verdict.UNKNOWN, R.OUTCOME_UNKNOWN),
    ccxt.ExchangeNotAvailable: (Verdict.UNKNOWN, R.OUTCOME_UNKNOWN),
    ccxt.OnMaintenance: (Verdict.UNKNOWN, R.OUTCOME_UNKNOWN),
    ccxt.RequestTimeout: (Verdict.UNKNOWN, R.OUTCOME_UNKNOWN),
    ccxt.BadResponse: (Verdict.UNKNOWN, R.OUTCOME_UNKNOWN),
    ccxt.NullResponse: (Verdict.UNKNOWN, R.OUTCOME_UNKNOWN),
    ccxt.CancelPending: (Verdict.UNKNOWN, R.OUTCOME_UNKNOWN),
    ccxt.UnsubscribeError: (Verdict.UNKNOWN, R.OUTCOME_UNKNOWN),
    ccxt.BaseError: (Verdict.UNKNOWN, R.OUTCOME_UNKNOWN),
}


def classify(error: Exception, rules: tuple[Rule, ...]) -> ExchangeError:
    """The one of our errors that says what this one proves about a placement. Never raises."""
    detail = clean_text(error)
    retry_after = _retry_after()
    if never_connected(error):
        return NotSent(R.EXCHANGE_UNAVAILABLE, detail)
    for text_rule in rules:
        if text_rule.pattern.search(detail):
            return _ERRORS[text_rule.verdict](text_rule.code, detail, retry_after_s=retry_after)
    for cls in type(error).__mro__:
        if cls in BY_CLASS:
            verdict, code = BY_CLASS[cls]
            return _ERRORS[verdict](code, detail, retry_after_s=retry_after)
    return OutcomeUnknown(R.OUTCOME_UNKNOWN, f"{type(error).__name__}: {detail}")


def refused(order: Mapping[str, Any], rules: tuple[Rule, ...]) -> ExchangeError:
    """What a placement proves that ccxt returns as an order with status "rejected", instead of raising."""
    return classify(ccxt.InvalidOrder(json.dumps(order.get("info"), default=str)), rules)


class placing:  # reads as a statement: `with placing(rules):`
    """Turns whatever happens inside into our error about a placement: nothing that is not listed counts as proof."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._rules = rules

    def __enter__(self) -> None:
        last_answer.set(None)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        # Cancellation and exit are not exchange errors and pass through.
        if isinstance(error, Exception) and not isinstance(error, ExchangeError):
            raise self._convert(error) from None

    def _convert(self, error: Exception) -> ExchangeError:
        return classify(error, self._rules)


class asking(placing):
    """The same for calls that place nothing: their failure proves nothing about any order."""

    def _convert(self, error: Exception) -> ExchangeError:
        if isinstance(error, ccxt.OrderNotFound):
            return OrderNotThere(R.NOT_FOUND, clean_text(error))
        found = classify(error, self._rules)
        unclear = found.code == R.OUTCOME_UNKNOWN
        code = R.EXCHANGE_UNAVAILABLE if unclear else found.code
        return ExchangeError(code, found.detail, retry_after_s=found.retry_after_s)


class OrderNotThere(ExchangeError):
    """The exchange answered clearly: it has no such order."""


def never_connected(error: BaseException) -> bool:
    """Whether no connection was made at all (refused, unknown host): then nothing can have arrived."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, aiohttp.ClientConnectorError):
            return True
        cause = cause.__cause__
    return False


_URL_QUERY = re.compile(r"\?\S*")
_LONG = 300


def clean_text(error: Exception) -> str:
    """The message without query strings (they hold signatures), bounded. A network error is named by its cause."""
    text = _URL_QUERY.sub("", str(error)) or type(error).__name__
    if error.__cause__ is not None:
        text = f"{type(error.__cause__).__name__} at {text}"
    return text[:_LONG]


def _retry_after() -> float | None:
    answer = last_answer.get()
    if answer is None:
        return None
    value = next((v for k, v in answer.headers.items() if k.lower() == "retry-after"), "")
    try:
        return float(value)
    except ValueError:
        return answer.retry_after_s
