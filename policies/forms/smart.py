"""The forms of routing strategies and of what users prefer."""

from typing import Any

from django import forms

from policies.forms.base import PolicyForm
from policies.forms.lines import LinesField
from policies.models import RoutingStrategy, TradingPreference


class RoutingStrategyForm(PolicyForm):
    """The numbers of one routing strategy. Its name is what signals send and never changes."""

    class Meta:
        model = RoutingStrategy
        exclude = ("name",)


class TradingPreferenceForm(PolicyForm):
    """What a user prefers."""

    preferred_exchanges = LinesField(help_text=TradingPreference._meta.get_field("preferred_exchanges").help_text)

    class Meta:
        model = TradingPreference
        fields = ("user", "preferred_exchanges", "routing_strategy", "risk_tolerance")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields.get("routing_strategy")  # who may only look has no fields
        if isinstance(choice, forms.ChoiceField):
            choice.choices = [("", "None: the default exchange"), *list(choice.choices)[1:]]  # type: ignore[arg-type]
