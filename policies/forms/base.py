"""What every form that changes policy has: the reason, and the version that was read."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

from policies.domain.numbers import plain
from policies.selectors import history
from policies.services import MAX_REASON, MIN_REASON, check_reason

REASON_MISSING = f"Write why, in at least {MIN_REASON} characters. It is kept with the change."


def reason_field(label: str = "Reason for this change", help_text: str = "") -> forms.CharField:
    """The field in which a person says why."""
    return forms.CharField(
        label=label,
        help_text=help_text,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2, "maxlength": MAX_REASON, "autocomplete": "off"}),
        error_messages={"required": REASON_MISSING},
    )


class PlainDecimals:
    """Shows `5000`, not `5000.000000000000000000`: the column's places are no information."""

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        value = super().get_initial_for_field(field, field_name)  # type: ignore[misc]
        return plain(value) if isinstance(value, Decimal) else value


class PlainModelForm(PlainDecimals, forms.ModelForm):  # type: ignore[type-arg]
    """For rows that are edited with the row they belong to."""


class PolicyForm(PlainDecimals, forms.ModelForm):  # type: ignore[type-arg]
    """A change of one policy row. Refused without a reason, and when somebody else was faster."""

    reason = reason_field(help_text="Kept with the change and shown in its history.")
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and not self.instance._state.adding and not self.is_bound:
            self.initial["seen"] = history.stamp(self.instance)

    def clean_reason(self) -> str:
        return check_reason(self.cleaned_data["reason"])

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if not self.instance._state.adding and self.data.get(self.add_prefix("seen"), "") != history.stamp(
            self.instance
        ):
            raise ValidationError(stale_sentence(self.instance), code="stale")
        return cleaned


def stale_sentence(row: Any) -> str:
    """Why a form that was opened earlier may not be saved any more."""
    last = history.last_change(row)
    who, when = (last[0], f" at {last[1]:%H:%M:%S} UTC") if last is not None else ("Somebody", "")
    return f"{who} changed this{when} while you were editing. Reload to see it; nothing was saved."
