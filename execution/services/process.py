"""The one executor of this process."""

import threading

from django.conf import settings

from execution.exchanges.firi_auth import FieldOrder, FiriSigning
from execution.services.executor import Executor, ExecutorOptions
from execution.services.executor.checker import CheckOptions

_lock = threading.Lock()
_executor: Executor | None = None


def executor() -> Executor:
    """This process's executor, started if need be. Never call it before a fork."""
    global _executor
    with _lock:
        if _executor is None:
            _executor = Executor(options_from_settings())
            _executor.start()
        return _executor


def stop() -> None:
    """Let the executor finish what is in flight and end it, if there is one."""
    global _executor
    with _lock:
        if _executor is not None:
            _executor.stop()
            _executor = None


def options_from_settings() -> ExecutorOptions:
    """What the environment says."""
    env = settings.ENV
    return ExecutorOptions(
        base_urls=env["EXCHANGE_BASE_URLS"],
        redis_url=settings.REDIS_URL,
        rate_limit_share=env["RATE_LIMIT_SHARE"],
        timeout_s=env["EXCHANGE_TIMEOUT_S"],
        validity_s=env["ORDER_VALIDITY_S"],
        checks=CheckOptions(
            look_up_interval_s=env["LOOK_UP_INTERVAL_S"],
            look_ups_to_conclude=env["LOOK_UPS_TO_CONCLUDE"],
            attention_after_s=env["ATTENTION_AFTER_S"],
        ),
        batch=env["EXECUTOR_BATCH"],
        max_in_flight=env["EXECUTOR_MAX_IN_FLIGHT"],
        public_secrets=env["PUBLIC_KEYS"],
        firi=FiriSigning(FieldOrder(env["FIRI_SIGNED_ORDER"]), env["FIRI_VALIDITY_UNIT"]),
    )
