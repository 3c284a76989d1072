"""The steps of a failover chain, put in order and checked as a whole."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.forms import PaginationInlineFormSet

from policies.forms.base import PlainModelForm
from policies.models import Exchange
from policies.models.failover import check_chain


class StepForm(PlainModelForm):
    """One exchange of the chain. Its position comes from where it stands, so it may be missing."""

    position = forms.IntegerField(required=False, min_value=0)

    def clean_position(self) -> int:
        return self.cleaned_data["position"] or 0


class StepFormSet(PaginationInlineFormSet):  # type: ignore[misc]
    """Numbers the steps as they stand, so that a new or dragged one never collides with another."""

    def clean(self) -> None:
        kept = sorted(self._kept(), key=_place)
        for number, form in enumerate(kept):
            form.cleaned_data["position"] = form.instance.position = number
            if form.initial.get("position") != number and "position" not in form.changed_data:
                form.changed_data.append("position")
        enabled = list(Exchange.objects.filter(enabled=True).values_list("slug", flat=True))
        check_chain(self._primary(), [form.cleaned_data["exchange"].pk for form in kept], enabled)
        super().clean()

    def _kept(self) -> list[Any]:
        """The rows that name an exchange and are not to be removed."""
        return [
            form
            for form in self.forms
            if form not in self.deleted_forms and getattr(form, "cleaned_data", {}).get("exchange") is not None
        ]

    def _primary(self) -> str:
        if not self.instance.primary_id:
            raise ValidationError("Choose the primary exchange first.", code="primary")
        return str(self.instance.primary_id)


def _place(form: Any) -> tuple[bool, int]:
    """As dragged; a row that was only just added and never moved comes last."""
    position: int = form.cleaned_data.get("position") or 0
    return form.instance.pk is None and position == 0, position
