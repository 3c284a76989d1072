"""The form of a strategy: one exchange, or several with weights."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

from policies.domain.policy import RouteBy
from policies.forms.base import PolicyForm
from policies.models import StrategyPolicy


class WeightsField(forms.CharField):
    """A textarea with an exchange and its weight per line."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"})
        super().__init__(widget=widget, required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return "\n".join(slug if weight == 1 else f"{slug} {weight}" for slug, weight in sorted(value.items()))

    def to_python(self, value: Any) -> Any:
        found: dict[str, int] = {}
        for line in (super().to_python(value) or "").replace(",", "\n").splitlines():
            if not line.strip():
                continue
            slug, _, weight = line.strip().lower().partition(" ")
            if slug in found:
                raise ValidationError(f"{slug} is in the list twice.", code="duplicate")
            if weight and not weight.strip().isdecimal():
                raise ValidationError(
                    f"{line.strip()!r}: write an exchange and its weight, e.g. binance 3.", code="form"
                )
            found[slug] = int(weight) if weight else 1
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool((initial or {}) != self.to_python(data))
        except ValidationError:
            return True


class StrategyForm(PolicyForm):
    """Where the signals of a strategy go."""

    balanced_over = WeightsField(
        label="Exchanges to choose from", help_text=StrategyPolicy._meta.get_field("balanced_over").help_text
    )

    class Meta:
        model = StrategyPolicy
        fields = (
            "strategy_id",
            "exchange",
            "route_by",
            "balanced_over",
            "mode",
            "execution_method",
            "enabled",
            "notes",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "route_by" in self.fields:
            self.fields["route_by"].required = False

    def clean_route_by(self) -> str:
        """One exchange unless something else was chosen."""
        return self.cleaned_data["route_by"] or RouteBy.ONE_EXCHANGE.value
