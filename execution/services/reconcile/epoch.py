"""When a worker starts: has the platform been away, and is this database the one it left?

Away: no worker was seen for a while. Then every account is reconciled before it is used again.
Restored: the database stands behind what Redis remembers of it, or it is another PostgreSQL (system, timeline). Then
trading is halted as well, until a person releases it: what was placed since the backup is unknown here.
"""

from datetime import datetime, timedelta

import structlog
from django.db import Error as DatabaseError
from django.db import connection, transaction

from execution.models import Installation
from execution.services.heartbeat import beat
from execution.services.installation import the_installation
from execution.services.reconcile.orders import RESTORED as RESTORED
from execution.services.reconcile.witness import Witness
from execution.services.sql import execute, fetch
from policies.domain.policy import Scope, TradingStatus
from policies.services import set_trading_state

logger = structlog.get_logger(__name__)

AWAY_AFTER = timedelta(seconds=30)
"""Six missed heartbeats of every worker."""

LOOK_BACK = timedelta(minutes=10)
"""The exchanges are asked for orders from this long before the platform was last seen."""


def begin(name: str, started_at: datetime, witness: Witness) -> None:
    """A worker starts. Commits what must be reconciled before anything is claimed. Raises django.db.Error."""
    remembered = witness.remembered()
    with transaction.atomic():
        the_installation()
        row = Installation.objects.select_for_update().get()
        identity = _identity()
        now, seen = _last_seen()
        restored = _evidence(row, identity, remembered)
        if restored:
            restore_found(restored, since=seen or now)
        elif seen is not None and now - seen > AWAY_AFTER:
            away = f"No worker was seen for {int((now - seen).total_seconds())} s."
            require_all(reason=away, since=seen - LOOK_BACK)
        row.database_identity = identity or row.database_identity
        if seen is None or restored or now - seen > AWAY_AFTER:
            row.started_at = now
        if remembered is not None:
            row.ledger_position = max(row.ledger_position, remembered)  # the witness is heard once
        row.save()
        beat(name, kind="worker", started_at=started_at)


_ADVANCE = "UPDATE execution_installation SET ledger_position = ledger_position + 1 RETURNING ledger_position"


def advance(last: int, witness: Witness) -> int:
    """Called with every heartbeat: the ledger's position now; `last` is what this returned before.

    A position behind the last one: the database was replaced while this worker ran.
    """
    found = fetch(_ADVANCE, {})
    position = int(found[0][0]) if found else 0
    if position <= last:
        with transaction.atomic():
            now, seen = _last_seen()
            restore_found(f"its ledger went from position {last} back to {position}", since=seen or now)
            execute("UPDATE execution_installation SET ledger_position = %(last)s", {"last": last + 1})
        position = last + 1
    witness.remember(position)
    return position


def restore_found(evidence: str, *, since: datetime) -> None:
    """Halt everything and have every account reconciled: orders may exist that this database never heard of."""
    reason = f"{RESTORED}: {evidence}. Compare the exchanges under Needs attention, then release."
    logger.critical("database_restored", evidence=evidence)
    set_trading_state(scope=Scope.GLOBAL, target="", status=TradingStatus.HALTED, reason=reason, by=None)
    require_all(reason=f"{RESTORED}: {evidence}.", since=since - LOOK_BACK)


_REQUIRE = """
INSERT INTO execution_reconciliation (
    credential_id, user_id, exchange_id, required_at, since, reason, next_at, clean_at, last_error, orders_seen,
    orders_adopted)
SELECT id, user_id, exchange_id, clock_timestamp(), %(since)s, %(reason)s, clock_timestamp(), NULL, '', 0, 0
FROM policies_exchangecredential WHERE NOT frozen
ON CONFLICT (credential_id) DO UPDATE
SET required_at = EXCLUDED.required_at, reason = EXCLUDED.reason, next_at = EXCLUDED.next_at, clean_at = NULL,
    since = CASE WHEN execution_reconciliation.clean_at IS NULL
                 THEN LEAST(execution_reconciliation.since, EXCLUDED.since) ELSE EXCLUDED.since END
"""


def require_all(*, reason: str, since: datetime) -> int:
    """Every account is reconciled before it is used again; how many there are."""
    count = execute(_REQUIRE, {"reason": reason[:300], "since": since})
    logger.warning("reconciliation_required", accounts=count, reason=reason)
    return count


def _evidence(row: Installation, identity: str, remembered: int | None) -> str:
    if remembered is not None and remembered > row.ledger_position:
        return f"its ledger stands at {row.ledger_position}, and had been at {remembered}"
    if identity and row.database_identity and identity != row.database_identity:
        return f"PostgreSQL was {row.database_identity} and is {identity} (system and timeline)"
    return ""


def _last_seen() -> tuple[datetime, datetime | None]:
    """The database's time, and when any worker was last seen by it."""
    (row,) = fetch("SELECT clock_timestamp(), max(seen_at) FROM execution_heartbeat WHERE kind = 'worker'", {})
    return row[0], row[1]


def _identity() -> str:
    """The PostgreSQL system and timeline: they change when a dump is restored elsewhere or a standby takes over."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT s.system_identifier, c.timeline_id FROM pg_control_system() s, pg_control_checkpoint() c"
            )
            system, timeline = cursor.fetchone()
    except DatabaseError as e:
        logger.info("database_identity_unknown", error=str(e))  # a managed service may forbid the question
        return ""
    return f"{system}/{timeline}"
