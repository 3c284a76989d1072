"""Compare many random splits with the slow reference: `python -m tests.domain.split_fuzz --count 10000 --seed 1`."""

import argparse
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction as F

from execution.domain.split import solve_instance
from tests.domain.split_reference import Instance, best_plan, check_plan, random_instance

TOLERANCE_BPS = F(1, 100)


@dataclass
class Findings:
    """What a run of random instances showed. `worst_bps`: the largest cost above the optimum."""

    count: int = 0
    worst_bps: F = F(0)
    failures: list[tuple[str, Instance]] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    slowest_us: float = 0.0


def compare(instance: Instance, findings: Findings) -> None:
    """Solve one instance both ways and note the difference."""
    began = time.perf_counter()
    plan = solve_instance(instance)
    findings.slowest_us = max(findings.slowest_us, (time.perf_counter() - began) * 1e6)
    wrong, filled, cost = check_plan(instance, plan)
    most, least = best_plan(instance)
    findings.count += 1
    if wrong:
        findings.kinds["infeasible"] += 1
        findings.failures.append(("; ".join(wrong), instance))
    elif filled != most:
        findings.kinds["short"] += 1
        findings.failures.append((f"filled {filled}, could fill {most}", instance))
    elif least:
        gap = 10_000 * (cost - least) / abs(least)
        findings.worst_bps = max(findings.worst_bps, gap)
        if not 0 <= gap <= TOLERANCE_BPS:
            findings.kinds["dear"] += 1
            findings.failures.append((f"gap {float(gap)} bps", instance))


def fuzz(seed: int, count: int, **sizes: int) -> Findings:
    """Run `count` instances of one seed."""
    rng = random.Random(seed)
    findings = Findings()
    for _ in range(count):
        compare(random_instance(rng, **sizes), findings)
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--units", type=int, default=120, help="largest order, in finest lots")
    parser.add_argument("--exchanges", type=int, default=5)
    options = parser.parse_args()
    began = time.perf_counter()
    findings = fuzz(options.seed, options.count, most_units=options.units, most_exchanges=options.exchanges)
    print(
        f"{findings.count} instances, seed {options.seed}: {dict(findings.kinds) or 'all optimal'}, "
        f"worst gap {float(findings.worst_bps):.6f} bps, slowest {findings.slowest_us:.0f} us, "
        f"{time.perf_counter() - began:.0f} s"
    )
    for text, instance in findings.failures[:3]:
        print(text, json.dumps(instance))
    return 1 if findings.failures else 0


if __name__ == "__main__":
    sys.exit(main())
