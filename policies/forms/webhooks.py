"""The form of a webhook: who may send, what its bodies mean, what counts as a repetition."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

from policies.domain.permissions import parse_pair_pattern
from policies.domain.symbols import normalise
from policies.domain.webhook_body import IGNORED, SIGNAL_FIELDS, parse_pair, parse_template
from policies.forms.base import PolicyForm
from policies.forms.lines import LinesField
from policies.models import Webhook
from policies.models.webhook import TRADINGVIEW_ADDRESSES, WebhookKind
from policies.services import check_networks

PRESET = "tradingview"
_SIDES = ("buy", "sell", "long", "short")
_NUMBERS = ("amount", "notional", "limit_price", "max_slippage_bps")


class MapField(forms.CharField):
    """Lines such as `side = strategy.order.action`, as a dict."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"})
        super().__init__(widget=widget, required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        # The database keeps no order.
        return "\n".join(f"{name} = {value[name]}" for name in SIGNAL_FIELDS if name in value)

    def to_python(self, value: Any) -> Any:
        found: dict[str, str] = {}
        for line in filter(str.strip, (super().to_python(value) or "").splitlines()):
            try:
                name, item = parse_pair(line)
            except ValueError as e:
                raise ValidationError(str(e)) from e
            if name in found:
                raise ValidationError(f"{name} is there twice.")
            found[name] = item
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool((initial or {}) != self.to_python(data))
        except ValidationError:
            return True


class WebhookForm(PolicyForm):
    """A webhook. Its address or secrets are made on saving."""

    allowed_ips = LinesField(
        label="Allowed addresses",
        rows=3,
        initial=[PRESET],
        help_text=f"One address or network per line. The word {PRESET} stands for the four addresses that TradingView "
        "sends from. Empty means any.",
    )
    allowed_symbols = LinesField(
        label="Allowed pairs",
        rows=2,
        help_text="One per line: BTC/USDT, or */USDT for every pair in USDT. Empty means every pair.",
    )
    body_map = MapField(
        label="Body map",
        help_text="For JSON: one field of ours per line, then where the body has it: “side = strategy.order.action”. "
        "Empty: the body is a signal in our own words.",
    )
    defaults = MapField(
        label="Other defaults",
        help_text="Used when the alert says nothing else: “notional = 250”, “order_type = market”.",
    )

    class Meta:
        model = Webhook
        fields = (
            "name", "owner", "kind", "enabled", "notes", "allowed_ips", "per_minute", "strategy_id", "exchange",
            "symbol", "allowed_symbols", "defaults", "body_map", "text_template", "alert_id_field", "window_s",
            "time_field", "max_age_s",
        )  # fmt: skip

    def clean_allowed_ips(self) -> list[str]:
        lines: list[str] = self.cleaned_data["allowed_ips"]
        kind = self.cleaned_data.get("kind") or self.instance.kind
        if PRESET in lines and kind == WebhookKind.SIGNED:
            raise ValidationError("TradingView cannot sign. Write your sender's addresses, or nothing for any.")
        wanted = [line for line in lines if line != PRESET] + (list(TRADINGVIEW_ADDRESSES) if PRESET in lines else [])
        try:
            return list(dict.fromkeys(check_networks(wanted)))
        except ValidationError as e:
            raise ValidationError(e.messages) from e

    def clean_symbol(self) -> str:
        return _pair(self.cleaned_data["symbol"]) if self.cleaned_data["symbol"] else ""

    def clean_allowed_symbols(self) -> list[str]:
        try:
            return [parse_pair_pattern(line) for line in self.cleaned_data["allowed_symbols"]]
        except ValueError as e:
            raise ValidationError(str(e)) from e

    def clean_defaults(self) -> dict[str, str]:
        defaults: dict[str, str] = self.cleaned_data["defaults"]
        for name in _NUMBERS:
            if name in defaults and not _is_positive(defaults[name]):
                raise ValidationError(f"{name} must be a number above 0, not {defaults[name]!r}.")
        if defaults.get("side", "buy") not in _SIDES:
            raise ValidationError(f"side must be one of {', '.join(_SIDES)}.")
        if "amount" in defaults and "notional" in defaults:
            raise ValidationError("Name either amount (base units) or notional (quote units), not both.")
        own = {"strategy_id", "exchange", "symbol"} & set(defaults)
        if own:
            raise ValidationError(f"{', '.join(sorted(own))} has a field of its own above.")
        return defaults

    def clean_text_template(self) -> str:
        template: str = self.cleaned_data["text_template"]
        if template:
            try:
                parse_template(template)
            except ValueError as e:
                raise ValidationError(str(e)) from e
        return template

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned and not self.errors:
            self._check_template(cleaned)
            self._check_completeness(cleaned)
        return cleaned

    def _check_template(self, cleaned: dict[str, Any]) -> None:
        if not cleaned["text_template"]:
            return
        known = {*SIGNAL_FIELDS, IGNORED, cleaned["alert_id_field"], cleaned["time_field"]}
        unknown = [name for name in parse_template(cleaned["text_template"])[1] if name not in known]
        if unknown:
            self.add_error(
                "text_template",
                f"{{{unknown[0]}}} is neither a field of a signal nor the alert's id or time. Write {{{IGNORED}}} to "
                "skip a part.",
            )

    def _check_completeness(self, cleaned: dict[str, Any]) -> None:
        """A map that leaves out what every signal needs can never give one."""
        if not cleaned["body_map"]:
            return
        own = {name for name in ("symbol", "exchange", "strategy_id") if cleaned[name]}
        known = {*cleaned["body_map"], *cleaned["defaults"], *own}
        for name in ("symbol", "side"):
            if name not in known:
                self.add_error("body_map", f"Say where the body has {name}, or give it a default.")
        if not known & {"amount", "notional"}:
            self.add_error("body_map", "Say where the body has amount or notional, or give one of them a default.")


def _pair(text: str) -> str:
    found = normalise(text, {})
    if found is None:
        raise ValidationError(f"{text} is not a pair. Write BTC/USDT.")
    return found


def _is_positive(text: str) -> bool:
    try:
        number = Decimal(text)
    except ArithmeticError:
        return False
    return number.is_finite() and number > 0
