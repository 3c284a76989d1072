"""Runs every mutant through the scenario aimed at it, and the unmutated code through all of them."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from chaos import report
from chaos.arena import Arena, arena, forget_connections, tail
from chaos.mutants import MUTANTS, Mutant
from chaos.run import collect
from chaos.scenarios import SCENARIOS, SLOTS_AT_BINANCE, Scenario, Stage, environment_of
from chaos.verdict import Invariant, Verdict, judge
from chaos.zygote import running_zygote

CONTROL_WITHIN_S = 40.0
READY_WITHIN_S = 60.0
_AT_ANY_TIME = frozenset({Invariant.ONCE, Invariant.NOT_GUESSED, Invariant.WITHIN_PARENT, Invariant.INTENT_FIRST})
"""Invariants that need no quiet: one violation is enough, at whatever moment."""

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One scenario played to one build. problem: why it could not be played."""

    verdict: Verdict
    seconds: float
    problem: str = ""

    @property
    def caught_by(self) -> str:
        """The invariants that failed, as they are named."""
        return ", ".join(sorted({finding.invariant.split()[0] for finding in self.verdict.findings}))

    @property
    def first(self) -> str:
        """The first finding."""
        return self.verdict.findings[0].text if self.verdict.findings else self.problem


def list_mutants(console: Console) -> int:
    """Print what there is."""
    table = Table("mutant", "the rule it breaks", "scenario")
    for mutant in MUTANTS.values():
        table.add_row(mutant.name, mutant.rule, mutant.scenario)
    console.print(table)
    return 0


def run_mutants(console: Console, names: Sequence[str], note: Note) -> int:
    """Run the named mutants, or all; 1 if one escapes or the control fails."""
    unknown = set(names) - set(MUTANTS)
    if unknown:
        console.print(f"[red]No mutant is called {', '.join(sorted(unknown))}. See: python -m chaos mutants --list")
        return 2
    began = time.monotonic()
    chosen = [MUTANTS[name] for name in names] if names else list(MUTANTS.values())
    controls, caught = _run_all(chosen, note)
    console.print(_table(chosen, controls, caught))
    healthy = all(run.verdict.holds and not run.problem for run in controls.values())
    escaped = [mutant.name for mutant in chosen if caught[mutant.name].verdict.holds]
    took = time.monotonic() - began
    _write(chosen, controls, caught, took)
    for name, run in controls.items():
        if run.first:
            console.print(f"[red]The unmutated code fails '{name}': {run.first}", markup=True)
    for name in escaped:
        console.print(f"[red]✘ {name} escaped. {caught[name].problem}")
    if healthy and not escaped:
        console.print(f"[green]✔[/] {len(chosen)} of {len(chosen)} mutants caught; the control passes. {took:.0f} s.")
    return 0 if healthy and not escaped else 1


def _run_all(chosen: Sequence[Mutant], note: Note) -> tuple[dict[str, Run], dict[str, Run]]:
    first = SCENARIOS[chosen[0].scenario]
    with ExitStack() as exits:
        everything = exits.enter_context(
            arena(
                seed=1, environment=environment_of(first), simulator={"hold_ms": 2500}, users=1, web_processes=1,
                beat=False, note=note,
            )
        )  # fmt: skip
        zygote = exits.enter_context(running_zygote(everything.worker_environment))
        for process in everything.platform.processes.values():
            process.launch = zygote.launch
            process.environment = {k: v for k, v in process.environment.items() if "PROMETHEUS" not in k}
        note("starting web and workers")
        _limit_slots()
        everything.platform.start()
        everything.wait_until_usable()
        controls, caught = {}, {}
        for name in dict.fromkeys(mutant.scenario for mutant in chosen):
            note(f"control · {name}")
            controls[name] = _run(everything, SCENARIOS[name], None, CONTROL_WITHIN_S)
        for number, mutant in enumerate(chosen, 1):
            note(f"{number} of {len(chosen)} · {mutant.name} · {mutant.scenario}")
            scenario = SCENARIOS[mutant.scenario]
            within_s = max(scenario.seconds, 1.5 * controls[scenario.name].seconds + 1)
            caught[mutant.name] = _run(everything, scenario, mutant, within_s)
        everything.platform.end()
    return controls, caught


def _limit_slots() -> None:
    from policies.models import Exchange

    Exchange.objects.filter(slug="binance").update(max_in_flight=SLOTS_AT_BINANCE)
    forget_connections()


def _run(everything: Arena, scenario: Scenario, mutant: Mutant | None, within_s: float) -> Run:
    try:
        _restart(everything, scenario, mutant)
        stage = Stage(everything, mutant.name if mutant else "control")
        began = time.monotonic()
        scenario.play(stage)
        verdict = _watch(everything, stage, scenario, within_s)
    except (RuntimeError, OSError) as e:
        logs = "".join(f"\n--- {n}\n{tail(p.log, 5)}" for n, p in everything.platform.processes.items())
        return Run(Verdict(), 0.0, f"{e}{logs}")
    return Run(verdict, time.monotonic() - began)


def _restart(everything: Arena, scenario: Scenario, mutant: Mutant | None) -> None:
    platform = everything.platform
    web = platform.processes["web"]
    patches = (mutant.name,) if mutant is not None else ()
    workers = [name for name in platform.processes if name.startswith("worker")]
    # Web is only started anew where it changes.
    wanted = patches if mutant is not None and mutant.web else ()
    changed = ["web"] if tuple(web.patches) != wanted else []
    platform.end([*workers, *changed])
    web.patches = wanted
    everything.reset(seed=1)
    for name in workers:
        process = platform.processes[name]
        process.patches = ("hasty", *(patches if mutant is not None and not mutant.web else ()))
        process.environment = {**process.environment, **environment_of(scenario)}
    platform.start([*workers, *changed])
    deadline = time.monotonic() + READY_WITHIN_S
    stage = Stage(everything, "")
    while stage.count("SELECT count(*) FROM execution_heartbeat WHERE kind = 'worker'") < len(workers):
        if time.monotonic() > deadline or any(platform.processes[n].running.poll() is not None for n in workers):  # type: ignore[union-attr]
            raise RuntimeError("the workers did not start")
        time.sleep(0.02)
    everything.wait_until_usable()


def _watch(everything: Arena, stage: Stage, scenario: Scenario, within_s: float) -> Verdict:
    """Until something is violated, or all is final and nothing more is to come, or the time is over."""
    began = time.monotonic()
    while True:
        everything.platform.tick()
        elapsed = time.monotonic() - began
        final = everything.unfinished() == 0 and elapsed >= scenario.watch_s
        evidence = collect(everything, None)
        evidence.accepted, evidence.broken = stage.promises.accepted, stage.promises.broken
        verdict = judge(evidence)
        if final or elapsed > within_s:
            return verdict
        early = [finding for finding in verdict.findings if finding.invariant in _AT_ANY_TIME]
        if early or evidence.broken:
            return Verdict([*early, *(f for f in verdict.findings if f.invariant == Invariant.IDEMPOTENT)])
        time.sleep(0.1)


def _table(chosen: Sequence[Mutant], controls: dict[str, Run], caught: dict[str, Run]) -> Table:
    table = Table(title="Mutants: one broken rule each", title_justify="left")
    for column in ("mutant", "rule it breaks", "scenario", "caught by", "s"):
        table.add_column(column, justify="right" if column == "s" else "left")
    for mutant in chosen:
        run = caught[mutant.name]
        how = f"[green]{run.caught_by}" if not run.verdict.holds else "[red]escaped"
        table.add_row(mutant.name, mutant.rule, mutant.scenario, how, f"{run.seconds:.1f}")
    table.add_section()
    for name, run in controls.items():
        how = (
            "[green]nothing, as it must be" if run.verdict.holds and not run.problem else f"[red]{run.caught_by or '?'}"
        )
        table.add_row("– none –", "", name, how, f"{run.seconds:.1f}")
    return table


def _write(chosen: Sequence[Mutant], controls: dict[str, Run], caught: dict[str, Run], took: float) -> None:
    report.write(
        "mutants",
        {
            "took_s": round(took, 1),
            "caught": {m.name: caught[m.name].caught_by or None for m in chosen},
            "control": {name: run.verdict.holds and not run.problem for name, run in controls.items()},
        },
    )
