"""Running seeds, and telling what happened in one that failed."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.simulation.broken import NOTHING, Broken
from tests.simulation.truth import Violation
from tests.simulation.world import World


@dataclass(slots=True)
class Figures:
    """Sums over seeds."""

    seeds: int = 0
    signals: int = 0
    orders: int = 0
    placements: int = 0
    events: int = 0
    virtual_s: float = 0.0
    unlucky: int = 0
    """Orders whose outcome was unknown for a while."""

    reached: Counter[str] = field(default_factory=Counter)

    def add(self, world: World) -> None:
        """Count a world that has run."""
        self.seeds += 1
        self.signals += len(world.signals)
        self.orders += len(world.database.orders)
        self.placements += world.truth.placements
        self.events += world.loop.events
        self.virtual_s += world.loop.now
        self.unlucky += world.truth.reached["unknown"]
        self.reached.update(world.truth.reached)
        self.reached.update(f"signal {row.status}" for row in world.signals)


def run_seed(seed: int, signals: int, *, broken: Broken = NOTHING) -> World:
    """Run one world to its end. Raises Violation."""
    world = World(seed, signals, broken=broken)
    world.run()
    return world


def run_seeds(seeds: Iterable[int], signals: int) -> Figures:
    """Run many; a failing one raises AssertionError with the whole story of the signal it happened to."""
    figures = Figures()
    for seed in seeds:
        try:
            figures.add(run_seed(seed, signals))
        except Violation as e:
            raise AssertionError(story(seed, signals)) from e
    return figures


def told(seed: int, signals: int) -> list[str]:
    """Everything that happens in one world, a line each."""
    lines: list[str] = []
    World(seed, signals, tell=lambda signal, text: lines.append(f"{signal:3} {text}")).run()
    return lines


def story(seed: int, signals: int, *, broken: Broken = NOTHING) -> str:
    """Run a failing seed again and tell what happened to the signal that it failed for."""
    lines: list[tuple[int, str]] = []
    world = World(seed, signals, broken=broken, tell=lambda signal, text: lines.append((signal, text)))
    try:
        world.run()
    except Violation as e:
        told = [text for signal, text in lines if signal in {e.signal, -1}]
        return "\n".join(
            [f"seed {seed}: {e}", *told, f"Again: python -m tests.simulation --seed {seed} --orders {signals}"]
        )
    return f"seed {seed} breaks no rule"
