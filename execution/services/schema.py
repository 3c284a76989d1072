"""Whether this process's code and the database's tables are of the same version.

A worker that was forgotten in an upgrade must not touch rows it does not understand: it claims nothing until it fits.
"""

from functools import lru_cache

import structlog
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

logger = structlog.get_logger(__name__)

APPS = ("policies", "execution")


def schema_fits() -> bool:
    """True when exactly the migrations this code knows are applied. One query."""
    applied = MigrationRecorder.Migration.objects.using(connection.alias).filter(app__in=APPS)
    found = frozenset(applied.values_list("app", "name"))
    wanted = _known_migrations()
    if found != wanted:
        logger.error(
            "schema_does_not_fit",
            missing=sorted(map("/".join, wanted - found)),
            unknown_here=sorted(map("/".join, found - wanted)),
            do="Run `manage.py migrate`, or start the worker with the code that the database was migrated for.",
        )
    return found == wanted


@lru_cache(maxsize=1)
def _known_migrations() -> frozenset[tuple[str, str]]:
    """What the migration folders hold; read once, so that files changed under a running process do not count."""
    loader = MigrationLoader(None)
    return frozenset(key for key in loader.disk_migrations if key[0] in APPS)
