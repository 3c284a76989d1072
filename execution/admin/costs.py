"""What accounts pay, and what executions cost."""

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import urlencode

from execution.admin.cost_csv import cost_csv
from execution.admin.pages import needs, page
from execution.selectors.costs import USUAL_WINDOW, WINDOWS, Bar, By, Which, distribution, fees_off, groups
from execution.selectors.fees import accounts
from policies.domain.policy import Mode
from policies.models import ExchangeCredential
from policies.snapshot import current_policy

SEES_COSTS = "execution.view_ordercost"
SEES_FEES = "execution.view_accountfee"
MOST_ACCOUNTS = 200
MOST_OFF = 20
MOST_LINES = 10_000
_NOBODY = -1
MINUS = "\u2212"


@needs(SEES_FEES)
def fees(request: HttpRequest) -> HttpResponse:
    """Every account with what it pays, its way to the next tier, and fees that were not as expected."""
    policy, exchange, who = current_policy(), request.GET.get("exchange", ""), request.GET.get("who", "").strip()
    exchange = exchange if exchange in policy.exchanges else ""
    user_id = _user_id(who)
    rows = ExchangeCredential.objects.all()
    if exchange:
        rows = rows.filter(exchange_id=exchange)
    if user_id is not None:
        rows = rows.filter(user_id=user_id)
    found = accounts(policy, rows, MOST_ACCOUNTS + 1)
    which = Which(timezone.now() - WINDOWS["30d"], user_id=user_id, exchange=exchange)
    return page(
        request,
        "desk/fees.html",
        "Fees of accounts",
        accounts=found[:MOST_ACCOUNTS],
        more=len(found) > MOST_ACCOUNTS,
        most=MOST_ACCOUNTS,
        off=fees_off(which, MOST_OFF),
        exchanges=sorted(policy.exchanges),
        exchange=exchange,
        who=who,
    )


@needs(SEES_COSTS)
def costs(request: HttpRequest) -> HttpResponse:
    """Where executions cost what: by exchange, by strategy, and how slippage is spread."""
    policy, asked = current_policy(), _asked(request)
    which = Which(
        timezone.now() - WINDOWS[asked["window"]],
        user_id=_user_id(asked["who"]),
        exchange=asked["exchange"] if asked["exchange"] in policy.exchanges else "",
        strategy_id=asked["strategy"],
        mode=asked["mode"],
    )
    if request.GET.get("format") == "csv":
        return cost_csv(which.rows().select_related("user")[:MOST_LINES])
    bars = distribution(which)
    return page(
        request,
        "desk/costs.html",
        "Costs of executions",
        tables=(
            ("By exchange", "exchange", groups(By.EXCHANGE, which)),
            ("By strategy", "strategy", groups(By.STRATEGY, which)),
        ),
        bars=[(_range(bar), bar.orders, _share(bar, bars)) for bar in bars],
        measured=sum(bar.orders for bar in bars),
        exchanges=sorted(policy.exchanges),
        windows=_WINDOW_WORDS.items(),
        modes=list(Mode),
        asked=asked,
        query=urlencode({name: value for name, value in asked.items() if value}),
        most_lines=MOST_LINES,
    )


_WINDOW_WORDS = {"1d": "24 hours", "7d": "7 days", "30d": "30 days"}


def _asked(request: HttpRequest) -> dict[str, str]:
    window, mode = request.GET.get("window", ""), request.GET.get("mode", "")
    return {
        "window": window if window in WINDOWS else USUAL_WINDOW,
        "exchange": request.GET.get("exchange", ""),
        "strategy": request.GET.get("strategy", "").strip(),
        "who": request.GET.get("who", "").strip(),
        "mode": mode if mode in list(Mode) else "",
    }


def _user_id(name: str) -> int | None:
    """The user of this name; an id that nobody has for a name that nobody has."""
    if not name:
        return None
    return User.objects.filter(username=name).values_list("pk", flat=True).first() or _NOBODY


def _range(bar: Bar) -> str:
    low, high = (None if bound is None else str(bound).replace("-", MINUS) for bound in (bar.low, bar.high))
    if low is None:
        return f"below {high}"
    return f"{low} and more" if high is None else f"{low} to {high}"


def _share(bar: Bar, bars: list[Bar]) -> Any:
    """Of the longest bar, in percent."""
    longest = max(other.orders for other in bars)
    return round(100 * bar.orders / longest, 1) if longest else 0
