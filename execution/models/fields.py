"""Column types that several models share."""

from enum import StrEnum
from typing import Any

from django.db import models

from policies.domain.numbers import DECIMAL_PLACES, MAX_DIGITS


def amount_field(**kwargs: Any) -> "models.DecimalField[Any, Any]":
    """Money or an amount: exact, 18 places."""
    return models.DecimalField(max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, **kwargs)


def choices_of(enum: type[StrEnum]) -> list[tuple[str, str]]:
    """Choices with the value as words: `partial_fill` reads `partial fill`."""
    return [(member.value, member.value.replace("_", " ")) for member in enum]
