"""Connections to a PostgreSQL that is there no more without having said so."""

import select
import time

import psycopg
import pytest
from django.db import connection
from psycopg_pool import ConnectionPool

from chaos.proxy import Mode, running_proxy
from chaos.servers import short_folder
from routing_platform import databases
from routing_platform.databases import BoundedConnection, database_config


@pytest.fixture
def link(db):
    """A proxy in front of the test database, and how to connect through it."""
    current = connection.settings_dict
    host, port = str(current["HOST"]), current["PORT"] or 5432
    target = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{host or '127.0.0.1'}:{port}"
    with short_folder() as folder, running_proxy(folder, {"postgres": target}) as proxy:
        yield proxy, {
            "host": "127.0.0.1", "port": proxy.ports["postgres"], "dbname": current["NAME"], "user": current["USER"],
            "password": current["PASSWORD"],
        }  # fmt: skip


def test_a_silent_connection_is_given_up_and_closed(link, monkeypatch):
    proxy, address = link
    monkeypatch.setattr(databases, "ANSWER_WITHIN_S", 0.3)
    with BoundedConnection.connect(**address, autocommit=True) as bounded:
        assert bounded.execute("SELECT 1").fetchone() == (1,)
        proxy.switch("postgres", Mode.BLACK_HOLE)

        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            bounded.execute("SELECT 1")

        assert time.monotonic() - began >= 0.3
        assert bounded.closed


def test_a_connection_is_asked_whether_it_lives_unless_it_answered_a_moment_ago(link, monkeypatch):
    proxy, address = link
    monkeypatch.setattr(databases, "ANSWER_WITHIN_S", 0.3)
    with BoundedConnection.connect(**address, autocommit=True) as bounded:
        assert bounded.execute("SELECT 1").fetchone() == (1,)
        proxy.switch("postgres", Mode.BLACK_HOLE)

        ConnectionPool.check_connection(bounded)
        monkeypatch.setattr(databases, "ALIVE_FOR_S", 0.0)

        with pytest.raises(psycopg.OperationalError):
            ConnectionPool.check_connection(bounded)


def test_a_connection_that_the_server_closed_is_not_taken_for_alive(link):
    _, address = link
    with BoundedConnection.connect(**address, autocommit=True) as bounded:
        (pid,) = bounded.execute("SELECT pg_backend_pid()").fetchone()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        assert select.select([bounded.fileno()], [], [], 5)[0]

        with pytest.raises(psycopg.OperationalError):
            ConnectionPool.check_connection(bounded)


def test_every_connection_of_the_platform_is_bounded_and_asked_for_again_soon():
    pool = database_config("postgres://u:p@db:5432/routing", pool_size=5)["OPTIONS"]["pool"]

    assert pool["connection_class"] is BoundedConnection
    assert pool["reconnect_timeout"] <= 10
