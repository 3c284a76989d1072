"""What is known of an order in doubt: how it was sent, what the look-ups brought, what the account's money says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from execution.domain.orders import OrderStatus
from execution.models import Order
from execution.selectors.query import fetch
from execution.selectors.questions import Difference
from policies.display.formats import age_since

SHOWN = 5
"""Look-ups shown per order, the newest."""


class Answer(StrEnum):
    """What a look-up brought."""

    NOT_THERE = "not there"
    NONE = "no answer"


@dataclass(frozen=True, slots=True)
class LookUp:
    """One question to the exchange about an order. `detail`: its own words."""

    at: datetime
    answer: Answer
    detail: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a person did or said about the order."""

    at: datetime
    text: str


@dataclass(slots=True)
class Evidence:
    """About one order in doubt. `answer`: what came back when it was sent."""

    answer: str = ""
    look_ups: list[LookUp] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """`2 of 3 say: not there`."""
        if not self.look_ups:
            return "Not looked up yet."
        missed = sum(look_up.answer == Answer.NOT_THERE for look_up in self.look_ups)
        of = f"the last {SHOWN}" if len(self.look_ups) == SHOWN else len(self.look_ups)
        if not missed:
            return f"None of {of} brought an answer." if len(self.look_ups) > 1 else "It brought no answer."
        return f"{missed} of {of} say{'s' if len(self.look_ups) == 1 else ''}: not there."


def answer_of(detail: str) -> Answer | None:
    """What kind of look-up an event's text tells of (see `execution.domain.life`); None: of none."""
    if detail.startswith("Look-up") and detail.endswith(": not there."):
        return Answer.NOT_THERE
    return Answer.NONE if detail.startswith("Look-up unanswered") else None


_NOT_ASKED = "Looked up after its validity has passed."

# An order may be looked up for days: only the newest events are read, and how it became unknown.
_EVENTS = f"""
SELECT o.id, e.at, e.new_status, e.old_status, e.detail
FROM unnest(%(ids)s::uuid[]) AS o (id) CROSS JOIN LATERAL (
    (SELECT at, new_status, old_status, detail FROM execution_orderevent
     WHERE order_id = o.id AND old_status <> 'unknown' AND new_status = 'unknown' ORDER BY at LIMIT 1)
    UNION ALL
    (SELECT at, new_status, old_status, detail FROM execution_orderevent
     WHERE order_id = o.id AND old_status IN ('unknown', 'needs_attention') AND detail <> '{_NOT_ASKED}'
     ORDER BY at DESC, id DESC LIMIT {SHOWN * 2})
) e ORDER BY e.at
"""


def evidence_for(orders: Sequence[Order], differences: Iterable[Difference]) -> dict[UUID, Evidence]:
    """Order id -> what is known. One query for any number of orders, none for none."""
    found = {order.pk: Evidence() for order in orders}
    if not found:
        return found
    for pk, at, new, old, detail in fetch(_EVENTS, {"ids": list(found)}):
        _add(found[pk], at, became_unknown=new == OrderStatus.UNKNOWN and old != new, detail=detail)
    by_account: dict[str, list[Difference]] = {}
    for difference in differences:
        by_account.setdefault(difference.account.credential_id, []).append(difference)
    for order in orders:
        evidence = found[order.pk]
        evidence.look_ups = evidence.look_ups[-SHOWN:]
        assets = order.symbol.split("/")
        here = by_account.get(str(order.credential_id), [])
        evidence.differences = [difference for difference in here if difference.asset in assets]
    return found


def _add(evidence: Evidence, at: datetime, *, became_unknown: bool, detail: str) -> None:
    answer = answer_of(detail)
    if became_unknown:
        evidence.answer = detail
    elif answer is not None:
        evidence.look_ups.append(LookUp(at, answer, detail))
    elif detail:
        evidence.notes.append(Note(at, detail))


def value_of(order: Order) -> Decimal:
    """What the order is worth in quote units, at its limit or at the best price when it was decided."""
    worth: Decimal = order.amount * (order.price or order.reference_price)
    return worth


_LAST_UNKNOWN = """
SELECT u.at, (SELECT min(e.at) FROM execution_orderevent e WHERE e.order_id = u.order_id AND e.at >= u.at
              AND e.new_status NOT IN ('submitting', 'unknown', 'needs_attention'))
FROM execution_orderevent u WHERE u.new_status = 'unknown' AND u.old_status <> 'unknown'
ORDER BY u.at DESC LIMIT 1
"""


def last_unknown(now: datetime) -> str:
    """`Last unknown: 2 d ago, resolved in 3 s.`. One query, answered by an index."""
    rows = fetch(_LAST_UNKNOWN, {})
    if not rows:
        return "No order was ever in doubt."
    at, settled_at = rows[0]
    took = f", resolved in {age_since(at, settled_at)}" if settled_at else ""
    return f"Last unknown: {age_since(at, now)} ago{took}."
