"""All that runs during a test: servers, proxy, simulator, platform."""

import base64
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from chaos import platform as platforms
from chaos.platform import Platform
from chaos.proxy import Proxy, running_proxy
from chaos.servers import Server, running_postgres, running_valkey, short_folder
from chaos.world import PUBLIC_KEYS, World, create_users
from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator, running_simulator
from routing_platform.local import stack
from routing_platform.local.api_client import ApiClient

READY_WITHIN_S = 90.0


@dataclass(slots=True)
class Arena:
    """Everything, and the handles to break it with. `database_url` goes past the proxy."""

    folder: Path
    postgres: Server
    redis: Server
    proxy: Proxy
    simulator: RunningSimulator
    platform: Platform
    world: World
    database_url: str
    web_environment: Mapping[str, str]
    worker_environment: Mapping[str, str]

    @property
    def control(self) -> SimulatorControl:
        """The simulated exchanges."""
        return self.simulator.control

    def reset(self, seed: int) -> None:
        """No signals, fresh money, exchanges as at the start. Nothing of the platform may run."""
        self.proxy.mend()
        self.control.reset(seed)
        self.world.open_accounts(self.control)
        with psycopg.connect(self.database_url) as connection:
            connection.execute(f"TRUNCATE {', '.join(_tables())} CASCADE")

    def mend_exchange(self, exchange: str, setting: str) -> None:
        """Switch an outage off."""
        self.control.configure(exchange, **{setting: False})

    def client(self, user: int = 0, timeout_s: float = 5.0) -> ApiClient:
        """A client of the API."""
        return ApiClient(self.platform.url, self.world.tokens[user], timeout_s)

    def unfinished(self) -> int | None:
        """Signals and orders that are not final; None while the database does not answer."""
        query = (
            "SELECT (SELECT count(*) FROM execution_signal WHERE final_at IS NULL)"
            " + (SELECT count(*) FROM execution_order WHERE final_at IS NULL)"
        )
        try:
            with psycopg.connect(self.database_url, connect_timeout=2) as connection:
                row = connection.execute(query).fetchone()
        except psycopg.Error:
            return None
        return int(row[0]) if row else None

    def wait_until_usable(self, tick: Callable[[], None] = lambda: None, within_s: float = READY_WITHIN_S) -> None:
        """Until web answers and every exchange has been checked and its pairs are known."""
        deadline = time.monotonic() + within_s
        state: object = "no answer"
        while time.monotonic() < deadline:
            tick()
            self.platform.tick()
            if stack.ready_checks(self.platform.url).get("database") == "ok":
                rows = self.client().get("/api/exchanges/status").body
                state = {row["exchange"]: (row["usable"], row["markets"]) for row in rows}
                if all(usable and markets for usable, markets in state.values()):
                    return
            time.sleep(0.1)
        logs = "".join(f"\n--- {name}\n{tail(process.log)}" for name, process in self.platform.processes.items())
        raise RuntimeError(f"The platform was not usable within {within_s:.0f} s: {state}{logs}")


def _tables() -> list[str]:
    """The executor's tables but those that do not depend on a seed: what exchanges list, how they fare, who we are."""
    from django.apps import apps

    kept = {"Market", "ExchangeHealth", "HealthSample", "HealthEvent", "Installation"}
    models = apps.get_app_config("execution").get_models()
    return [model._meta.db_table for model in models if model.__name__ not in kept]


def tail(path: Path, lines: int = 12) -> str:
    """The end of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


def _secrets() -> dict[str, str]:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "CREDENTIAL_KEYS": f"chaos:{key}",
        "ALLOWED_HOSTS": "127.0.0.1",
        "INSECURE_HTTP": "True",
        "LOG_LEVEL": "WARNING",
        "LOG_JSON": "True",
        "RATE_LIMIT_SHARE": "1000",
        "PUBLIC_KEYS": json.dumps(PUBLIC_KEYS),
    }


@contextmanager
def arena(
    *,
    seed: int,
    environment: Mapping[str, str],
    simulator: Mapping[str, object],
    users: int,
    workers: int = 2,
    web_processes: int = 2,
    beat: bool = True,
    patches: Sequence[str] = (),
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[Arena]:
    """Start everything but the platform's processes. Replaces DATABASE_URL and REDIS_URL of this process.

    environment: settings of the platform. simulator: its options. patches: see `chaos.mutated`.
    """
    with ExitStack() as exits:
        folder = exits.enter_context(short_folder())
        note("starting exchanges, PostgreSQL and Valkey")
        running = exits.enter_context(running_simulator(seed=seed, **simulator))
        pg_folder = folder / "pg"
        pg_folder.mkdir(mode=0o755)
        redis_server, redis_url = exits.enter_context(running_valkey(folder))
        postgres, database_url = exits.enter_context(running_postgres(pg_folder))
        targets = {"web-postgres": str(pg_folder / ".s.PGSQL.5432"), "web-redis": redis_url.removeprefix("unix://")}
        targets |= {"worker-postgres": targets["web-postgres"], "worker-redis": targets["web-redis"]}
        targets |= {slug: url.removeprefix("http://") for slug, url in running.base_urls.items()}
        proxy = exits.enter_context(running_proxy(folder, targets))
        common = {**_secrets(), **environment}
        common["EXCHANGE_BASE_URLS"] = json.dumps(
            {slug: f"http://127.0.0.1:{proxy.ports[slug]}" for slug in running.base_urls}
        )
        os.environ.update({**common, "DATABASE_URL": database_url, "REDIS_URL": redis_url})
        note("creating tables, users and accounts")
        world = _prepare(users)
        world.open_accounts(running.control)
        port = stack.free_port()
        web = {**common, **_through(proxy, "web"), "WEB_BIND": f"127.0.0.1:{port}"}
        web |= {"WEB_PROCESSES": str(web_processes), "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics")}
        worker = {**common, **_through(proxy, "worker")}
        processes = platforms.processes(folder, web=web, workers=worker, count=workers, beat=beat, patches=patches)
        platform = Platform(f"http://127.0.0.1:{port}", processes)
        platform.random.seed(f"restarts:{seed}")
        exits.callback(platform.end)
        yield Arena(folder, postgres, redis_server, proxy, running, platform, world, database_url, web, worker)


def _through(proxy: Proxy, side: str) -> dict[str, str]:
    return {
        "DATABASE_URL": f"postgres://routing@127.0.0.1:{proxy.ports[f'{side}-postgres']}/routing",
        "REDIS_URL": f"redis://127.0.0.1:{proxy.ports[f'{side}-redis']}/0",
    }


def _prepare(users: int) -> World:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "routing_platform.settings"
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    world = create_users(users)
    forget_connections()
    return world


def forget_connections() -> None:
    """Close this process's database connections: the server may be stopped at any time."""
    from django.db import connection

    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL's wrapper
