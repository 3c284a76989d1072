"""Pages that look back: changes of policy, denials, and the manual of reason codes."""

from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from execution.admin.desk import SEES_DESK, may_see
from execution.admin.pages import needs, page
from execution.selectors.denials import denials_by_code, denials_by_sender
from policies.domain.reasons import MANUAL, ReasonCode
from policies.selectors.changes import KINDS, latest_changes

_PAGE = 50


@needs(SEES_DESK)
def changes(request: HttpRequest) -> HttpResponse:
    """Who changed which policy, when and why; newest first."""
    model = request.GET.get("model", "")
    who = request.GET.get("who", "").strip()
    found = latest_changes(
        _PAGE, before=_moment(request.GET.get("before", "")), model=model if model in KINDS else "", who=who
    )
    return page(
        request,
        "desk/changes.html",
        "Policy changes",
        changes=[change for change in found if may_see(request, change)],
        kinds=sorted(_kinds(request), key=lambda item: item[1].lower()),
        model=model,
        who=who,
        more=found[-1].at.isoformat() if len(found) == _PAGE else "",
        now=timezone.now(),
    )


def _kinds(request: HttpRequest) -> list[tuple[str, str]]:
    """The kinds of rows this person may look at."""
    return [(model, kind) for model, kind in KINDS.items() if request.user.has_perm(f"policies.view_{model}")]


def _moment(text: str) -> datetime | None:
    try:
        # A plus sign in an address is a space once it is decoded.
        moment = parse_datetime(text.replace(" ", "+"))
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


@needs(SEES_DESK)
def denials(request: HttpRequest) -> HttpResponse:
    """What was denied lately, and for whom."""
    return page(
        request,
        "desk/denials.html",
        "Denials",
        codes=[{"count": count, "manual": _entry(count.code)} for count in denials_by_code()],
        senders=denials_by_sender(),
    )


@needs("")
def reason(request: HttpRequest, code: str) -> HttpResponse:
    """The manual's entry for one code."""
    entry = _entry(code)
    if entry is None:
        raise Http404
    return page(request, "desk/reason.html", code, code=code, entry=entry)


@needs("")
def reasons(request: HttpRequest) -> HttpResponse:
    """The whole manual."""
    return page(request, "desk/reasons.html", "Reason codes", manual=[(c.value, e) for c, e in MANUAL.items()])


def _entry(code: str) -> object:
    return MANUAL.get(ReasonCode(code)) if code in ReasonCode.__members__ else None
