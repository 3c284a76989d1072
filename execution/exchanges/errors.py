"""Three answers, not thirty classes. Callers only ask: may another exchange be tried?

    ExchangeError
      OrderRejected     the exchange proved it said no               -> final; the order does not exist there
      NotSent           it provably never reached the exchange       -> another exchange may be tried
      OutcomeUnknown    time-out, disconnect, 5xx, unreadable answer -> leave it, look it up, never send again
        AlreadyPlaced   the exchange knows this client order id      -> look it up at once

What is not listed as proof is OutcomeUnknown.
"""

from typing import ClassVar

from execution.domain.reports import Verdict
from policies.domain.reasons import ReasonCode


class ExchangeError(Exception):
    """Something went wrong at an exchange. `code` is ours, `detail` the exchange's own words without secrets.

    retry_after_s: what the exchange asked for, if it did. venue_fault: whether it says something about the exchange's
    health (a user's bad key or an invalid order does not). verdict: what it proves about an order that was being
    placed.
    """

    venue_fault = False
    verdict: ClassVar[Verdict] = Verdict.UNKNOWN

    def __init__(self, code: ReasonCode, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s


class OrderRejected(ExchangeError):
    """The exchange answered and said no."""

    verdict = Verdict.REJECTED


class NotSent(ExchangeError):
    """The request never reached the exchange's matching: it was stopped here, or the connection was refused."""

    verdict = Verdict.NOT_SENT


class OutcomeUnknown(ExchangeError):
    """The order may exist there."""

    venue_fault = True


class AlreadyPlaced(OutcomeUnknown):
    """The exchange has an order with this client order id."""

    venue_fault = False
    verdict = Verdict.ALREADY_PLACED
