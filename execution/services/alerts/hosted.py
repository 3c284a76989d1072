"""E-mail, Telegram, Slack and Discord through apprise. Loaded only where a notice is sent.

A notice is built from typed fields, never from an address that is written in a row: nobody can reach another of the
library's hundred services, or another host, through a channel.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from execution.services.alerts.addresses import resolve
from execution.services.alerts.errors import SendError
from policies.domain.alerts import ChannelKind

_TYPES = {"info": "info", "warning": "warning", "critical": "failure"}
_SECURE = {"starttls": "starttls", "tls": "ssl", "none": "insecure"}


class _Complaints(logging.Filter):
    """Where all that the library logs ends, for tokens are part of the addresses it tells.

    What it complains of while it sends is kept for the thread that sends: its only way to say why.
    """

    def __init__(self) -> None:
        super().__init__()
        self._of_thread = threading.local()

    @contextmanager
    def heard(self) -> Iterator[list[str]]:
        """The complaints of this thread from now on."""
        self._of_thread.lines = lines = list[str]()
        try:
            yield lines
        finally:
            del self._of_thread.lines

    def filter(self, record: logging.LogRecord) -> bool:
        lines, text = getattr(self._of_thread, "lines", None), record.getMessage()
        if lines is not None and (record.levelno >= logging.WARNING or text.startswith("Socket Exc")):
            lines.append(text)
        return False


_complaints = _Complaints()


def notify(
    kind: ChannelKind, target: Mapping[str, str], text: str, *, severity: str, timeout_s: float, recovered: bool = False
) -> None:
    """Send a text whose first line is its title. Raises SendError and NotAllowed."""
    if kind == ChannelKind.EMAIL:
        # The name is looked up again by the mail library; nothing but a banner could be learned in between.
        resolve(target["smtp_host"], int(target["smtp_port"]))
    title, _, body = text.partition("\n")
    send(plugin_for(kind, target, timeout_s=timeout_s), title, body, "success" if recovered else _TYPES[severity])


def send(plugin: Any, title: str, body: str, notify_type: str) -> None:
    """Let a plug-in deliver. Raises SendError with what the library complained of."""
    with _complaints.heard() as lines:
        try:
            sent = plugin.notify(title=title, body=body or title, notify_type=notify_type, body_format="text")
        except Exception as e:  # noqa: BLE001 the library's own errors are of many kinds; each is one failed attempt
            raise SendError(f"{type(e).__name__}: {e}") from e
    if not sent:
        raise SendError(" ".join(lines) or "It was not accepted.")


def plugin_for(kind: ChannelKind, target: Mapping[str, str], *, timeout_s: float) -> Any:
    """The library's sender for a target. Raises SendError when it does not take the fields."""
    from apprise import AppriseAsset

    _silence()
    asset = AppriseAsset(app_id="Routing platform", http_redirects=False, secure_logging=True)
    # Each sender by its own name: asking the library by scheme makes it load more than a hundred services first.
    module, name, fields = _BUILDERS[kind](target)
    sender = getattr(import_module(f"apprise.plugins.{module}"), name)
    half = str(timeout_s / 2)
    try:
        plugin = sender(**fields, asset=asset, format="text", cto=half, rto=half)
    except TypeError as e:
        raise SendError("The stored target is not complete.") from e
    if kind == ChannelKind.EMAIL:
        # The library knows the big providers and would put their servers in the place of the one that was written.
        plugin.smtp_host, plugin.port = target["smtp_host"], int(target["smtp_port"])
        plugin.secure_mode = _SECURE[target["smtp_security"]]
        plugin.user, plugin.password = target.get("smtp_user") or None, target.get("smtp_password") or None
    return plugin


_Built = tuple[str, str, dict[str, Any]]
"""Module, class and fields of a sender."""


def _email(target: Mapping[str, str]) -> _Built:
    fields = {
        "host": target["smtp_host"],
        "smtp_host": target["smtp_host"],
        "port": int(target["smtp_port"]),
        "user": target.get("smtp_user") or None,
        "password": target.get("smtp_password") or None,
        "from_addr": target["sender"],
        "targets": target["recipients"].split(", "),
        "secure_mode": _SECURE[target["smtp_security"]],
    }
    return "email", "NotifyEmail", fields


def _telegram(target: Mapping[str, str]) -> _Built:
    chat = [target["telegram_chat"]]
    fields = {"bot_token": target["telegram_token"], "targets": chat, "detect_owner": False, "preview": False}
    return "telegram", "NotifyTelegram", fields


def _slack(target: Mapping[str, str]) -> _Built:
    a, b, c = target["slack_hook"].split("/")
    return "slack", "NotifySlack", {"token_a": a, "token_b": b, "token_c": c, "include_image": False}


def _discord(target: Mapping[str, str]) -> _Built:
    hook, token = target["discord_hook"].split("/")
    fields = {"webhook_id": hook, "webhook_token": token, "avatar": False, "include_image": False}
    return "discord", "NotifyDiscord", fields


_BUILDERS = {
    ChannelKind.EMAIL: _email,
    ChannelKind.TELEGRAM: _telegram,
    ChannelKind.SLACK: _slack,
    ChannelKind.DISCORD: _discord,
}


def _silence() -> None:
    """Keep the library, and urllib3 under it, out of our logs."""
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    logger = logging.getLogger("apprise")
    logger.addFilter(_complaints)
    logger.setLevel(logging.DEBUG)  # what goes wrong on the way is logged as no more than that
