"""The forms of alert rules and of the channels they use."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from policies.alerts import check_rule, read_target
from policies.crypto import Unreadable
from policies.domain.alert_targets import FIELD_NAMES, FIELDS, MAX_LENGTH, Field, check_target
from policies.domain.alerts import ChannelKind
from policies.forms.base import PolicyForm
from policies.models import AlertChannel, AlertRule

KEEP = "Leave blank to keep what is stored. It can be replaced, never shown, to anyone."


class RuleForm(PolicyForm):
    """When somebody is told, of what, and where."""

    class Meta:
        model = AlertRule
        fields = (
            "name", "condition", "scope", "threshold", "severity", "enabled", "for_s", "hold_s", "channels",
            "repeat_s", "recovery_notice",
        )  # fmt: skip

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned and not self.errors:
            row = AlertRule(condition=cleaned["condition"], scope=cleaned["scope"], threshold=cleaned["threshold"])
            try:
                check_rule(row)
            except ValidationError as e:
                for name, messages in e.message_dict.items():
                    self.add_error(name, messages[0])
        return cleaned


def _input(field: Field) -> forms.Field:
    if field.choices:
        choices = [("", "–"), *((choice, choice) for choice in field.choices)]
        return forms.ChoiceField(
            label=field.label, required=False, help_text=field.help, choices=choices, widget=UnfoldAdminSelectWidget
        )
    attrs = {"autocomplete": "new-password" if field.secret else "off", "spellcheck": "false"}
    widget = UnfoldAdminPasswordWidget if field.secret else UnfoldAdminTextInputWidget
    return forms.CharField(
        label=field.label, required=False, max_length=MAX_LENGTH, help_text=field.help, widget=widget(attrs=attrs)
    )


_Target = type("_Target", (forms.Form,), {field.name: _input(field) for fields in FIELDS.values() for field in fields})
"""One input for every field of every kind; the page shows those of the chosen kind."""


class ChannelForm(PolicyForm, _Target):  # type: ignore[misc, valid-type]
    """A channel. Its target is typed in fields of its kind; secret ones are empty whenever they are shown."""

    class Meta:
        model = AlertChannel
        fields = ("name", "kind", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = not self.instance._state.adding
        for field in FIELDS[ChannelKind(self.instance.kind)] if stored else ():
            self.fields[field.name].initial = None if field.secret else self.instance.settings.get(field.name, "")
            if field.secret:
                self.fields[field.name].help_text = f"{KEEP} {field.help}".strip()
        if stored:
            mine = {field.name for field in FIELDS[ChannelKind(self.instance.kind)]}
            for name in set(FIELD_NAMES) - mine:
                del self.fields[name]

    @property
    def target(self) -> dict[str, str]:
        """What was typed."""
        return {name: self.cleaned_data.get(name) or "" for name in FIELD_NAMES if name in self.fields}

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        kind = self.instance.kind or (cleaned or {}).get("kind")
        if not kind:
            return cleaned
        typed = self.target
        if not self.instance._state.adding:
            typed = {**self._stored_secrets(kind), **{name: text for name, text in typed.items() if text}}
        for name, sentence in check_target(ChannelKind(kind), typed)[1].items():
            self.add_error(name if name in self.fields else None, sentence)
        return cleaned

    def _stored_secrets(self, kind: str) -> dict[str, str]:
        try:
            return read_target(self.instance)
        except Unreadable as e:
            self.add_error(None, f"{e}. Enter everything anew.")
            return {}
