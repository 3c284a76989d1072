"""Needs attention: everything that waits for a person, with the evidence and what can be done."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from execution.admin.desk import SEES_DESK, may_see_item
from execution.admin.pages import needs, page, part
from execution.models import Order
from execution.selectors.attention import ALL, Found, Item, found_with_rows
from execution.selectors.evidence import Evidence, evidence_for, last_unknown, value_of
from execution.selectors.facts import current_facts
from execution.selectors.questions import Difference
from execution.services.resolve import why_not_never_placed
from policies.display.words import Tone
from policies.snapshot import current_policy


@dataclass(frozen=True, slots=True)
class Card:
    """An item with what is known of it. `obstacle`: why an order may not be called never placed yet."""

    item: Item
    row: Any = None
    evidence: Evidence | None = None
    value: Any = None
    obstacle: str = ""

    @property
    def template(self) -> str:
        """The part of the page that shows it."""
        return f"desk/attention/{self.item.kind if self.row is not None else 'plain'}.html"


@needs(SEES_DESK)
def needs_attention(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    return page(request, "desk/attention/page.html", "Needs attention", **_shown(request))


@needs(SEES_DESK)
def attention_part(request: HttpRequest) -> HttpResponse:
    """What is swapped every three seconds."""
    return part(request, "desk/attention/part.html", **_shown(request))


def _shown(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    found = found_with_rows(current_policy(), current_facts(), now, ALL + 1)
    shown = [pair for pair in found if may_see_item(request, pair[0])][:ALL]
    cards = _cards(shown)
    in_doubt = any(isinstance(card.row, Order) for card in cards)
    return {
        "cards": cards,
        "act": sum(card.item.tone == Tone.ACT for card in cards),
        "watch": sum(card.item.tone == Tone.WATCH for card in cards),
        "more": len(found) > ALL,
        "all": ALL,
        "calm": "" if in_doubt else f"Every order is accounted for. {last_unknown(now)}",
        "now": now,
        "may": rights(request),
    }


def _cards(found: list[Found]) -> list[Card]:
    orders = [row for _, row in found if isinstance(row, Order)]
    evidence = evidence_for(orders, [row for _, row in found if isinstance(row, Difference)])
    return [
        order_card(item, row, evidence[row.pk]) if isinstance(row, Order) else Card(item, row) for item, row in found
    ]


def order_card(item: Item, order: Order, evidence: Evidence) -> Card:
    """An order in doubt with all that is known of it."""
    return Card(item, order, evidence, value_of(order), why_not_never_placed(order, timezone.now()))


def rights(request: HttpRequest) -> dict[str, bool]:
    """Which buttons this person gets."""
    wanted = {
        "resolve": "execution.change_order",
        "explain": "execution.change_orphan",
        "compare": "execution.change_reconciliation",
        "accept": "execution.change_bookbreak",
        "trust": "policies.resume",
    }
    return {name: request.user.has_perm(permission) for name, permission in wanted.items()}
