"""python -m tests.simulation --seeds 5000: as many worlds as you have time for."""

import argparse
import sys
import time

from tests.simulation.runs import run_seed, run_seeds, story
from tests.simulation.truth import Violation


def main() -> int:
    """Exit code 1 when a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many worlds (default 1000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--orders", type=int, default=20, help="signals in each world (default 20)")
    parser.add_argument("--seed", type=int, help="this one only; tells the story of the signal that broke a rule")
    parser.add_argument("--parts", action="store_true", help="signals are traded in parts")
    options = parser.parse_args()
    if options.seed is not None:
        try:
            run_seed(options.seed, options.orders, parts=options.parts)
        except Violation:
            print(story(options.seed, options.orders, parts=options.parts))
            return 1
        print(f"seed {options.seed} breaks no rule")
        return 0
    began = time.perf_counter()
    try:
        figures = run_seeds(range(options.first, options.first + options.seeds), options.orders, parts=options.parts)
    except AssertionError as e:
        print(e)
        return 1
    took = time.perf_counter() - began
    print(
        f"{figures.seeds} seeds, {figures.signals} signals, {figures.orders} orders, {figures.placements} placements, "
        f"{figures.events} events, {figures.virtual_s / 3600:.1f} virtual hours in {took:.1f} s: "
        f"{figures.orders / took:.0f} orders/s, 0 rules broken"
    )
    if options.parts:
        print(f"{figures.parts} parts with {figures.of_parts} orders, 0 over-filled, all sums exact")
    print(", ".join(f"{name} {count}" for name, count in sorted(figures.reached.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
