"""Plain SQL for read models that the ORM cannot say in one statement."""

from typing import Any

from django.db import connection


def fetch(statement: str, params: dict[str, Any]) -> list[Any]:
    """Run one statement and return its rows as tuples."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())
