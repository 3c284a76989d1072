"""What a webhook's body means: which value of it becomes which field of a signal.

A JSON body is read by a map (our field <- path in the body) or, without a map, as a signal in our own words. A plain
text is read by a template such as `{side} {symbol} {amount} id={alert_id}`. Pure, linear in the size of the body, and
strict: what cannot be read is refused, never guessed.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from policies.domain import strict_json
from policies.domain.reasons import Denied, ReasonCode

SIGNAL_FIELDS = (
    "symbol", "side", "amount", "notional", "timestamp", "expires_at", "strategy_id", "exchange", "signal_type",
    "order_type", "limit_price", "time_in_force", "max_slippage_bps", "priority", "mode", "score", "confidence",
    "details", "routing_strategy", "preferred_exchanges", "execution_method", "slices", "horizon_s", "display_amount",
)  # fmt: skip
"""What a map, a template or a default may fill. The signal's key is not among them: it comes from the alert's id."""

IGNORED = "_"
"""A placeholder for a part of a text that does not matter."""

MAX_KEY_LENGTH = 100
MAX_FUTURE = timedelta(seconds=60)

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EXCHANGE_PREFIX = re.compile(r"^[A-Za-z0-9_]+:")


@dataclass(frozen=True, slots=True)
class BodyRules:
    """How one webhook reads a body. Without `body_map` a JSON body must be a signal in our own words."""

    body_map: Mapping[str, str] = field(default_factory=dict)
    text_template: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict)
    alert_id_field: str = "alert_id"
    time_field: str = ""
    max_age_s: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A body that was understood. `made_at`: when the sender made the alert, if the webhook asks for it."""

    fields: Mapping[str, Any]
    alert_id: str
    made_at: datetime | None


def read_body(body: bytes, rules: BodyRules) -> Reading:
    """What the body says. Raises Denied (WEBHOOK_BODY) with a sentence."""
    text = _decode(body)
    message = _as_object(text)
    return _read_text(text, rules) if message is None else _read_object(message, rules)


def check_age(reading: Reading, rules: BodyRules, now: datetime) -> None:
    """Raises Denied (WEBHOOK_STALE) when the alert is older than the webhook allows, or does not say how old it is."""
    if rules.max_age_s is None:
        return
    if reading.made_at is None:
        raise Denied(
            ReasonCode.WEBHOOK_STALE,
            f"The alert does not say when it was made: {rules.time_field} is missing. "
            f"It must not be older than {rules.max_age_s} s.",
        )
    age = now - reading.made_at
    if age > timedelta(seconds=rules.max_age_s):
        raise Denied(
            ReasonCode.WEBHOOK_STALE,
            f"The alert is {age.total_seconds():.0f} s old; {rules.max_age_s} s is the limit of this webhook.",
        )
    if age < -MAX_FUTURE:
        raise Denied(ReasonCode.WEBHOOK_STALE, "The alert's time lies in the future. Check the sender's clock.")


def signal_key(hook: str, alert_id: str) -> str:
    """The idempotency key of an alert: the same for ever. Long or odd ids are hashed to keep it within 100 characters.

    It comes from the webhook's name, so a webhook is never renamed.
    """
    key = f"hook:{hook}:{alert_id}"
    if len(key) <= MAX_KEY_LENGTH and key.isprintable():
        return key
    return f"hook:{hook}:{hashlib.sha256(alert_id.encode()).hexdigest()}"


def parse_template(template: str) -> tuple[list[str], list[str]]:
    """The literal texts of a template and the names between them (one fewer). Raises ValueError with a sentence."""
    parts = _PLACEHOLDER.split(template.strip())
    literals, names = parts[::2], parts[1::2]
    if any("{" in literal or "}" in literal for literal in literals):
        raise ValueError("A brace is open or closed without its partner. Write placeholders as {symbol}.")
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{{{name}}} is no placeholder. Write a field such as {{symbol}}, or {{_}} to skip.")
    if any(not literal for literal in literals[1:-1]):
        raise ValueError("Two placeholders stand side by side. Put a blank or another character between them.")
    named = [name for name in names if name != IGNORED]
    for name in named:
        if named.count(name) > 1:
            raise ValueError(f"{{{name}}} is there twice.")
    return literals, names


def parse_pair(line: str) -> tuple[str, str]:
    """`side = strategy.order.action` as (field, value). Raises ValueError with a sentence."""
    name, equals, value = (part.strip() for part in line.partition("="))
    if not equals or not name or not value:
        raise ValueError(f"{line.strip()!r} is no line such as `side = strategy.order.action`.")
    if name not in SIGNAL_FIELDS:
        raise ValueError(f"{name} is no field of a signal. There are: {', '.join(SIGNAL_FIELDS)}.")
    return name, value


def _decode(body: bytes) -> str:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise _unreadable("The body is not text in UTF-8.") from e
    if not text.strip():
        raise _unreadable("The body is empty. Put the signal into the alert's message.")
    if "\x00" in text:
        raise _unreadable("The body contains a NUL character.")
    return text


def _as_object(text: str) -> Mapping[str, Any] | None:
    """The JSON object that the text is, or None for a text that is none. What looks like JSON and is not is refused."""
    try:
        found = strict_json.loads(text)
    except ValueError as e:
        if text.lstrip().startswith("{"):
            raise _unreadable(f"The body is not valid JSON: {str(e)[:150]}. Is a placeholder without quotes?") from e
        return None
    if any("\0" in part for part in strict_json.texts(found)):
        raise _unreadable("The body contains a NUL character.")
    return found if isinstance(found, dict) else None


def _read_object(message: Mapping[str, Any], rules: BodyRules) -> Reading:
    alert_id = _alert_id(value_at(message, rules.alert_id_field))
    made_at = _time(value_at(message, rules.time_field), rules)
    if rules.body_map:
        fields = {name: value_at(message, path) for name, path in rules.body_map.items()}
    else:
        own = {rules.alert_id_field, rules.time_field} - set(SIGNAL_FIELDS)
        fields = {name: value for name, value in message.items() if name not in own}
        # In our own words the id of a signal is `id`.
        alert_id = alert_id or _alert_id(fields.pop("id", None))
    return Reading(_completed(fields, rules), alert_id, made_at)


def _read_text(text: str, rules: BodyRules) -> Reading:
    if not rules.text_template:
        raise _unreadable("The body is not a JSON object, and this webhook has no template for plain text.")
    found = match_template(text, rules.text_template)
    fields = {name: value for name, value in found.items() if name in SIGNAL_FIELDS}
    alert_id = _alert_id(found.get(rules.alert_id_field))
    return Reading(_completed(fields, rules), alert_id, _time(found.get(rules.time_field), rules))


def match_template(text: str, template: str) -> dict[str, str]:
    """The values at the template's placeholders. Every value ends where the literal text after it first occurs."""
    literals, names = parse_template(template)
    rest = " ".join(text.split())
    literals = [re.sub(r"\s+", " ", literal) for literal in literals]
    if not rest.startswith(literals[0]):
        raise _unreadable(f"The text does not begin with {literals[0]!r} as the template says.")
    rest = rest[len(literals[0]) :]
    found = {}
    for name, literal in zip(names, literals[1:], strict=True):
        value, rest = _until(rest, literal, name)
        if name != IGNORED:
            found[name] = value
    if rest:
        raise _unreadable("The text goes on after the end of the template.")
    return found


def _until(rest: str, literal: str, name: str) -> tuple[str, str]:
    end = rest.find(literal) if literal else len(rest)  # only the last literal can be empty
    if end < 0:
        raise _unreadable(f"{literal.strip() or 'a blank'!r} does not follow {{{name}}} in the text.")
    value = rest[:end].strip()
    if not value:
        raise _unreadable(f"{{{name}}} is empty in the text.")
    return value, rest[end + len(literal) :]


def value_at(message: Any, path: str) -> Any:
    """The value at `strategy.order.action` or `legs.0.side`; None if there is none. A key with dots counts first."""
    if not path:
        return None
    if isinstance(message, Mapping) and path in message:
        return message[path]
    for step in path.split("."):
        if isinstance(message, Mapping):
            message = message.get(step)
        elif isinstance(message, Sequence) and not isinstance(message, str) and step.isascii() and step.isdigit():
            index = int(step) if len(step) < 6 else len(message)
            message = message[index] if index < len(message) else None
        else:
            return None
    return message


def _completed(fields: Mapping[str, Any], rules: BodyRules) -> dict[str, Any]:
    """With the defaults where the body says nothing. A default size steps back when the body names the other one."""
    found = {name: value for name, value in fields.items() if value is not None and value != ""}
    for name, value in found.items():
        if isinstance(value, str) and "{{" in value:
            raise _unreadable(f"{name} is {value[:60]!r}: the sender did not fill in its placeholder.")
    sized = "amount" in found or "notional" in found
    for name, value in rules.defaults.items():
        if not (sized and name in {"amount", "notional"}):
            found.setdefault(name, value)
    if isinstance(found.get("symbol"), str):
        # TradingView's {{exchange}}:{{ticker}}; a derivative such as BTC/USDT:USDT keeps its colon and is refused.
        found["symbol"] = _EXCHANGE_PREFIX.sub("", found["symbol"], count=1)
    return found


def _alert_id(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise _unreadable("The alert's id must be a text or a number.")
    text = str(value).strip()
    if "{{" in text:
        raise _unreadable(f"The alert's id is {text[:60]!r}: the sender did not fill in its placeholder.")
    return text


def _time(value: Any, rules: BodyRules) -> datetime | None:
    if rules.max_age_s is None or value is None or value == "":
        return None
    made_at = parse_time(value)
    if made_at is None:
        raise _unreadable(f"{rules.time_field} is {str(value)[:60]!r}, which is no time. Send {{{{timenow}}}}.")
    return made_at


def parse_time(value: Any) -> datetime | None:
    """A time as ISO 8601 (without a zone: UTC), unix seconds or unix milliseconds; None if it is none of them."""
    if isinstance(value, bool):
        return None
    try:
        if isinstance(value, (int, Decimal)) or (isinstance(value, str) and re.fullmatch(r"\d{9,14}(\.\d+)?", value)):
            number = Decimal(value)
            seconds = number / 1000 if number >= 100_000_000_000 else number
            return datetime.fromtimestamp(float(seconds), UTC)
        at = datetime.fromisoformat(value.strip())
        return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (ValueError, AttributeError, OverflowError, OSError, ArithmeticError):
        return None


def _unreadable(sentence: str) -> Denied:
    return Denied(ReasonCode.WEBHOOK_BODY, sentence)
