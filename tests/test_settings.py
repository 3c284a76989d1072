"""The environment: what is missing or wrong is said, and nothing starts half-configured."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from routing_platform import redis_urls
from routing_platform.databases import database_config

ROOT = Path(__file__).resolve().parent.parent
GOOD = {
    "SECRET_KEY": "x" * 50,
    "CREDENTIAL_KEYS": "k:" + "A" * 43 + "=",
    "DATABASE_URL": "postgres://u:p@db:5432/routing",
    "REDIS_URL": "redis://redis:6379/0",
    "ALLOWED_HOSTS": "desk.example.com",
}


def check(**environment):
    """Import the settings in a fresh process as if neither `.env` nor `.local` were there."""
    script = (
        "import routing_platform.local.paths as p, pathlib; p.ENV_FILE = pathlib.Path('/nowhere');"
        "import routing_platform.env as e; e.BASE_DIR = pathlib.Path('/nowhere');"
        "import routing_platform.settings as s; print(s.SECURE_SSL_REDIRECT, s.DATABASES['default']['HOST'])"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)


def test_a_complete_environment_starts_with_https():
    done = check(**GOOD)

    assert (done.returncode, done.stdout) == (0, "True db\n"), done.stderr


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_secret_is_named(name):
    done = check(**{**GOOD, name: ""})

    assert done.returncode != 0
    assert f"Set {name} (see docs/configuration.md)" in done.stderr


def test_everything_that_is_missing_is_named_at_once():
    assert "Set SECRET_KEY, CREDENTIAL_KEYS, DATABASE_URL, REDIS_URL, ALLOWED_HOSTS" in check().stderr


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"DEBUG": "yes please"}, "DEBUG was 'yes please', use True or False."),
        ({"EXCHANGE_TIMEOUT_S": "soon"}, "EXCHANGE_TIMEOUT_S is not a valid float"),
        ({"EXCHANGE_BASE_URLS": "{"}, "EXCHANGE_BASE_URLS is not a valid JSON object"),
        ({"PUBLIC_KEYS": "alpaca"}, "PUBLIC_KEYS is not a valid JSON object"),
        ({"DATABASE_URL": "sqlite:///x.db"}, "PostgreSQL is the only database"),
    ],
)
def test_a_wrong_value_is_explained(wrong, message):
    done = check(**{**GOOD, **wrong})

    assert done.returncode != 0
    assert message in done.stderr


def test_a_secret_may_come_from_a_file(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("y" * 50)

    assert check(**{**GOOD, "SECRET_KEY": "", "SECRET_KEY_FILE": str(secret)}).returncode == 0


@pytest.mark.parametrize(
    ("url", "cache", "celery"),
    [
        ("redis://h:6379/0", "redis://h:6379/1", "redis://h:6379/0"),
        ("redis://h:6379", "redis://h:6379/1", "redis://h:6379"),
        ("unix:///run/v.sock", "unix:///run/v.sock?db=1", "redis+socket:///run/v.sock?virtual_host=0"),
        ("unix:///run/v.sock?db=4", "unix:///run/v.sock?db=5", "redis+socket:///run/v.sock?virtual_host=4"),
    ],
)
def test_one_redis_url_serves_cache_and_broker(url, cache, celery):
    assert (redis_urls.with_database(url, 1), redis_urls.for_celery(url)) == (cache, celery)


def test_a_socket_folder_is_a_host():
    config = database_config("postgres://routing@/routing?host=/run/pg", pool_size=5)

    assert (config["HOST"], config["NAME"], config["OPTIONS"]["pool"]["max_size"]) == ("/run/pg", "routing", 5)


def test_a_redis_url_that_only_celery_understands_is_refused_with_the_spelling_that_works():
    done = check(**GOOD | {"REDIS_URL": "redis+socket:///run/valkey.sock?virtual_host=0"})

    assert done.returncode != 0
    assert "REDIS_URL must look like redis://host:6379/0" in done.stderr
