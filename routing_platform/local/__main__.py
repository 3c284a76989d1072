"""`python -m routing_platform.local`: the platform on one machine, from nothing."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from rich.console import Console

from routing_platform.local.binaries import BinaryMissing
from routing_platform.local.secrets import ensure_env_file
from routing_platform.local.services import StartFailed as ServiceStartFailed
from routing_platform.local.services import running_services
from routing_platform.local.stack import StartFailed, running_stack

console = Console(highlight=False, width=None if sys.stdout.isatty() else 170)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands; the exit code."""
    options = _parser().parse_args(arguments)
    ensure_env_file()
    if options.command == "init":
        return 0
    try:
        with _services():
            return int(options.run(options) or 0)
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return 130
    except (BinaryMissing, ServiceStartFailed, StartFailed, TimeoutError, RuntimeError) as e:
        console.print(f"[red]{e}")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m routing_platform.local",
        description="PostgreSQL, Valkey and the platform's processes on this machine. DATABASE_URL and REDIS_URL, if "
        "set, name existing servers to use instead of the embedded ones.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init", help="write .local/env with generated secrets")
    for name, run, text in (
        ("services", _run_services, "run PostgreSQL and Valkey until Ctrl+C"),
        ("exec", _run_command, "run a command with PostgreSQL and Valkey up"),
        ("run", _run_platform, "run the whole platform with simulated exchanges until Ctrl+C"),
        ("demo", _run_demo, "the same, and submit five signals first"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        if name == "exec":
            command.add_argument("arguments", nargs=argparse.REMAINDER, help="-- COMMAND [ARG …]")
        if name in {"run", "demo"}:
            command.add_argument("--port", type=int, default=8000, help="of the web site (default: 8000)")
        if name == "demo":
            command.add_argument("--once", action="store_true", help="stop after the five signals")
    return parser


@contextmanager
def _services() -> Iterator[None]:
    from routing_platform.env import read_environment

    read_environment()  # a .env file may name other servers
    with running_services() as environment:
        os.environ.update(environment)
        yield


def _run_services(_: argparse.Namespace) -> None:
    console.print(f"PostgreSQL and Valkey are up. DATABASE_URL={os.environ['DATABASE_URL']}")
    _forever()


def _run_command(options: argparse.Namespace) -> int:
    command = [argument for argument in options.arguments if argument != "--"]
    return subprocess.run(command, check=False).returncode


def _run_platform(options: argparse.Namespace) -> None:
    _start(options, once=False, play=False)


def _run_demo(options: argparse.Namespace) -> int:
    return 0 if _start(options, once=options.once, play=True) else 1


def _start(options: argparse.Namespace, *, once: bool, play: bool) -> bool:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "routing_platform.settings")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    django.setup()
    from routing_platform.local import demo, installation

    with console.status("preparing the database …"):
        installed = installation.prepare_database()
    with ExitStack() as context:
        with console.status("starting exchanges, web, worker, beat and market data …"):
            stack = context.enter_context(
                running_stack(
                    port=0 if once else options.port,
                    simulator={},
                    before_start=installation.open_accounts,
                    market_data=True,
                )
            )
        good = demo.play(stack, installed.token, console) if play else True
        if not once:
            console.print(f"Admin:  {stack.url}/admin/  user admin, password {installed.admin_password}")
            console.print(f"API:    {stack.url}/api/docs  token {installed.token}")
            console.print("Logs:   .local/log/  Ctrl+C stops everything.")
            _forever()
        return good


def _forever() -> None:
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main())
