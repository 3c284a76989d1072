"""Where the local stack keeps its files."""

import hashlib
import os
import tempfile
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent
LOCAL_DIR = BASE_DIR / ".local"
ENV_FILE = LOCAL_DIR / "env"
POSTGRES_DIR = LOCAL_DIR / "postgres"
LOG_DIR = LOCAL_DIR / "log"

# A unix socket's path may have 107 bytes (104 on macOS); the longest name put into the folder is `.s.PGSQL.5432.lock`.
_LONGEST_FOLDER = 80


def socket_dir() -> Path:
    """The folder of the sockets: `.local/run`, or a short temporary one when the checkout's path is long."""
    folder = LOCAL_DIR / "run"
    if len(os.fsencode(folder)) <= _LONGEST_FOLDER:
        return folder
    digest = hashlib.sha256(os.fsencode(LOCAL_DIR)).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"routing-{os.getuid()}-{digest}"


def database_url(name: str = "routing") -> str:
    """URL of the embedded PostgreSQL."""
    return f"postgres://routing@/{name}?host={socket_dir()}"


def valkey_dir(name: str = "valkey") -> Path:
    """Where an embedded Valkey keeps its data."""
    return LOCAL_DIR / name


def valkey_socket(name: str = "valkey") -> Path:
    """Where an embedded Valkey listens."""
    return socket_dir() / f"{name}.sock"


def redis_url(name: str = "valkey") -> str:
    """URL of an embedded Valkey."""
    return f"unix://{valkey_socket(name)}"
