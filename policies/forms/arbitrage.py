"""The forms with which a person trades an opportunity: whose account, how much; then why."""

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget

from policies.domain.numbers import DECIMAL_PLACES, MAX_DIGITS
from policies.forms.base import reason_field
from policies.services import check_reason


class OfferForm(forms.Form):
    """With whose accounts, and at most how much."""

    account = forms.ModelChoiceField(
        queryset=get_user_model().objects.none(), label="User", widget=UnfoldAdminSelectWidget(), empty_label=None
    )
    most = forms.DecimalField(
        label="At most, base units",
        required=False,
        max_digits=MAX_DIGITS,
        decimal_places=DECIMAL_PLACES,
        min_value=Decimal(1).scaleb(-DECIMAL_PLACES),
        widget=UnfoldAdminDecimalFieldWidget(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        users = get_user_model().objects.filter(is_active=True, trading_permission__arbitrage=True)
        self.fields["account"].queryset = users.order_by("username")  # type: ignore[attr-defined]


class TradeForm(OfferForm):
    """The same, decided. key: of this page, so that a form that is sent twice is one trade."""

    key = forms.CharField(max_length=100, widget=forms.HiddenInput)
    reason = reason_field("Why")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["account"].widget = forms.HiddenInput()
        self.fields["most"].widget = forms.HiddenInput()
        self.initial.setdefault("key", f"admin-{uuid.uuid4().hex}")

    def clean_reason(self) -> str:
        return check_reason(self.cleaned_data["reason"])
