"""One seed of one tier: start everything, load it, break it, let it be quiet, judge it."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from chaos.arena import Arena, arena, forget_connections
from chaos.breaker import Breaker
from chaos.evidence import Evidence, gather
from chaos.load import Load, plan
from chaos.schedule import EXCHANGES, PLACEMENT_FAULTS, Fault, Tier, schedule
from chaos.verdict import Verdict, judge
from chaos.world import World

TICK_S = 0.05
QUIET_WITHIN_S = 150.0
USUAL_START_S = 8.0
"""What a start takes on two idle cores. Where it takes longer, killed processes are away longer, too."""

SLOWEST_PACE = 4.0
LEAST_UNDER_ATTACK = 0.5
LEAST_FAULTS = 0.1
"""Shares of all placements that must have been made while things were broken, and that must have failed somehow. With
less a run without violations proves nothing: the attack met a platform that stood still."""

Note = Callable[[str], None]


@dataclass(slots=True)
class Outcome:
    """What one seed came to. figures: for people and .local/chaos.json."""

    seed: int
    verdict: Verdict
    evidence: Evidence
    faults: list[Fault]
    figures: dict[str, float] = field(default_factory=dict)
    weakness: str = ""
    """Why it proves nothing although nothing was found; empty if it does."""


def tier_arena(tier: Tier, seed: int, note: Note) -> AbstractContextManager[Arena]:
    """What a tier runs in; one for all its seeds."""
    # Late orders arrive after their sender has given up, and before their validity ends.
    simulator = {"hold_ms": 3000, "late_ms": 1300}
    patches = ("short_waits",) if tier.short_waits else ()
    return arena(
        seed=seed, environment=tier.environment, simulator=simulator, users=tier.users, patches=patches, note=note
    )


def run_seed(everything: Arena, seed: int, tier: Tier, note: Note, pace: float | None = None) -> Outcome:
    """Run one seed of a tier on fresh tables and fresh exchanges.

    pace: how many times longer load and faults are stretched; None measures how slow this machine is.
    """
    began = time.monotonic()
    everything.reset(seed)
    note("starting web, workers and beat")
    everything.platform.start()
    everything.wait_until_usable()
    started = time.monotonic()
    pace = pace or round(min(max(1.0, (started - began) / USUAL_START_S), SLOWEST_PACE), 1)
    tier = replace(tier, seconds=tier.seconds * pace)
    faults = schedule(seed, tier)
    load, breaker, mended_at = _attack(everything, seed, tier, faults, note)
    attacked = time.monotonic()
    # Exchanges go on failing until the last signal has ended: what was late must not find easier times.
    _wait_until_quiet(everything, note)
    for exchange in EXCHANGES:
        everything.control.configure(exchange, fault_rate=0)
    evidence = collect(everything, load)
    evidence.mended_at = mended_at
    evidence.never_accepted = load.promises.given_up
    figures = {
        "seed": seed,
        "pace": pace,
        "placements": len(evidence.placements),
        "under_attack": sum(placement.placed_at <= mended_at for placement in evidence.placements),
        "signals": len(evidence.signals),
        "faults": len(faults),
        "kills": breaker.kills,
        "given_up": len(load.promises.given_up),
        "start_s": started - began,
        "attack_s": attacked - started,
        "quiet_s": time.monotonic() - attacked,
        "placement_faults": sum(sum(stats["faults"].values()) for stats in everything.control.stats().values()),
    }
    everything.platform.end()
    rounded = {name: round(value, 1) for name, value in figures.items()}
    return Outcome(seed, judge(evidence), evidence, faults, rounded, weakness(rounded))


def weakness(figures: Mapping[str, float]) -> str:
    """Why these figures would prove nothing, or an empty text."""
    placements = figures["placements"]
    if figures["under_attack"] < LEAST_UNDER_ATTACK * placements or not placements:
        return (
            f"only {figures['under_attack']:.0f} of {placements:.0f} placements were made while things were broken: "
            "the machine is too slow or too busy (--pace stretches the attack)"
        )
    if figures["placement_faults"] < LEAST_FAULTS * placements:
        return f"only {figures['placement_faults']:.0f} of {placements:.0f} placements failed somehow"
    return ""


def _attack(
    everything: Arena, seed: int, tier: Tier, faults: list[Fault], note: Note
) -> tuple[Load, Breaker, datetime]:
    for exchange in EXCHANGES:
        rate = sum(PLACEMENT_FAULTS.values()) / 100
        everything.control.configure(exchange, fault_rate=rate, fault_weights=dict(PLACEMENT_FAULTS))
    posts = plan(seed, tier.orders, tier.seconds, tier.users)
    load = Load(everything.platform.url, everything.world.tokens, posts, mids(everything), seed)
    breaker = Breaker(everything, faults)
    load.start()
    breaker.start()
    while not breaker.over or breaker.elapsed < tier.seconds:
        everything.platform.tick()
        for fault in breaker.tick():
            note(f"{len(load.promises.accepted):,} of {tier.orders:,} accepted · {fault}")
        time.sleep(TICK_S)
    breaker.mend()
    mended_at = datetime.now(UTC)
    load.mended()
    # A load that failed must not look like a calm run: `running` raises.
    while load.running:
        everything.platform.tick()
        note(f"all mended · {len(load.promises.accepted):,} of {tier.orders:,} accepted")
        time.sleep(TICK_S)
    heard = len(load.promises.accepted) + len(load.promises.given_up) + len(load.promises.broken)
    if heard < tier.orders:
        raise RuntimeError(f"only {heard} of {tier.orders} signals were posted")
    return load, breaker, mended_at


def mids(everything: Arena) -> dict[tuple[str, str], float]:
    """The middle of every market that resting orders use."""
    found = {}
    for exchange, settings in everything.control.exchanges().items():
        for symbol in settings["symbols"]:
            book = everything.control.book(exchange, symbol)
            if book["bids"] and book["asks"]:
                found[exchange, symbol] = (float(book["bids"][0][0]) + float(book["asks"][0][0])) / 2
    return found


def _wait_until_quiet(everything: Arena, note: Note) -> None:
    deadline = time.monotonic() + QUIET_WITHIN_S
    while time.monotonic() < deadline:
        everything.platform.tick()
        left = everything.unfinished()
        if left == 0:
            return
        note(f"all mended · {left if left is not None else '?'} signals and orders not final yet")
        time.sleep(0.2)


def collect(everything: Arena, load: Load | None) -> Evidence:
    """Both sides as they are now."""
    evidence = gather(everything.control, EXCHANGES, beginnings(everything.world))
    forget_connections()
    if load is not None:
        evidence.accepted, evidence.broken = load.promises.accepted, load.promises.broken
    return evidence


def beginnings(world: World) -> dict[tuple[str, str], Decimal]:
    """What all accounts together began with."""
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for account in world.accounts:
        for asset, amount in account.balances.items():
            found[account.exchange, asset] += Decimal(amount)
    return dict(found)
