"""Structured logs without secrets."""

import logging
import logging.config
import re
from collections.abc import MutableMapping
from typing import Any

import structlog
from django.http import HttpRequest

# Names of fields, headers and URL parameters whose value must never be written down.
_SECRET_NAME = r"(?:api[-_]?key|api[-_]?sign|secret|signature|password|passphrase|authorization|token|x-mbx-apikey)"
_SECRET_PAIR = re.compile(
    rf"(?i)(\b[\w-]*{_SECRET_NAME}[\w-]*[\"']?\s*[=:]\s*)([\"']?)(?:Token\s+|Bearer\s+)?[^\s\"'&,;}}]+"
)
# The address of a webhook is its secret, and Django logs the path of what it answers 5xx.
_SECRET_PATH = re.compile(r"(?i)(/webhooks/tradingview/)[^/\s\"'?]+")
_REDACTED = "[redacted]"


def redact(text: str) -> str:
    """`text` with the value of everything that looks like a secret replaced."""
    return _SECRET_PATH.sub(rf"\1{_REDACTED}", _SECRET_PAIR.sub(rf"\1\2{_REDACTED}", text))


def _redact_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if re.search(_SECRET_NAME, key, re.IGNORECASE) and key != "token_prefix":
            event[key] = _REDACTED
        elif isinstance(value, str):
            event[key] = redact(value)
        elif isinstance(value, HttpRequest):
            event[key] = redact(repr(value))  # written as its path
    return event


def configure_logging(*, level: str, as_json: bool) -> None:
    """One handler on stderr for structlog and stdlib loggers alike: JSON lines, or coloured text for people."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structured": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        # Plain text, before the redaction: structlog's own for people print local variables, keys too.
                        structlog.processors.format_exc_info,
                        _redact_event,
                        renderer,
                    ],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                # ccxt logs request headers, keys among them, at DEBUG (ccxt 4.5.90 base/exchange.py).
                "ccxt": {"level": "WARNING"},
                "django.request": {"level": "ERROR"},
                "celery.app.trace": {"level": "WARNING"},
                "celery.worker.strategy": {"level": "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
