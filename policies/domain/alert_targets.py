"""What a channel's target is made of, by kind: typed fields, checked here.

Secret fields are stored encrypted; the others can be read. Pure.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from policies.domain.alerts import ChannelKind

MAX_LENGTH = 500
MIN_SIGNING_SECRET = 16
MAX_RECIPIENTS = 20

_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*")
_TELEGRAM_TOKEN = re.compile(r"[0-9]{5,15}:[A-Za-z0-9_-]{30,60}")
_TELEGRAM_CHAT = re.compile(r"-?[0-9]{3,20}|@[A-Za-z][A-Za-z0-9_]{4,31}")
_SLACK = re.compile(r"(?:https://hooks\.slack\.com/services/)?(T[A-Z0-9]{6,14})/(B[A-Z0-9]{6,14})/([A-Za-z0-9]{20,30})")
_DISCORD = re.compile(r"(?:https://(?:discord|discordapp)\.com/api/webhooks/)?([0-9]{15,22})/([A-Za-z0-9_-]{50,100})")
SECURITY = ("starttls", "tls", "none")


@dataclass(frozen=True, slots=True)
class Field:
    """One part of a target. `check` returns it in its canonical form or raises ValueError with a sentence."""

    name: str
    label: str
    check: Callable[[str], str]
    secret: bool = False
    required: bool = True
    help: str = ""
    choices: tuple[str, ...] = ()


def _matching(pattern: re.Pattern[str], sentence: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(sentence)
        return text

    return check


def _mails(text: str) -> str:
    found = [item for item in re.split(r"[\s,;]+", text) if item]
    wrong = [item for item in found if not _MAIL.fullmatch(item)]
    if wrong or not 1 <= len(found) <= MAX_RECIPIENTS:
        raise ValueError(f"Write 1 to {MAX_RECIPIENTS} e-mail addresses, separated by commas.")
    return ", ".join(found)


def _host(text: str) -> str:
    text = text.lower().rstrip(".")
    if not _HOST.fullmatch(text):
        raise ValueError("Write a host name such as smtp.example.com.")
    return text


def _port(text: str) -> str:
    if not (text.isdecimal() and len(text) < 6 and 0 < int(text) < 65_536):
        raise ValueError("Write a port between 1 and 65535.")
    return str(int(text))


def _security(text: str) -> str:
    if text not in SECURITY:
        raise ValueError(f"Choose one of {', '.join(SECURITY)}.")
    return text


def _plain(text: str) -> str:
    if not text.isprintable():
        raise ValueError("Only printable characters.")
    return text


def _slack(text: str) -> str:
    found = _SLACK.fullmatch(text)
    if found is None:
        raise ValueError("Copy the incoming webhook from Slack: https://hooks.slack.com/services/T…/B…/…")
    return "/".join(found.groups())


def _discord(text: str) -> str:
    found = _DISCORD.fullmatch(text)
    if found is None:
        raise ValueError("Copy the webhook from Discord: https://discord.com/api/webhooks/…/…")
    return "/".join(found.groups())


def _signing_secret(text: str) -> str:
    if len(_plain(text)) < MIN_SIGNING_SECRET:
        raise ValueError(f"At least {MIN_SIGNING_SECRET} characters; `openssl rand -hex 32` makes a good one.")
    return text


def https_address(text: str) -> str:
    """An address a signed webhook may have, by its form alone; where the name leads is looked at when it is used."""
    if not text.isascii() or not text.isprintable() or any(c in text for c in ' \\"<>'):
        raise ValueError("Write an address of plain ASCII characters.")
    parts = urlsplit(text)
    if parts.scheme != "https":
        raise ValueError("The address must begin with https://.")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ValueError("Leave user and password out of the address.")
    if parts.fragment:
        raise ValueError("Leave the part after # out.")
    host = parts.hostname or ""
    if ":" not in host and not _HOST.fullmatch(host):
        raise ValueError("The address has no host name.")
    if parts.port == 0:  # raises ValueError by itself above 65535
        raise ValueError("Port 0 cannot be reached.")
    return text


FIELDS: Mapping[ChannelKind, tuple[Field, ...]] = {
    ChannelKind.EMAIL: (
        Field("recipients", "Recipients", _mails, help="Separated by commas."),
        Field("sender", "Sender", _matching(_MAIL, "Write one e-mail address.")),
        Field("smtp_host", "Mail server", _host),
        Field("smtp_port", "Port", _port, help="587 for starttls, 465 for tls."),
        Field("smtp_security", "Encryption", _security, help="none: only inside one machine.", choices=SECURITY),
        Field("smtp_user", "User", _plain, required=False, help="Empty: the server asks for none."),
        Field("smtp_password", "Password", _plain, secret=True, required=False),
    ),
    ChannelKind.TELEGRAM: (
        Field(
            "telegram_chat", "Chat", _matching(_TELEGRAM_CHAT, "Write the chat's number, or @name of a public channel.")
        ),
        Field(
            "telegram_token",
            "Bot token",
            _matching(_TELEGRAM_TOKEN, "Copy the token as BotFather shows it: 123456789:AA…"),
            secret=True,
        ),
    ),
    ChannelKind.SLACK: (Field("slack_hook", "Incoming webhook", _slack, secret=True),),
    ChannelKind.DISCORD: (Field("discord_hook", "Webhook", _discord, secret=True),),
    ChannelKind.WEBHOOK: (
        Field(
            "address",
            "Address",
            https_address,
            secret=True,
            help="https only, no redirects. Addresses of private networks are refused, except hosts in "
            "ALERT_WEBHOOK_HOSTS.",
        ),
        Field("signing_secret", "Signing secret", _signing_secret, secret=True, help="Requests are signed with it."),
    ),
}
FIELD_NAMES = tuple(field.name for fields in FIELDS.values() for field in fields)
SECRET_NAMES = tuple(field.name for fields in FIELDS.values() for field in fields if field.secret)


def check_target(kind: ChannelKind, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The canonical fields of a target, and the problems by field. No problem quotes a secret."""
    good: dict[str, str] = {}
    problems: dict[str, str] = {}
    for field in FIELDS[kind]:
        text = (values.get(field.name) or "").strip()
        try:
            if len(text) > MAX_LENGTH:
                raise ValueError(f"At most {MAX_LENGTH} characters.")
            if text:
                good[field.name] = field.check(text)
            elif field.required:
                raise ValueError("This is needed.")
        except ValueError as e:
            problems[field.name] = str(e) if e.args else "This has no valid form."
    return good, problems


def shown(kind: ChannelKind, target: Mapping[str, str]) -> str:
    """What may be shown of a target's secret part: its last four characters, and the host of a webhook."""
    last = {
        ChannelKind.EMAIL: target.get("smtp_password", ""),
        ChannelKind.TELEGRAM: target.get("telegram_token", ""),
        ChannelKind.SLACK: target.get("slack_hook", ""),
        ChannelKind.DISCORD: target.get("discord_hook", ""),
        ChannelKind.WEBHOOK: target.get("signing_secret", ""),
    }[kind]
    return f"••••{last[-4:]}" if len(last) >= 8 else "••••" if last else ""
