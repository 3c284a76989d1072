"""Routing of stored signals and previews, on the process's current policy and facts."""

from datetime import datetime

from django.utils import timezone

from execution.domain.router import Answer, Question, Refused, route
from execution.selectors.facts import current_facts
from policies.domain.policy import Policy
from policies.snapshot import current_policy


def answer(question: Question, *, now: datetime | None = None) -> tuple[Policy, Answer | Refused]:
    """Where a signal would go now, and under which policy. Sends nothing, stores nothing."""
    policy = current_policy()
    try:
        return policy, route(policy, current_facts(), question, now or timezone.now())
    except Refused as e:
        return policy, e
