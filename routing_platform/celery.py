"""The Celery application: the hands of the platform. The database is the queue; a message is only a wake-up."""

import gc
import os

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_ready, worker_shutting_down

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "routing_platform.settings")

app = Celery("routing_platform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def _start_executor(**_: object) -> None:
    """Each worker process runs one executor from the start, before there is a broker: it sweeps for work by itself."""
    from execution.services import process
    from execution.services.alerts.watch import start_watch
    from routing_platform.metrics_server import start_metrics_server

    process.executor()
    start_metrics_server()
    start_watch()
    _calm_garbage_collector()


def _calm_garbage_collector() -> None:
    """What is loaded now stays: looking through all of it again and again takes a tenth of the executor's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@worker_ready.connect
def _first_checks(**_: object) -> None:
    """Beat's first tick comes a whole interval after its start; a fresh installation should not wait for it."""
    app.send_task("execution.tasks.refresh_markets")
    app.send_task("execution.tasks.poll_health")
    app.send_task("execution.tasks.count_volumes")
    app.send_task("execution.tasks.send_canaries")


@worker_shutting_down.connect
def _stop_executor(**_: object) -> None:
    from execution.services import process

    process.stop()


@setup_logging.connect
def _keep_our_logging(**_: object) -> None:
    """Connected so that Celery leaves the logging that the settings configured alone."""
