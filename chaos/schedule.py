"""What is broken, when and for how long: a pure function of seed and tier."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from chaos.proxy import Mode

EXCHANGES = ("binance", "bybit", "okx", "kucoin", "kraken", "firi", "coinbase", "alpaca")
WORKERS = ("worker1", "worker2")
LINKS = ("web-postgres", "worker-postgres", "web-redis", "worker-redis", *EXCHANGES)

PLACEMENT_FAULTS: Mapping[str, float] = {
    "timeout_after": 4.0,
    "disconnect_after": 4.0,
    "error_503_after": 4.0,
    "error_500_before": 4.0,
    "late": 4.0,
}
"""Percent of all placements: 8 placed without an answer, 4 placed and answered 503, 4 failed and not placed, 4 placed
late, after the sender has given up."""


class Kind(StrEnum):
    """One way of breaking something. Those with a length last `seconds`; the others happen once."""

    KILL_WORKER = "kill worker"
    TERMINATE_WORKER = "restart worker"
    FREEZE_WORKER = "freeze worker"
    KILL_WEB = "kill web"
    KILL_WEB_PROCESS = "kill web process"
    FREEZE_WEB = "freeze web"
    KILL_REDIS = "kill redis"
    FREEZE_REDIS = "freeze redis"
    STOP_POSTGRES = "stop postgres"
    LINK = "link"
    EXCHANGE_DOWN = "exchange down"
    EXCHANGE_MAINTENANCE = "exchange maintenance"


KILLS = frozenset({Kind.KILL_WORKER, Kind.KILL_WEB, Kind.KILL_WEB_PROCESS, Kind.KILL_REDIS, Kind.STOP_POSTGRES})


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """at, seconds: since the start of the load, and how long. mode, delay_s: of a link."""

    at: float
    kind: Kind
    target: str
    seconds: float = 0.0
    mode: Mode | None = None
    delay_s: float = 0.0

    @property
    def until(self) -> float:
        """When it is over."""
        return self.at + self.seconds

    def __str__(self) -> str:
        how = f" {self.mode}" if self.mode else ""
        length = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.at:6.1f} s  {self.kind} {self.target}{how}{length}"


@dataclass(frozen=True, slots=True)
class Tier:
    """How much. seconds: how long signals are posted and things broken. faults: kind, or link and mode -> how often."""

    name: str
    orders: int
    seconds: float
    faults: Mapping[Kind, int]
    links: Mapping[tuple[str, Mode], int]
    users: int = 8
    runs: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    short_waits: bool = False
    """Whether waits that protect against clocks and leases are shortened (see `chaos.mutants.short_waits`)."""


_LENGTHS: Mapping[Kind, tuple[float, float]] = {
    Kind.FREEZE_WORKER: (1.0, 6.0),
    Kind.FREEZE_WEB: (1.0, 4.0),
    Kind.KILL_REDIS: (0.5, 3.0),
    Kind.FREEZE_REDIS: (2.0, 5.0),
    Kind.STOP_POSTGRES: (0.3, 2.0),
    Kind.EXCHANGE_DOWN: (2.0, 6.0),
    Kind.EXCHANGE_MAINTENANCE: (2.0, 5.0),
}
_LINK_LENGTHS: Mapping[Mode, tuple[float, float]] = {
    Mode.CUT: (0.05, 1.5),
    Mode.BLACK_HOLE: (1.5, 4.0),
    Mode.HALF_CLOSE: (0.5, 2.0),
    Mode.REFUSE: (0.5, 2.5),
    Mode.STALL: (1.0, 3.5),
    Mode.SLOW: (2.0, 5.0),
    Mode.LATENCY: (2.0, 5.0),
}
_DELAYS: Mapping[Mode, float] = {Mode.SLOW: 0.05, Mode.LATENCY: 0.3}
ANY_EXCHANGE = "exchange"

_QUICK_FAULTS = {
    Kind.KILL_WORKER: 6,
    Kind.TERMINATE_WORKER: 1,
    Kind.FREEZE_WORKER: 2,
    Kind.KILL_WEB: 1,
    Kind.KILL_WEB_PROCESS: 2,
    Kind.FREEZE_WEB: 1,
    Kind.KILL_REDIS: 2,
    Kind.FREEZE_REDIS: 1,
    Kind.STOP_POSTGRES: 1,
    Kind.EXCHANGE_DOWN: 1,
    Kind.EXCHANGE_MAINTENANCE: 1,
}
_QUICK_LINKS = {
    ("web-postgres", Mode.CUT): 1,
    ("web-postgres", Mode.BLACK_HOLE): 1,
    ("worker-postgres", Mode.CUT): 1,
    ("worker-postgres", Mode.BLACK_HOLE): 1,
    ("worker-postgres", Mode.STALL): 1,
    ("worker-redis", Mode.HALF_CLOSE): 1,
    ("worker-redis", Mode.BLACK_HOLE): 1,
    ("web-redis", Mode.CUT): 1,
    (ANY_EXCHANGE, Mode.CUT): 2,
    (ANY_EXCHANGE, Mode.BLACK_HOLE): 2,
    (ANY_EXCHANGE, Mode.HALF_CLOSE): 2,
    (ANY_EXCHANGE, Mode.REFUSE): 1,
    (ANY_EXCHANGE, Mode.SLOW): 1,
    (ANY_EXCHANGE, Mode.STALL): 1,
    (ANY_EXCHANGE, Mode.LATENCY): 1,
}
_NIGHT_FAULTS = {
    Kind.KILL_WORKER: 60,
    Kind.TERMINATE_WORKER: 6,
    Kind.FREEZE_WORKER: 12,
    Kind.KILL_WEB: 4,
    Kind.KILL_WEB_PROCESS: 8,
    Kind.FREEZE_WEB: 6,
    Kind.KILL_REDIS: 8,
    Kind.FREEZE_REDIS: 4,
    Kind.STOP_POSTGRES: 5,
    Kind.EXCHANGE_DOWN: 6,
    Kind.EXCHANGE_MAINTENANCE: 4,
}
_WAITS = {"EXCHANGE_TIMEOUT_S": "1", "ORDER_VALIDITY_S": "2", "LOOK_UP_INTERVAL_S": "0.5", "ATTENTION_AFTER_S": "20"}

TIERS: Mapping[str, Tier] = {
    "quick": Tier("quick", 600, 32.0, _QUICK_FAULTS, _QUICK_LINKS, environment=_WAITS, short_waits=True),
    "night": Tier(
        "night", 5_000, 300.0, _NIGHT_FAULTS, {link: 4 * n for link, n in _QUICK_LINKS.items()}, runs=5,
        environment={**_WAITS, "ATTENTION_AFTER_S": "60"},
    ),
    "release": Tier(
        "release", 20_000, 900.0, {kind: 3 * n for kind, n in _NIGHT_FAULTS.items()},
        {link: 12 * n for link, n in _QUICK_LINKS.items()}, users=20,
        environment={"ATTENTION_AFTER_S": "120"},
    ),
}  # fmt: skip


def schedule(seed: int, tier: Tier) -> list[Fault]:
    """All faults in order of time. Each kind is spread over the whole length, so that none comes only at the end."""
    random = Random(f"schedule:{seed}:{tier.name}")  # noqa: S311 - repeatable on purpose
    faults: list[Fault] = []
    for kind, count in tier.faults.items():
        for number in range(count):
            seconds = random.uniform(*_LENGTHS[kind]) if kind in _LENGTHS else 0.0
            at = _moment(random, tier, number, count, seconds)
            faults.append(Fault(at, kind, _target(random, kind, number), round(seconds, 2)))
    for (link, mode), count in tier.links.items():
        for number in range(count):
            seconds = random.uniform(*_LINK_LENGTHS[mode])
            at = _moment(random, tier, number, count, seconds)
            target = random.choice(EXCHANGES) if link == ANY_EXCHANGE else link
            faults.append(Fault(at, Kind.LINK, target, round(seconds, 2), mode, _DELAYS.get(mode, 0.0)))
    return sorted(faults, key=lambda fault: (fault.at, fault.kind, fault.target))


def _moment(random: Random, tier: Tier, number: int, count: int, seconds: float) -> float:
    """A moment in the number-th of `count` equal parts, early enough to be over with the load."""
    length = max(tier.seconds - seconds - 1.0, 0.0) / count
    return round(0.5 + length * number + random.uniform(0, length), 2)


def _target(random: Random, kind: Kind, number: int) -> str:
    if kind in {Kind.KILL_WORKER, Kind.TERMINATE_WORKER, Kind.FREEZE_WORKER}:
        return WORKERS[number % len(WORKERS)]
    if kind in {Kind.EXCHANGE_DOWN, Kind.EXCHANGE_MAINTENANCE}:
        return random.choice(EXCHANGES)
    return {Kind.KILL_REDIS: "redis", Kind.FREEZE_REDIS: "redis", Kind.STOP_POSTGRES: "postgres"}.get(kind, "web")
