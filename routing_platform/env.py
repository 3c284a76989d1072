"""Every environment variable the platform reads: its type, its default and what it is for.

`docs/configuration.md` is printed from this table (`python -m routing_platform.env`), so there is one place to look.
`NAME_FILE=/run/secrets/x` reads the value from a file (Docker and Kubernetes secrets).
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

import environ
from django.core.exceptions import ImproperlyConfigured

from routing_platform.local import paths

BASE_DIR = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable. `required`: must be set when DEBUG is off."""

    cast: Any
    default: Any
    help: str
    required: bool = False


VARIABLES: dict[str, Variable] = {
    "DEBUG": Variable(bool, False, "Development mode. Never on in production: error pages show settings."),
    "SECRET_KEY": Variable(str, "", "Signs sessions and CSRF tokens. 50 random characters.", required=True),
    "CREDENTIAL_KEYS": Variable(
        list,
        [],
        "Key-encryption keys for exchange secrets, newest first: `id:base64 of 32 bytes`, comma-separated. "
        "Make one with `manage.py new_credential_key`. Keep it out of database backups.",
        required=True,
    ),
    "DATABASE_URL": Variable(str, "", "PostgreSQL: `postgres://user:password@host:5432/name`.", required=True),
    "REDIS_URL": Variable(str, "", "Redis or Valkey: `redis://host:6379/0` or `unix:///path/to.sock`.", required=True),
    "ALLOWED_HOSTS": Variable(list, [], "Host names the site answers to, comma-separated.", required=True),
    "CSRF_TRUSTED_ORIGINS": Variable(list, [], "Origins such as `https://desk.example.com`, comma-separated."),
    "BEHIND_TLS_PROXY": Variable(
        bool, False, "On when a proxy ends TLS and sets X-Forwarded-Proto (and strips it from clients)."
    ),
    "INSECURE_HTTP": Variable(
        bool, False, "Allow plain HTTP with DEBUG off: no HTTPS redirect, cookies without Secure. For localhost only."
    ),
    "ENVIRONMENT_NAME": Variable(str, "", "Label in the admin's header: `Live`, `Staging`, …"),
    "ALLOWED_EXCHANGES": Variable(
        list,
        ["binance", "bybit", "okx", "kucoin", "kraken", "firi", "coinbase", "alpaca"],
        "Exchanges that may be enabled at all on this installation, comma-separated slugs.",
    ),
    "DEFAULT_EXCHANGE": Variable(
        str, "binance", "Default exchange of a fresh installation; later edited in the admin."
    ),
    "EXCHANGE_BASE_URLS": Variable(
        dict[str, str],
        {},
        'JSON: `{"binance": "http://127.0.0.1:9101"}` sends an exchange\'s requests to another host '
        "(simulator, sandbox proxy). Never taken from the database.",
    ),
    "PUBLIC_KEYS": Variable(
        dict[str, dict[str, str]],
        {},
        "JSON: keys with read permission for exchanges whose market data wants keys, as "
        '`{"alpaca": {"api_key": "…", "secret": "…"}}`.',
    ),
    "FIRI_SIGNED_ORDER": Variable(
        str, "first", "Where timestamp and validity stand in what is signed for Firi: `first`, `last` or `sorted`."
    ),
    "FIRI_VALIDITY_UNIT": Variable(str, "ms", "Unit in which Firi reads a signature's validity: `ms` or `s`."),
    "EXCHANGE_TIMEOUT_S": Variable(
        float, 5.0, "Seconds to wait for one answer of an exchange; a list of all its pairs may take 15."
    ),
    "RATE_LIMIT_SHARE": Variable(
        float,
        0.8,
        "Part of every exchange's published request limits that this installation uses. Leave room for other software "
        "with the same IP address or keys. Above 1 only against simulated exchanges.",
    ),
    "ORDER_VALIDITY_S": Variable(
        float, 5.0, "Seconds after which an exchange must refuse an order that arrives late (where it can)."
    ),
    "LOOK_UP_INTERVAL_S": Variable(
        float,
        5.0,
        "Seconds between look-ups of an order whose outcome is unknown. Those that conclude 'not placed' are spread "
        "over this times (LOOK_UPS_TO_CONCLUDE - 1): 10 s as installed.",
    ),
    "LOOK_UPS_TO_CONCLUDE": Variable(
        int, 3, "Clean look-ups in a row that must all say 'not there' before an order counts as not placed."
    ),
    "ATTENTION_AFTER_S": Variable(float, 300.0, "Seconds after which an order of unknown outcome asks for a person."),
    "EXECUTOR_BATCH": Variable(int, 100, "Orders one claim takes at the most."),
    "EXECUTOR_MAX_IN_FLIGHT": Variable(int, 600, "Unanswered orders one worker process holds at the most."),
    "WEB_THREADS": Variable(int, 16, "Threads of each web process; half of them may hold long polls."),
    "MAX_BODY_BYTES": Variable(int, 1_048_576, "Largest request body the API reads; larger ones get 413."),
    "TRUSTED_PROXY_COUNT": Variable(
        int, 0, "Proxies in front whose X-Forwarded-For entry is believed; 0 takes the socket's address."
    ),
    "ALERT_WEBHOOK_HOSTS": Variable(
        list,
        [],
        "Hosts that alerts may be sent to (webhooks, mail servers) although their addresses are private, "
        "comma-separated.",
    ),
    "MARKET_DATA_PAIRS": Variable(
        list,
        ["BTC/USDT", "ETH/USDT", "ETH/BTC"],
        "Pairs whose order books are always followed, comma-separated; pairs of recent signals and of open positions "
        "are followed as well.",
    ),
    "KEEP_BOOKS_DAYS": Variable(
        int,
        30,
        "Days for which the order books behind a decision are kept, at least 1. Older decisions keep what was decided "
        "and why, and can no longer be replayed.",
    ),
    "WORKER_METRICS_PORT": Variable(
        int, 0, "Port on which a worker, or the market data process, serves its metrics; 0 turns that off."
    ),
    "LOG_LEVEL": Variable(str, "INFO", "DEBUG, INFO, WARNING or ERROR."),
    "LOG_JSON": Variable(bool, True, "JSON lines; off gives coloured text for people."),
}


def read_environment() -> dict[str, Any]:
    """The value of every variable. Raises ImproperlyConfigured with the full list of what is missing or wrong.

    A `.env` file in the project folder, or the `.local/env` that `make install` writes, fills in what the process
    environment does not set.
    """
    # Empty means "not set": compose files pass through variables that the host does not have.
    for name in VARIABLES:
        if os.environ.get(name) == "":
            del os.environ[name]
    if (BASE_DIR / ".env").is_file():
        environ.Env.read_env(BASE_DIR / ".env")
    elif paths.ENV_FILE.is_file():
        environ.Env.read_env(paths.ENV_FILE)
        os.environ.setdefault("DATABASE_URL", paths.database_url())
        os.environ.setdefault("REDIS_URL", paths.redis_url())
    env = environ.FileAwareEnv()
    values = {name: _read(env, name, variable) for name, variable in VARIABLES.items()}
    missing = [name for name, variable in VARIABLES.items() if variable.required and not values[name]]
    if missing and not values["DEBUG"]:
        raise ImproperlyConfigured(
            f"Set {', '.join(missing)} (see docs/configuration.md), or run `make install` for a local set-up."
        )
    return values


def _read(env: Any, name: str, variable: Variable) -> Any:
    try:
        if variable.cast is bool:
            return _boolean(env(name, default=str(variable.default)), name)
        if variable.cast is list:
            return [item.strip() for item in env.list(name, default=variable.default) if item.strip()]
        if get_origin(variable.cast) is dict:
            return env.json(name, default=variable.default)
        return variable.cast(env(name, default=variable.default))
    except ValueError as e:
        raise ImproperlyConfigured(f"{name} is not a valid {_type_name(variable)}: {e}") from e


def _boolean(text: str, name: str) -> bool:
    if text.lower() in {"true", "1", "on", "yes"}:
        return True
    if text.lower() in {"false", "0", "off", "no"}:
        return False
    raise ImproperlyConfigured(f"{name} was {text!r}, use True or False.")


def _type_name(variable: Variable) -> str:
    return "JSON object" if get_origin(variable.cast) is dict else variable.cast.__name__


def as_markdown() -> str:
    """The table of docs/configuration.md."""
    rows = ["| variable | type | default | what it is for |", "|---|---|---|---|"]
    for name, variable in VARIABLES.items():
        default = "**required**" if variable.required else f"`{_default_text(variable)}`"
        rows.append(f"| `{name}` | {_type_name(variable)} | {default} | {variable.help} |")
    return "\n".join(rows)


def _default_text(variable: Variable) -> str:
    text = ",".join(variable.default) if isinstance(variable.default, list) else str(variable.default)
    return text or "(empty)"


if __name__ == "__main__":
    print(as_markdown())
