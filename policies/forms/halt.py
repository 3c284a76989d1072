"""The halt dialog's form: why, how strictly, and what."""

from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from policies.domain.policy import Scope, TradingStatus
from policies.models import TradingState
from policies.services import MAX_REASON

WHY = "Write why. Everyone will see it."
CHOSEN = "chosen"


class HaltForm(forms.Form):
    """`what` is the value of the button that was pressed: `exchange:kraken`, `global:`, or the chosen one."""

    reason = forms.CharField(
        label="Why",
        # A textarea: in a single line, Enter would press the first button, and halt whatever stands first.
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2, "maxlength": MAX_REASON, "autofocus": True}),
        error_messages={"required": WHY},
    )
    status = forms.ChoiceField(
        label="How",
        choices=[
            (TradingStatus.HALTED.value, "Halt: nothing new is sent"),
            (TradingStatus.REDUCING.value, "Reduce only: sells of at most what is held still pass"),
        ],
        initial=TradingStatus.HALTED.value,
        widget=UnfoldAdminRadioSelectWidget(),
    )
    cancel_open = forms.BooleanField(
        label="Also cancel the open orders there", required=False, widget=UnfoldBooleanWidget()
    )
    kind = forms.ChoiceField(
        label="Kind",
        required=False,
        choices=[(Scope.STRATEGY.value, "Strategy"), (Scope.USER.value, "User"), (Scope.SYMBOL.value, "Pair")],
        widget=UnfoldAdminSelectWidget(attrs={"aria-label": "Strategy, user or pair"}),
    )
    target = forms.CharField(
        label="Which",
        required=False,
        max_length=64,
        widget=UnfoldAdminTextInputWidget(
            attrs={"aria-label": "Which strategy, user or pair", "placeholder": "scalper_btc", "autocomplete": "off"}
        ),
    )
    what = forms.CharField(widget=forms.HiddenInput, required=False)

    def clean_reason(self) -> str:
        reason = " ".join(self.cleaned_data["reason"].split())
        if not reason:
            raise ValidationError(WHY, code="required")
        return reason

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        try:
            scope, target = self._scope(cleaned)
        except ValueError as e:
            raise ValidationError("Press what to halt.", code="what") from e
        halted = TradingState.objects.filter(scope=scope, target=target, status=TradingStatus.HALTED).exists()
        if halted and cleaned.get("status") == TradingStatus.REDUCING:
            raise ValidationError(
                "This is halted already, and reduce only would be looser. Resume it on the Kill switch page instead.",
                code="looser",
            )
        return {**cleaned, "scope": scope, "scope_target": target}

    def _scope(self, cleaned: dict[str, Any]) -> tuple[Scope, str]:
        kind, _, target = cleaned.get("what", "").partition(":")
        if kind == CHOSEN:
            kind, target = cleaned.get("kind", ""), cleaned.get("target", "").strip()
            if not target:
                raise ValidationError({"target": "Say which one."})
            if kind == Scope.USER:
                target = _user_id(target)
            if kind == Scope.SYMBOL:
                target = target.upper()
        return Scope(kind), target


def _user_id(name: str) -> str:
    found = get_user_model().objects.filter(username=name).values_list("pk", flat=True).first()
    if found is None:
        raise ValidationError({"target": f"There is no user {name!r}."})
    return str(found)
