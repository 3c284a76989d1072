"""What accounts pay, and what executions cost."""

from django.http import HttpRequest, HttpResponse

from execution.admin.pages import needs, page
from execution.selectors.fees import accounts
from policies.models import ExchangeCredential
from policies.snapshot import current_policy

SEES_COSTS = "execution.view_ordercost"
SEES_FEES = "execution.view_accountfee"
MOST_ACCOUNTS = 200


@needs(SEES_FEES)
def fees(request: HttpRequest) -> HttpResponse:
    """Every account with what it pays, and its way to the next tier."""
    exchange, who = request.GET.get("exchange", ""), request.GET.get("who", "").strip()
    rows = ExchangeCredential.objects.all()
    if exchange:
        rows = rows.filter(exchange_id=exchange)
    if who:
        rows = rows.filter(user__username=who)
    policy = current_policy()
    found = accounts(policy, rows, MOST_ACCOUNTS + 1)
    return page(
        request,
        "desk/fees.html",
        "Fees of accounts",
        accounts=found[:MOST_ACCOUNTS],
        more=len(found) > MOST_ACCOUNTS,
        most=MOST_ACCOUNTS,
        exchanges=sorted(policy.exchanges),
        exchange=exchange,
        who=who,
    )


@needs(SEES_COSTS)
def costs(request: HttpRequest) -> HttpResponse:
    """Where executions cost what."""
    return page(request, "desk/costs.html", "Costs of executions")
