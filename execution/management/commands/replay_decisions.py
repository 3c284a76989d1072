import time
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime, parse_duration

from execution.domain.prepared import Depths
from execution.domain.replay import Replayed, by_every_strategy, replay
from execution.selectors.stored_decisions import count_decisions, stored_decisions
from policies import policy_file
from policies.domain.policy import Policy, RouteBy
from policies.snapshot import compile_policy

_PROGRESS_S = 2.0
_UNITS = {"min": "minutes", "h": "hours", "d": "days"}


class Command(BaseCommand):
    help = (
        "Make stored decisions again, on the books, balances and figures that were stored with them, and tell what "
        "would go elsewhere: under the policy of now, or with a policy file applied to it (nothing is kept of that). "
        "Reads only; sends nothing. Without changes of policy or of the router every decision comes out the same."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", required=True, help="2026-11-21T10:00Z, or how long back: 30min, 12h, 7d")
        parser.add_argument("--until", default="", help="the same forms (default: now)")
        parser.add_argument(
            "--policy", default="", metavar="FILE", help="YAML as for apply_policy, tried and taken back"
        )
        parser.add_argument("--limit", type=int, default=None, help="at most so many decisions, the oldest first")
        parser.add_argument("--strategies", action="store_true", help="also what every smart strategy would have cost")
        parser.add_argument("--quiet", action="store_true", help="only the summary, not every changed decision")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        since, until = _moment(options["since"], now), _moment(options["until"], now) if options["until"] else now
        policy = _policy(options["policy"])
        total = count_decisions(since, until)
        if options["limit"] is not None:
            total = min(total, options["limit"])
        depths, figures = Depths(), _Figures()
        told_at = time.monotonic()
        for stored in stored_decisions(since, until, options["limit"]):
            found = replay(stored, policy, depths)
            figures.add(found)
            if options["strategies"]:
                figures.add_costs(by_every_strategy(stored, policy, depths))
            if found.changed and not options["quiet"]:
                self.stdout.write(_line(found))
            if time.monotonic() - told_at > _PROGRESS_S:
                told_at = time.monotonic()
                self.stderr.write(f"{figures.count} of {total} …")
        for line in figures.summary():
            self.stdout.write(line)


class _Figures:
    """What all of them add up to."""

    def __init__(self) -> None:
        self.count = self.changed = 0
        self.skipped: Counter[str] = Counter()
        self.extra: list[float] = []
        self.costs: dict[RouteBy, list[float]] = defaultdict(list)

    def add(self, found: Replayed) -> None:
        self.count += 1
        self.changed += found.changed
        if found.skipped:
            self.skipped[found.skipped] += 1
        if found.changed and found.cost_bps is not None:
            self.extra.append(found.cost_bps)

    def add_costs(self, costs: dict[RouteBy, float | None]) -> None:
        known = {by: cost for by, cost in costs.items() if cost is not None}
        if len(known) == len(costs):  # only where all of them could fill it
            for by, cost in known.items():
                self.costs[by].append(cost - min(known.values()))

    def summary(self) -> list[str]:
        lines = [f"{self.count} decision(s) made again, {self.changed} would go elsewhere."]
        if self.extra:
            mean = sum(self.extra) / len(self.extra)
            lines.append(f"Those that can be compared would cost {mean:+.3f} bps on average ({len(self.extra)}).")
        lines += [f"{count} not made again: {why}." for why, count in self.skipped.most_common()]
        for by, extra in sorted(self.costs.items(), key=lambda item: sum(item[1]) / len(item[1])):
            lines.append(f"{by.value:18s} {sum(extra) / len(extra):+8.3f} bps more than the cheapest, on {len(extra)}.")
        return lines


def _line(found: Replayed) -> str:
    cost = "" if found.cost_bps is None else f" ({found.cost_bps:+.3f} bps)"
    return f"{found.stored.signal_id} {found.then} -> {found.now}{cost}"


def _policy(name: str) -> Policy:
    """The policy of now, or with a file applied to it for as long as it takes to read it."""
    if not name:
        return compile_policy()
    try:
        text = Path(name).read_text()
        with transaction.atomic():
            policy_file.apply(text, reason="Tried in a replay, and taken back.", by=None)
            policy = compile_policy()
            transaction.set_rollback(True)
    except OSError as e:
        raise CommandError(f"Cannot read {name}: {e.strerror}.") from e
    except policy_file.PolicyFileError as e:
        raise CommandError(f"The policy file cannot be applied.\n{e}") from e
    return policy


def _moment(text: str, now: datetime) -> datetime:
    for unit, name in _UNITS.items():
        number = text.removesuffix(unit)
        if number != text and number.isdecimal():
            return now - timedelta(**{name: int(number)})
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        back = parse_duration(text) if ":" in text else None
        if back is None:
            raise CommandError(f"{text!r} is neither an instant such as 2026-11-21T10:00Z nor a time such as 12h.")
        return now - back
    return moment if moment.tzinfo else timezone.make_aware(moment)
