"""`make chaos`: never twice, never lost. The platform runs as processes, and everything it depends on is broken.

A quarter of all placements fails somehow; workers, web, Valkey and PostgreSQL are killed and frozen, links are cut,
black-holed and half-closed. After that the ledgers of eight simulated exchanges, the truth about what was placed, are
compared with the database, order by order. Exit code 1 and the seed to repeat it with if anything
differs; 2 if nothing does, but the attack met a platform that stood still.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from rich.console import Console

from chaos import report
from chaos.run import Outcome, run_seed, tier_arena
from chaos.schedule import TIERS, Tier

console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands; the exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers and folders are cleaned up then, too
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(run=_run_tier)
    sizes = "; ".join(f"{t.name}: {t.orders:,} orders in {t.seconds:.0f} s, {t.runs} seed(s)" for t in TIERS.values())
    parser.add_argument("--tier", choices=list(TIERS), default="quick", help=f"how much ({sizes})")
    parser.add_argument("--seed", type=int, default=1, help="first seed; the same seed breaks the same things (1)")
    parser.add_argument("--seeds", type=int, help="how many seeds, one after the other (the tier's)")
    parser.add_argument("--orders", type=int, help="signals of each seed (the tier's)")
    parser.add_argument("--pace", type=float, help="stretch load and faults so many times (measured at the start)")
    parser.add_argument("--soak-hours", type=float, default=0.0, help="go on with further seeds for so long (0)")
    commands = parser.add_subparsers(title="other tests", metavar="")
    outages = commands.add_parser(
        "outages", help="how the API fares while Valkey is gone, Valkey hangs and PostgreSQL is gone"
    )
    outages.add_argument("--seconds", type=float, default=120.0, help="length of each outage (120)")
    outages.set_defaults(run=_run_outages)
    mutants = commands.add_parser(
        "mutants", help="break one rule of the platform at a time: every mutant must be caught, or this test is blind"
    )
    mutants.add_argument("names", nargs="*", metavar="NAME", help="only these (all)")
    mutants.add_argument("--list", action="store_true", help="tell what there is")
    mutants.set_defaults(run=_run_mutants)
    return parser


def _run_tier(options: argparse.Namespace) -> int:
    tier = TIERS[options.tier]
    if options.orders:
        tier = replace(tier, seconds=tier.seconds * max(1.0, options.orders / tier.orders), orders=options.orders)
    count = options.seeds or tier.runs
    began = time.monotonic()
    outcomes: list[Outcome] = []
    with progress() as note, tier_arena(tier, options.seed, note) as everything:
        while len(outcomes) < count or time.monotonic() - began < options.soak_hours * 3600:
            seed = options.seed + len(outcomes)
            outcome = run_seed(everything, seed, tier, note, options.pace)
            outcomes.append(outcome)
            report.print_outcome(console, outcome, _command(options, tier, outcome))
    took = time.monotonic() - began
    report.write(tier.name, {"took_s": round(took, 1), "seeds": report.as_json(outcomes)})
    failed = [outcome.seed for outcome in outcomes if not outcome.verdict.holds]
    signals = sum(int(outcome.figures["signals"]) for outcome in outcomes)
    if failed:
        console.print(f"[red]✘ Violations with seed {', '.join(map(str, failed))}.[/] {took:.0f} s.")
        return 1
    weak = [outcome.seed for outcome in outcomes if outcome.weakness]
    if weak:
        console.print(f"[red]✘ Nothing was found, and nothing proved, with seed {', '.join(map(str, weak))}.[/]")
        return 2
    console.print(f"[green]✔[/] {signals:,} signals: none twice, none lost. {took:.0f} s. Written to .local/chaos.json")
    if tier.short_waits:
        console.print("[dim]This tier shortens leases and the waits before conclusions; night and release do not.")
    return 0


def _command(options: argparse.Namespace, tier: Tier, outcome: Outcome) -> str:
    orders = f" --orders {tier.orders}" if options.orders else ""
    pace = f" --pace {outcome.figures['pace']}"
    return f"python -m chaos --tier {tier.name} --seed {outcome.seed} --seeds 1{orders}{pace}"


def _run_outages(options: argparse.Namespace) -> int:
    from chaos.outages import run_outages

    with progress() as note:
        return run_outages(console, options.seconds, note)


def _run_mutants(options: argparse.Namespace) -> int:
    from chaos.mutant_runs import list_mutants, run_mutants

    if options.list:
        return list_mutants(console)
    with progress() as note:
        return run_mutants(console, options.names, note)


@contextmanager
def progress() -> "Iterator[Callable[[str], None]]":
    """A line that tells what is going on: live in a terminal, now and then in a log."""
    if console.is_terminal:
        with console.status("…") as status:
            yield lambda text: status.update(text)
        return
    told = 0.0

    def now_and_then(text: str) -> None:
        nonlocal told
        if time.monotonic() - told > 5:
            told = time.monotonic()
            console.print(text, markup=False)

    yield now_and_then


if __name__ == "__main__":
    sys.exit(main())
