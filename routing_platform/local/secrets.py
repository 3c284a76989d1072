"""Writes `.local/env`: generated secrets for a local installation."""

import base64
import os
import secrets

from routing_platform.local import paths


def ensure_env_file() -> None:
    """Create `.local/env` once, readable by its owner only. An existing file is kept: it holds the credential key."""
    (paths.BASE_DIR / "staticfiles").mkdir(exist_ok=True)  # whitenoise warns without it; the finders serve the files
    if paths.ENV_FILE.exists():
        return
    paths.LOCAL_DIR.mkdir(parents=True, exist_ok=True)
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    lines = [
        "# Written once by `make install` for this machine. Lose CREDENTIAL_KEYS and stored exchange keys are lost.",
        f"SECRET_KEY={secrets.token_urlsafe(50)}",
        f"CREDENTIAL_KEYS=local:{key}",
        "ALLOWED_HOSTS=localhost,127.0.0.1",
        "INSECURE_HTTP=True",
        "ENVIRONMENT_NAME=Local",
        "LOG_JSON=False",
    ]
    descriptor = os.open(paths.ENV_FILE, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(lines) + "\n")
