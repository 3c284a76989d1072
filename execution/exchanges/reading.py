"""Reading answers: whatever an exchange sends is a result or an `ExchangeError`, never another exception."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from execution.exchanges.errors import OutcomeUnknown
from policies.domain.numbers import DECIMAL_PLACES, MAX_DIGITS
from policies.domain.reasons import ReasonCode

_TOO_LARGE = Decimal(10) ** (MAX_DIGITS - DECIMAL_PLACES)


@contextmanager
def reading() -> Iterator[None]:
    """What is missing or of the wrong kind makes the answer unreadable: it proves nothing. Raises OutcomeUnknown."""
    try:
        yield
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as e:
        raise OutcomeUnknown(ReasonCode.OUTCOME_UNKNOWN, f"The answer cannot be read ({type(e).__name__}).") from e


def number(value: Any) -> Decimal:
    """An exchange's number. Raises ValueError for what is none, is not finite, or is larger than anything real."""
    if isinstance(value, bool):
        raise ValueError(f"{value} is no number")
    found = Decimal(str(value))
    if not found.is_finite() or abs(found) >= _TOO_LARGE:
        raise ValueError(f"{str(value)[:40]} is no amount")
    return found
