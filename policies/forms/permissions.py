"""The form of a trading permission."""

from typing import Any

from django.core.exceptions import ValidationError
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from policies.forms.base import PolicyForm
from policies.forms.lines import LinesField
from policies.models import TradingPermission


class TradingPermissionForm(PolicyForm):
    """What a user may trade. The sizes come with the inline rows."""

    pairs = LinesField(
        help_text="One per line: BTC/USDT, or */NOK for every pair in NOK. Empty means every pair.",
    )

    class Meta:
        model = TradingPermission
        fields = ("user", "enabled", "arbitrage", "all_exchanges", "exchanges", "pairs")
        widgets = {"exchanges": UnfoldAdminCheckboxSelectMultipleWidget}

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned and not cleaned.get("all_exchanges") and not cleaned.get("exchanges"):
            raise ValidationError({"exchanges": "Choose at least one exchange, or allow all of them."})
        return cleaned


class OrderSizeFormSet(PaginationInlineFormSet):  # type: ignore[misc]
    """The largest orders of a user. Without one nothing can be sent, so none at all is refused."""

    def clean(self) -> None:
        super().clean()
        filled_in = [form for form in self.forms if form.has_changed() or form.instance.pk]
        if all(form in self.deleted_forms for form in filled_in):
            raise ValidationError(
                "Enter at least one largest order: a currency without one may not be traded.", code="sizes"
            )
