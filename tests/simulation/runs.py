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

    parts: int = 0
    of_parts: int = 0
    """Orders of parts."""

    reached: Counter[str] = field(default_factory=Counter)

    def add(self, world: World) -> None:
        """Count a world that has run."""
        self.seeds += 1
        self.signals += len(world.signals)
        self.orders += len(world.database.orders)
        self.parts += sum(row.parent is not None for row in world.database.signals.values())
        self.of_parts += sum(row.signal.parent is not None for row in world.database.orders.values())
        self.placements += world.truth.placements
        self.events += world.loop.events
        self.virtual_s += world.loop.now
        self.unlucky += world.truth.reached["unknown"]
        self.reached.update(world.truth.reached)
        self.reached.update(f"signal {row.status}" for row in world.signals)


def run_seed(seed: int, signals: int, *, broken: Broken = NOTHING, parts: bool = False) -> World:
    """Run one world to its end. parts: signals are traded in parts. Raises Violation."""
    world = World(seed, signals, broken=broken, parts=parts)
    world.run()
    return world


def run_seeds(seeds: Iterable[int], signals: int, *, parts: bool = False) -> Figures:
    """Run many; a failing one raises AssertionError with the whole story of the signal it happened to."""
    figures = Figures()
    for seed in seeds:
        try:
            figures.add(run_seed(seed, signals, parts=parts))
        except Violation as e:
            raise AssertionError(story(seed, signals, parts=parts)) from e
    return figures


def told(seed: int, signals: int) -> list[str]:
    """Everything that happens in one world, a line each."""
    lines: list[str] = []
    World(seed, signals, tell=lambda signal, text: lines.append(f"{signal:3} {text}")).run()
    return lines


def story(seed: int, signals: int, *, broken: Broken = NOTHING, parts: bool = False) -> str:
    """Run a failing seed again and tell what happened to the signal that it failed for."""
    lines: list[tuple[int, str]] = []
    world = World(seed, signals, broken=broken, parts=parts, tell=lambda signal, text: lines.append((signal, text)))
    try:
        world.run()
    except Violation as e:
        told = [text for signal, text in lines if signal == -1 or signal % 1000 == e.signal % 1000]
        return "\n".join(
            [
                f"seed {seed}: {e}",
                *told,
                f"Again: python -m tests.simulation --seed {seed} --orders {signals}{' --parts' * parts}",
            ]
        )
    return f"seed {seed} breaks no rule"
