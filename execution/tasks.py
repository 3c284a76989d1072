"""Celery tasks: doors to services, nothing else. No task argument ever holds more than a name."""

import structlog
from celery import shared_task
from django.utils import timezone

from execution.domain import queues
from execution.services import alerts, heartbeat, housekeeping, process
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


@shared_task(name="execution.tasks.evaluate_alerts")
def evaluate_alerts() -> None:
    """Look at what alert rules watch. Beat's next tick sends the notices if this message gets lost."""
    if alerts.evaluate():
        send_alerts.apply_async(retry=False, expires=10)


@shared_task(name="execution.tasks.send_alerts")
def send_alerts() -> None:
    """Send the notices that are due. Two at once are harmless: a notice is claimed by one."""
    alerts.send_due()


@shared_task(name="execution.tasks.send_canaries")
def send_canaries() -> None:
    """One message through every queue: a worker that is alive and deaf is told from one that listens."""
    for queue in queues.QUEUES:
        canary.apply_async((queue,), queue=queue, expires=queues.CANARY_EVERY_S * 2)


@shared_task(name="execution.tasks.canary")
def canary(queue: str) -> None:
    """This queue delivers. A queue that this version does not know (any more) is not worth a row."""
    if queue not in queues.QUEUES:
        logger.warning("canary_of_unknown_queue", queue=str(queue)[:100])
        return
    heartbeat.beat(queues.canary_name(queue), kind="canary", started_at=timezone.now())


@shared_task(name="execution.tasks.count_volumes")
def count_volumes() -> None:
    """Add up what accounts traded in 30 days: their fees depend on it."""
    housekeeping.count_volumes()


@shared_task(name="execution.tasks.measure_costs")
def measure_costs() -> None:
    """Work out what executions cost, and look where prices went a minute after them."""
    housekeeping.measure_costs()


@shared_task(name="execution.tasks.prune")
def prune() -> None:
    """Add up what is kept by the hour, and delete what nobody will look at again."""
    housekeeping.roll_up()
    housekeeping.prune()
