"""Which platform this is: the id that keeps its orders apart from another platform's in the same account."""

import threading
from uuid import UUID

from django.db import transaction

from execution.models import Installation
from execution.services.sql import fetch

_lock = threading.Lock()
_known: UUID | None = None


def installation_id() -> UUID:
    """Made once, with the database, and restored with it. Read once per process."""
    global _known
    if _known is None:
        with _lock:
            _known = _known or the_installation().id
    return _known


def the_installation() -> Installation:
    """The one row, made if need be."""
    row = Installation.objects.first()
    return row or _make()


@transaction.atomic
def _make() -> Installation:
    fetch("SELECT pg_advisory_xact_lock(hashtext('installation'))", {})
    return Installation.objects.first() or Installation.objects.create()


def forget() -> None:
    """Drop what this process knows (tests)."""
    global _known
    _known = None
