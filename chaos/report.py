"""Prints verdicts: a table of the invariants, and for a failure all that is needed to look into it."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from chaos.evidence import Evidence, OrderFacts
from chaos.run import Outcome
from chaos.verdict import Finding, Invariant
from routing_platform.local import paths

_SHOWN = 8


def print_outcome(console: Console, outcome: Outcome, command: str) -> None:
    """One seed: its table, and its violations with the schedule and the orders' histories."""
    figures, verdict = outcome.figures, outcome.verdict
    title = (
        f"seed {outcome.seed}: {figures['signals']:,.0f} signals, {figures['faults']:,.0f} faults "
        f"({figures['kills']:.0f} kills), {figures['placement_faults']:,.0f} placements that failed somehow"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("invariant")
    table.add_column("looked at")
    table.add_column("violations", justify="right")
    for invariant in Invariant:
        count = verdict.count(invariant)
        table.add_row(invariant, verdict.checked.get(invariant, ""), f"[red]{count}" if count else "[green]0")
    console.print(table)
    share = figures["under_attack"] / max(1.0, figures["placements"])
    console.print(f"{share:.0%} of the placements while things were broken; pace {figures['pace']:.1f}.")
    if outcome.weakness:
        console.print(f"[red]This proves nothing: {outcome.weakness}.", markup=True)
    if verdict.holds:
        return
    console.print(f"\n[red]Violated. Repeat with: {command}")
    for finding in verdict.findings[:_SHOWN]:
        _print_finding(console, finding, outcome.evidence)
    if len(verdict.findings) > _SHOWN:
        console.print(f"… and {len(verdict.findings) - _SHOWN} more.")
    console.print("\nWhat was broken, in seconds since the first signal:")
    for fault in outcome.faults:
        console.print(f"  {fault}")


def _print_finding(console: Console, finding: Finding, evidence: Evidence) -> None:
    console.print(f"\n[red]✘[/] {finding.invariant}: {finding.text}", markup=True)
    for order_id in finding.orders:
        order = evidence.orders.get(order_id)
        if order is None:
            continue
        for line in history(order, evidence):
            console.print(f"    {line}", markup=False)


def history(order: OrderFacts, evidence: Evidence) -> list[str]:
    """An order with its events and what its exchange has of it."""
    lines = [
        f"order {order.id} {order.exchange} {order.side} {order.amount.normalize():f} {order.symbol} {order.status}"
    ]
    for event in order.events:
        lines.append(f"  {event.at:%H:%M:%S.%f} {event.old or 'new'} → {event.new} {event.code} {event.detail[:100]}")
    for placement in evidence.placements:
        if evidence.order_of(placement) is order:
            lines.append(f"  {placement.placed_at:%H:%M:%S.%f} at {placement.exchange}: {placement.status}")
    return lines


def as_json(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """What .local/chaos.json keeps of each seed."""
    return [
        {
            "figures": outcome.figures,
            "weakness": outcome.weakness,
            "violations": {i.name.lower(): outcome.verdict.count(i) for i in Invariant},
            "checked": {i.name.lower(): text for i, text in outcome.verdict.checked.items()},
            "findings": [finding.text for finding in outcome.verdict.findings[:100]],
            "schedule": [str(fault) for fault in outcome.faults] if not outcome.verdict.holds else [],
        }
        for outcome in outcomes
    ]


def write(part: str, content: object) -> None:
    """Put one part into .local/chaos.json; the others stay."""
    file = paths.LOCAL_DIR / "chaos.json"
    paths.LOCAL_DIR.mkdir(exist_ok=True)
    known: Mapping[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    stamped = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "result": content}
    file.write_text(json.dumps({**known, part: stamped}, indent=2) + "\n")
