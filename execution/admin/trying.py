"""What a change of policy would have done to the latest decisions, told before it is saved. Nothing is kept of it."""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from execution.admin.pages import needs, part
from execution.domain.prepared import Depths
from execution.domain.replay import replay
from execution.selectors.stored_decisions import stored_decisions
from policies.admin.base import PolicyAdmin
from policies.admin.dialogs import find_or_404
from policies.domain.policy import Policy
from policies.snapshot import compile_policy, current_policy

HOURS = 24
MOST = 400
MOST_SHOWN = 12
LONGEST_S = 3.0
"""Replays stop then, and the page says on how many decisions it rests."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A decision that would come out otherwise. extra: bps, with its sign; empty: not comparable."""

    signal_id: str
    today: str
    then: str
    extra: str


@dataclass(slots=True)
class Tried:
    """What it adds up to. mean_bps: of those that moved and can be compared; None: none can."""

    count: int = 0
    moved: list[Moved] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    extra: list[float] = field(default_factory=list)
    is_cut: bool = False

    @property
    def shown(self) -> list[Moved]:
        return self.moved[:MOST_SHOWN]

    @property
    def not_tried(self) -> list[tuple[str, int]]:
        """Why, and how many."""
        return self.skipped.most_common()

    @property
    def mean(self) -> str:
        """`0.83 bps less`; empty when nothing can be compared."""
        if not self.extra:
            return ""
        mean = sum(self.extra) / len(self.extra)
        return f"{abs(mean):.2f} bps {'more' if mean > 0 else 'less'}"


@needs("", methods=("POST",))
def what_would_change(request: HttpRequest, model: str, pk: str) -> HttpResponse:
    """The form as it stands on the screen, tried on the decisions of the last day; to be put under the form."""
    model_admin = _admin_of(model)
    row = find_or_404(model_admin.get_queryset(request), pk)
    if not model_admin.has_change_permission(request, row):
        raise PermissionDenied
    values = request.POST.copy()
    values["reason"] = values.get("reason") or "Tried, not saved."
    form = model_admin.get_form(request, row, change=True)(values, instance=row)
    if not form.is_valid():
        return part(request, "desk/would_change.html", problems=_problems(form))
    return part(request, "desk/would_change.html", tried=_try(current_policy(), _draft(form)), hours=HOURS)


def _admin_of(model: str) -> Any:
    for known, model_admin in admin.site._registry.items():
        if known._meta.model_name == model and isinstance(model_admin, PolicyAdmin) and model_admin.can_be_tried:
            return model_admin
    raise Http404


def _problems(form: BaseForm) -> list[str]:
    return [
        f"{form.fields[name].label}: {text}" if name in form.fields else str(text)
        for name, texts in form.errors.items()
        for text in texts
    ]


def _draft(form: Any) -> Policy:
    """The policy as it would be: saved, read and taken back in one transaction that nobody else sees."""
    with transaction.atomic():
        form.save()
        draft = compile_policy()
        transaction.set_rollback(True)
    return draft


def _try(policy: Policy, draft: Policy) -> Tried:
    """Each decision under the policy of now and under the draft, so that earlier changes are not counted."""
    found, depths, until = Tried(), Depths(), timezone.now()
    ends = time.monotonic() + LONGEST_S
    for stored in stored_decisions(until - timedelta(hours=HOURS), until, MOST, newest_first=True):
        today, then = replay(stored, policy, depths), replay(stored, draft, depths)
        found.count += 1
        if skipped := today.skipped or then.skipped:
            found.skipped[skipped] += 1
        elif today.now != then.now:
            extra = None
            if today.cost_bps is not None and then.cost_bps is not None:
                extra = then.cost_bps - today.cost_bps
                found.extra.append(extra)
            text = "" if extra is None else f"{extra:+.2f} bps"
            found.moved.append(Moved(stored.signal_id, today.now, then.now, text))
        if time.monotonic() > ends:
            break
    found.is_cut = found.count == MOST or time.monotonic() > ends
    return found
