"""Celery tasks: doors to services, nothing else. No task argument ever holds more than a name."""

import structlog
from celery import shared_task
from django.utils import timezone

from execution.services import heartbeat, housekeeping, process
from policies.snapshot import current_policy

logger = structlog.get_logger(__name__)


@shared_task(name="execution.tasks.wake_executor")
def wake_executor() -> None:
    """Signals were stored."""
    process.executor().wake()


@shared_task(name="execution.tasks.wake_executor_urgently")
def wake_executor_urgently() -> None:
    """Exits, stops or cancels were stored; the same, on a queue that entries cannot clog."""
    process.executor().wake()


@shared_task(name="execution.tasks.poll_health")
def poll_health() -> None:
    """Check every exchange that is due. Two beats are harmless: the second finds nothing due."""
    heartbeat.beat("beat", kind="beat", started_at=timezone.now())
    housekeeping.poll_health(process.executor(), current_policy())


@shared_task(name="execution.tasks.refresh_markets")
def refresh_markets() -> None:
    """Read the pairs of every exchange whose list is old."""
    housekeeping.refresh_markets(process.executor(), current_policy())


@shared_task(name="execution.tasks.check_credentials")
def check_credentials() -> None:
    """Ask the exchanges about new keys, and about all keys once a day."""
    housekeeping.check_credentials(process.executor())


@shared_task(name="execution.tasks.prune")
def prune() -> None:
    """Delete health samples that nobody will look at again."""
    housekeeping.prune()
