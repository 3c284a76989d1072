"""`python -m chaos.mutated NAME[,NAME…] MODULE ARGUMENTS…`: apply patches to production code, then run a module.

For example `python -m chaos.mutated blind_retry celery -A routing_platform worker`. The production code has no switch
for any of this.

`python -m chaos.mutated --serve` loads everything once and forks a process per line of JSON on stdin, so that twenty
mutants need not be imported twenty times.
"""

import importlib
import json
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from routing_platform.local import children


def main() -> None:
    """Patch, then become `python -m MODULE ARGUMENTS`; or serve."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "routing_platform.settings")
    import django

    django.setup()
    if sys.argv[1:] == ["--serve"]:
        serve()
        return
    names, module, *arguments = sys.argv[1:]
    become(names.split(","), module, arguments)


def become(names: Sequence[str], module: str, arguments: Sequence[str]) -> None:
    """Apply the patches and run the module as `python -m` does."""
    from chaos.mutants import apply

    for name in names:
        apply(name)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def serve() -> None:
    """Answer each order (see `_fork`) with the process id of the child."""
    for name in ("celery.bin.celery", "gunicorn.app.wsgiapp", "execution.services.process"):
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    for line in sys.stdin:
        print(_fork(json.loads(line)), flush=True)


def _fork(order: Mapping[str, Any]) -> int:
    """order: patches, command (after `python -m`), environment, log."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        children.die_with_parent(signal.SIGKILL)()
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        _read_environment_again(order["environment"])
        module, *arguments = order["command"]
        become(order["patches"], module, arguments)
        code = 0
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _read_environment_again(environment: Mapping[str, str]) -> None:
    """The settings were read when this process was loaded; what a scenario changes must count."""
    from django.conf import settings

    from routing_platform.env import read_environment

    os.environ.update(environment)
    settings.ENV.update(read_environment())


if __name__ == "__main__":
    main()
