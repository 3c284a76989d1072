"""The form that makes an API token."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from policies.forms.base import PolicyForm
from policies.forms.lines import LinesField
from policies.models import ApiToken
from policies.models.api_token import TokenScope
from policies.services import check_networks

VALID_DAYS = 90


class TokenForm(PolicyForm):
    """Who may do what with it, from where and until when. The token itself is made on saving."""

    scopes = forms.MultipleChoiceField(
        choices=TokenScope.choices,
        initial=[TokenScope.READ, TokenScope.TRADE, TokenScope.CANCEL],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        error_messages={"required": "Choose at least one: a token that may do nothing is of no use."},
    )
    allowed_ips = LinesField(
        label="Allowed addresses",
        rows=2,
        help_text="One address or network per line, e.g. 203.0.113.7 or 203.0.113.0/24. Empty means any.",
    )

    class Meta:
        model = ApiToken
        fields = ("name", "user", "scopes", "expires_at", "allowed_ips")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "expires_at" in self.fields:
            self.fields["expires_at"].initial = in_90_days

    def clean_allowed_ips(self) -> list[str]:
        try:
            return check_networks(self.cleaned_data["allowed_ips"])
        except ValidationError as e:
            raise ValidationError(e.messages) from e

    def clean_expires_at(self) -> datetime | None:
        expires_at: datetime | None = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= timezone.now():
            raise ValidationError("This is in the past. Leave it empty for a token that does not expire.")
        return expires_at


def in_90_days() -> datetime:
    """When a new token expires unless somebody decides otherwise."""
    return timezone.now().replace(microsecond=0, second=0) + timedelta(days=VALID_DAYS)
