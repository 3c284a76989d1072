"""gunicorn for the web processes: threads, because a signal's path is one short SQL statement."""

import os
import shutil
from pathlib import Path
from typing import Any

bind = os.environ.get("WEB_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_PROCESSES", "2"))
threads = int(os.environ.get("WEB_THREADS") or "16")
worker_class = "gthread"
keepalive = 30
timeout = 60
graceful_timeout = 30
max_requests = 0
accesslog = None
loglevel = "warning"

_metrics_dir = os.environ.get("PROMETHEUS_MULTIPROC_DIR")


def on_starting(server: Any) -> None:
    """Counters of an earlier run would be added to ours."""
    if _metrics_dir:
        shutil.rmtree(_metrics_dir, ignore_errors=True)
        Path(_metrics_dir).mkdir(parents=True)


def post_worker_init(worker: Any) -> None:
    """When no worker and no beat is left, the web processes are the ones that tell people."""
    from execution.services.alerts.watch import start_watch

    start_watch()


def child_exit(server: Any, worker: Any) -> None:
    """Forget the gauges of a process that is gone."""
    if _metrics_dir:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
