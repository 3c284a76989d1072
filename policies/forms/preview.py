"""The form of the route preview: an order that is only asked about."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from policies.domain.numbers import DECIMAL_PLACES, MAX_DIGITS
from policies.domain.policy import RouteBy
from policies.models import Exchange
from policies.models.choices import SmartRouteChoices

_ROUTINGS = [
    ("", "As policy says"),
    (RouteBy.SMART.value, "Smart, as Routing settings say"),
    *SmartRouteChoices.choices,
]


def _number(label: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        required=False,
        max_digits=MAX_DIGITS,
        decimal_places=DECIMAL_PLACES,
        min_value=Decimal(1).scaleb(-DECIMAL_PLACES),
        widget=UnfoldAdminDecimalFieldWidget(attrs={"autocomplete": "off"}),
    )


class RoutePreviewForm(forms.Form):
    """What would be sent, by whom. Exactly one of amount and notional."""

    user = forms.ModelChoiceField(
        queryset=get_user_model().objects.none(), label="User", widget=UnfoldAdminSelectWidget(), empty_label=None
    )
    symbol = forms.CharField(
        label="Pair",
        max_length=41,
        initial="BTC/USDT",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    side = forms.ChoiceField(
        label="Side", choices=[("buy", "BUY ▲"), ("sell", "SELL ▼")], widget=UnfoldAdminSelectWidget()
    )
    amount = _number("Amount, base units")
    notional = _number("or value, quote units")
    limit_price = _number("Limit price")
    strategy_id = forms.CharField(
        label="Strategy",
        required=False,
        max_length=64,
        widget=UnfoldAdminTextInputWidget(attrs={"list": "strategies", "autocomplete": "off"}),
    )
    exchange = forms.ChoiceField(label="Exchange asked for", required=False, widget=UnfoldAdminSelectWidget())
    routing = forms.ChoiceField(
        label="Routing strategy", required=False, choices=_ROUTINGS, widget=UnfoldAdminSelectWidget()
    )

    execution = forms.ChoiceField(
        label="Execution",
        required=False,
        choices=[
            ("", "As policy says"),
            ("twap", "TWAP: in slices over time"),
            ("passive", "Passive: rest, then take"),
        ],
        widget=UnfoldAdminSelectWidget(),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        users = get_user_model().objects.filter(is_active=True, trading_permission__isnull=False)
        self.fields["user"].queryset = users.order_by("username")  # type: ignore[attr-defined]
        slugs = Exchange.objects.filter(enabled=True).values_list("slug", "name")
        self.fields["exchange"].choices = [("", "None"), *slugs]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        if (cleaned.get("amount") is None) == (cleaned.get("notional") is None) and not self.errors:
            raise ValidationError("Enter either an amount or a value.", code="size")
        return cleaned
