"""Who tells that the scheduler, the messages or the last worker are gone? Celery cannot: each process looks itself.

While all is well this costs one small query every WATCH_S; evaluating is left to beat and the workers.
"""

import threading

import structlog
from django.db import Error as DatabaseError
from django.db import close_old_connections, connections
from django.utils import timezone

from execution.models import Heartbeat
from execution.selectors.attention import BEAT, SILENT_AFTER_S, WORKER
from execution.selectors.canaries import deaf_queues, heard
from execution.services.alerts.deliver import send_due
from execution.services.alerts.evaluate import evaluate

logger = structlog.get_logger(__name__)

WATCH_S = 5.0
NEEDED = ("health", "background")
"""The queues that evaluating and sending wait in."""


def celery_is_out() -> bool:
    """Whether nobody evaluates and sends: no beat, no worker, or their messages do not arrive. One query."""
    beats, now = list(Heartbeat.objects.all()), timezone.now()
    for kind in (BEAT, WORKER):
        seen = max((beat.seen_at for beat in beats if beat.kind == kind), default=None)
        if seen is None or (now - seen).total_seconds() > SILENT_AFTER_S:
            return True
    return bool(set(NEEDED) & set(deaf_queues(heard(beats), now)))


def watch_once() -> bool:
    """Evaluate and send if Celery does not; whether that was so."""
    if not celery_is_out():
        return False
    evaluate()
    send_due()
    return True


def start_watch() -> threading.Thread:
    """Watch for as long as the process lives. Never call it before a fork."""
    thread = threading.Thread(target=_watch, name="alert-watch", daemon=True)
    thread.start()
    return thread


def _watch() -> None:
    pause = threading.Event()
    while not pause.wait(WATCH_S):
        try:
            close_old_connections()
            watch_once()
        except DatabaseError as e:
            logger.warning("alert_watch_without_database", error=type(e).__name__)
        except Exception:
            logger.exception("alert_watch_failed")  # the edge of a thread that must not end
        finally:
            connections.close_all()
