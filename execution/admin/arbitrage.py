"""The page of what would earn money at the books as they are, which refreshes itself, and the page that trades one."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from execution.admin.desk import SEES_DESK
from execution.admin.pages import needs, page, part
from execution.domain.arbitrage_trade import TradePlan
from execution.models import ArbitrageOpportunity
from execution.selectors.arbitrage import opportunities
from execution.selectors.shared import shared
from execution.selectors.signal_page import manual_entry
from execution.services.arbitrage_trades import Refused, offer_of, start
from policies.domain.reasons import Denied
from policies.forms.arbitrage import OfferForm, TradeForm
from policies.models.choices import OneLeggedChoices
from policies.snapshot import current_policy

TRADES = "execution.add_arbitragetrade"
SHARED_S = 1
SHOWN = 100


@needs(SEES_DESK)
def arbitrage(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    return page(request, "desk/arbitrage/page.html", "Arbitrage", **_shown(request))


@needs(SEES_DESK)
def arbitrage_part(request: HttpRequest) -> HttpResponse:
    """The part that is swapped every three seconds."""
    return part(request, "desk/arbitrage/part.html", **_shown(request))


def _shown(request: HttpRequest) -> dict[str, Any]:
    found, at = shared("arbitrage", SHARED_S, lambda: (opportunities(None, limit=SHOWN), timezone.now()))
    rules = current_policy().rules
    return {
        "now": [each for each in found if each.row.ended_at is None],
        "gone": [each for each in found if each.row.ended_at is not None],
        "at": at,
        "rules": rules,
        "may_trade": rules.arbitrage_enabled and request.user.has_perm(TRADES),
    }


@needs(TRADES, methods=("GET", "HEAD", "POST"))
def arbitrage_trade(request: HttpRequest, opportunity: int) -> HttpResponse:
    """What a trade would be now: both orders, the money, which goes first. Only a POST with a reason begins one."""
    row = ArbitrageOpportunity.objects.filter(pk=opportunity).first()
    if row is None:
        raise Http404
    decided = TradeForm(request.POST or None)
    if request.method == "POST" and decided.is_valid():
        told = _start(request, row, decided)
        if not isinstance(told, Denied):
            return told
        decided.add_error(None, f"{told.denial.code.value}: {told.denial.detail}")
    return page(
        request,
        "desk/arbitrage/trade.html",
        f"Trade {row.symbol or row.cycle}",
        row=row,
        rules=current_policy().rules,
        **_offered(request, row, decided),
    )


def _start(request: HttpRequest, row: ArbitrageOpportunity, form: TradeForm) -> "HttpResponse | Denied":
    wanted = form.cleaned_data
    try:
        started = start(
            wanted["account"].pk,
            wanted["key"],
            row.pk,
            wanted["most"],
            by=request.user.get_username(),
            reason=wanted["reason"],
        )
    except Refused as e:
        return e
    messages.success(request, f"The trade of {started.trade.amount.normalize():f} {row.symbol} has begun.")
    return redirect(reverse("admin:execution_arbitragetrade_change", args=[started.trade.pk]))


def _offered(request: HttpRequest, row: ArbitrageOpportunity, decided: TradeForm) -> dict[str, Any]:
    """The offer for the account that is asked about, or for the only one there is."""
    asked = request.POST if request.method == "POST" else request.GET
    form = OfferForm(asked if "account" in asked else None)
    accounts = form.fields["account"].queryset  # type: ignore[attr-defined]
    told: dict[str, Any] = {"form": form, "decided": decided, "has_accounts": accounts.exists()}
    account, most = accounts.first(), None
    if form.is_bound:
        if not form.is_valid():
            return told
        account, most = form.cleaned_data["account"], form.cleaned_data["most"]
    if account is None:
        return told
    if not decided.is_bound:
        told["decided"] = TradeForm(initial={"account": account.pk, "most": most})
    try:
        offer = offer_of(account.pk, row.pk, most)
    except Denied as e:
        code = e.denial.code.value
        return {**told, "code": code, "detail": e.denial.detail, "manual": manual_entry(code), "account": account}
    return {**told, "offer": offer, "sides": _two(offer.plan), "account": account, "policy_words": _policy_words()}


def _two(plan: TradePlan) -> list[dict[str, Any]]:
    """Both orders, the one that goes first on top."""
    return [
        {"side": side.value, "account": plan.at(side), "turn": turn, "fee_bps": plan.at(side).fee * 10_000}
        for side, turn in ((plan.first, "first"), (plan.second, "then"))
    ]


def _policy_words() -> str:
    return str(OneLeggedChoices(current_policy().rules.arbitrage_one_legged.value).label)
