"""The form of exchange keys. What is typed goes in and never comes out again: not into HTML, history or a log."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminPasswordWidget

from policies.domain.credentials import FIELD_NAMES, MAX_SECRET_LENGTH, check_secrets, fields_of
from policies.forms.base import PolicyForm
from policies.models import ExchangeCredential

LABELS = {
    "api_key": "API key",
    "secret": "Secret",
    "passphrase": "Passphrase",
    "client_id": "Client id",
}
KEEP = "Leave blank to keep the stored keys. They can be replaced, never shown, to anyone."
ENTER = "Make a key that may trade and not withdraw, bound to this server's address. It can be replaced, never shown."
TOGETHER = "Keys are replaced together. Enter all of them, or none."

_PEM = re.compile(r"(-----BEGIN [A-Z ]+-----)(.*?)(-----END [A-Z ]+-----)", re.DOTALL)


def secret_field(name: str) -> forms.CharField:
    """An input that is empty whenever it is shown, and that no browser fills in."""
    return forms.CharField(
        label=LABELS[name],
        required=False,
        strip=True,
        max_length=MAX_SECRET_LENGTH,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )


class CredentialForm(PolicyForm):
    """A user's keys for one exchange."""

    api_key = secret_field("api_key")
    secret = secret_field("secret")
    passphrase = secret_field("passphrase")
    client_id = secret_field("client_id")

    class Meta:
        model = ExchangeCredential
        fields = ("user", "exchange", "mode", "label")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = not self.instance._state.adding
        self.fields["api_key"].help_text = KEEP if stored else ENTER
        if stored:
            for name in set(FIELD_NAMES) - set(fields_of(self.instance.exchange_id).all):
                del self.fields[name]

    @property
    def secrets(self) -> dict[str, str]:
        """What was typed, by field; empty when the stored keys stay."""
        return {name: value for name in FIELD_NAMES if (value := self.cleaned_data.get(name))}

    def clean_secret(self) -> str:
        return one_line_pem(self.cleaned_data["secret"])

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        exchange = self.instance.exchange_id or getattr(self.cleaned_data.get("exchange"), "pk", None)
        adding = self.instance._state.adding
        if exchange and (adding or self.secrets):
            problems: dict[str, str] = check_secrets(exchange, self.secrets)
            if not adding and any(not self.secrets.get(name) for name in fields_of(exchange).required):
                problems = {"api_key": TOGETHER}
            for name, sentence in problems.items():
                self.add_error(name if name in self.fields else None, ValidationError(sentence, code="secret"))
        return cleaned


def one_line_pem(text: str) -> str:
    """Put the line breaks back into a PEM text: a password input, and JSON, take them out."""

    def restore(found: re.Match[str]) -> str:
        body = re.sub(r"\\n|\s", "", found[2])
        return "\n".join([found[1], *(body[n : n + 64] for n in range(0, len(body), 64)), found[3]])

    return _PEM.sub(restore, text)
