"""Every rule against what there is now: alerts open, are seen again and close; each step leaves its notices behind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.contrib.postgres.aggregates import ArrayAgg
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from execution.models import Alert, AlertDelivery
from execution.models.alert import NoticeKind
from execution.selectors.alerts import Finding, findings, look
from execution.services.alerts.notices import address_of, notices_for
from execution.services.housekeeping import only_one
from policies.domain.alerts import Condition
from policies.domain.policy import Policy
from policies.models import AlertRule
from policies.snapshot import current_policy

logger = structlog.get_logger(__name__)

_SEEN = ["severity", "subject", "evidence", "opened_at", "times_seen", "last_seen_at", "told_at"]


@dataclass
class _Round:
    """What one evaluation writes. `over`: the condition ended, or never lasted long enough."""

    now: datetime
    seen: list[Alert] = field(default_factory=list)
    over: list[Alert] = field(default_factory=list)
    notices: list[AlertDelivery] = field(default_factory=list)

    def tell(self, rule: AlertRule, alert: Alert, kind: NoticeKind) -> None:
        alert.told_at = self.now
        channels = rule.channel_ids  # type: ignore[attr-defined]
        self.notices += notices_for(alert, rule, kind, channels, self.now)
        logger.warning("alert", kind=kind.value, rule=rule.name, subject=alert.subject, severity=alert.severity)


def evaluate(now: datetime | None = None) -> int:
    """Evaluate every rule once, one process at a time; the number of new notices. At most 15 queries."""
    with only_one("alerts") as mine:
        if not mine:
            return 0
        policy = current_policy()
        with transaction.atomic():
            return _evaluate(_Round(now or timezone.now()), policy)


def _evaluate(done: _Round, policy: Policy) -> int:
    of_channel = ArrayAgg("channels", filter=Q(channels__enabled=True), default=[])
    rules = {rule.pk: rule for rule in AlertRule.objects.filter(enabled=True).annotate(channel_ids=of_channel)}
    live: dict[int, dict[str, Alert]] = {}
    for alert in Alert.objects.filter(cleared_at=None).select_for_update():
        live.setdefault(alert.rule_id, {})[alert.scope_key] = alert
    there = look(policy, done.now, {Condition(rule.condition) for rule in rules.values()})
    of_chains = [rule for rule in rules.values() if rule.condition == Condition.CHAIN_OUT and not rule.scope]
    told_of_chains = {channel for rule in of_chains for channel in rule.channel_ids}
    for pk, rule in rules.items():
        found = findings(
            there,
            Condition(rule.condition),
            threshold=rule.threshold or 0,
            scope=rule.scope,
            chains_are_told=bool(of_chains) and told_of_chains.issuperset(rule.channel_ids),
        )
        _compare(done, rule, found, live.pop(pk, {}))
    for left in live.values():  # of rules that were switched off
        done.over += left.values()
    _write(done)
    return len(done.notices)


def _compare(done: _Round, rule: AlertRule, found: Sequence[Finding], live: dict[str, Alert]) -> None:
    for finding in found:
        alert = live.get(finding.key[:120])
        if not finding.is_told or (alert is not None and alert.opened_at is not None):
            live.pop(finding.key[:120], None)
            _see(done, rule, finding, alert)
    for alert in live.values():
        _miss(done, rule, alert)


def _see(done: _Round, rule: AlertRule, finding: Finding, alert: Alert | None) -> None:
    now = done.now
    if alert is None:
        alert = Alert(rule=rule, scope_key=finding.key[:120], began_at=now, times_seen=0, link=address_of(finding))
    alert.times_seen += 1
    alert.last_seen_at, alert.severity = now, rule.severity
    alert.subject, alert.evidence = finding.subject[:200], finding.evidence[:2000]
    done.seen.append(alert)
    if alert.opened_at is None:
        if now - alert.began_at >= timedelta(seconds=rule.for_s):
            alert.opened_at = now
            done.tell(rule, alert, NoticeKind.OPENED)
    elif not finding.is_told and _is_due_again(rule, alert, now):
        done.tell(rule, alert, NoticeKind.REPEATED)


def _is_due_again(rule: AlertRule, alert: Alert, now: datetime) -> bool:
    if rule.repeat_s is None or alert.closed_at is not None or alert.taken_by_id is not None:
        return False
    return alert.told_at is None or now - alert.told_at >= timedelta(seconds=rule.repeat_s)


def _miss(done: _Round, rule: AlertRule, alert: Alert) -> None:
    """It was not found. Over only when that lasts, so that what flaps stays one alert."""
    if alert.opened_at is not None and done.now - alert.last_seen_at < timedelta(seconds=rule.hold_s):
        return
    done.over.append(alert)
    if alert.opened_at is not None and alert.closed_at is None and rule.recovery_notice:
        alert.closed_at = done.now
        done.tell(rule, alert, NoticeKind.RECOVERED)


def _write(done: _Round) -> None:
    if done.seen:
        Alert.objects.bulk_create(done.seen, update_conflicts=True, unique_fields=["id"], update_fields=_SEEN)
    if done.over:
        Alert.objects.filter(pk__in=_pks(done.over)).update(
            cleared_at=done.now, closed_at=Coalesce("closed_at", done.now)
        )
    if done.notices:
        AlertDelivery.objects.bulk_create(done.notices, ignore_conflicts=True)


def _pks(alerts: Iterable[Alert]) -> list[Any]:
    return [alert.pk for alert in alerts]
