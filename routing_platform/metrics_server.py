"""A worker's metrics over HTTP."""

import structlog
from django.conf import settings
from prometheus_client import start_http_server

logger = structlog.get_logger(__name__)

_started: list[object] = []


def start_metrics_server() -> None:
    """Serve /metrics on WORKER_METRICS_PORT, if one is set."""
    port: int = settings.ENV["WORKER_METRICS_PORT"]
    if port and not _started:
        _started.append(start_http_server(port))
        logger.info("metrics_served", port=port)
