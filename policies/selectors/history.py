"""How a policy row came to be what it is: who changed what, when and why, from the history tables.

Rows that belong to another (the steps of a chain, the order sizes of a permission) are told as part of it: one save in
the admin is one change, however many rows it touched.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.db import models
from django.db.models import Max

from policies.domain.numbers import plain
from policies.models import FailoverChain, FailoverStep, OrderSizeLimit, TradingPermission, Webhook, WebhookSecret

EMPTY = "–"
THE_SYSTEM = "the system"
_WHAT = {"+": "Created", "~": "Changed", "-": "Removed"}


@dataclass(frozen=True, slots=True)
class Part:
    """A table whose rows belong to a policy row. `describe` says all of them in one line."""

    model: type[models.Model]
    foreign_key: str
    label: str
    describe: Callable[[Iterable[Any]], str]


@dataclass(frozen=True, slots=True)
class Line:
    """One field that changed. `old` is empty when the row was created."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a policy row."""

    at: datetime
    who: str
    what: str
    reason: str
    lines: tuple[Line, ...]


def _order_of(steps: Iterable[Any]) -> str:
    return " → ".join(step.exchange_id for step in sorted(steps, key=lambda step: step.position))


def _sizes_of(limits: Iterable[Any]) -> str:
    ordered = sorted(limits, key=lambda limit: limit.currency)
    return ", ".join(f"{limit.currency} {plain(limit.max_notional)}" for limit in ordered)


def _in_use(secrets: Iterable[Any]) -> str:
    active = sorted((secret for secret in secrets if secret.retired_at is None), key=lambda secret: secret.created_at)
    return ", ".join(secret.fingerprint for secret in active)


PARTS: dict[type[models.Model], tuple[Part, ...]] = {
    FailoverChain: (Part(FailoverStep, "chain_id", "Order", _order_of),),
    TradingPermission: (Part(OrderSizeLimit, "permission_id", "Largest orders", _sizes_of),),
    Webhook: (Part(WebhookSecret, "webhook_id", "Secrets in use (fingerprints)", _in_use),),
}


def stamp(row: models.Model) -> str:
    """Changes with every change of the row or of what belongs to it. A form carries it to notice others' changes."""
    newest = [_records(type(row), "pk", row.pk).aggregate(id=Max("history_id"))["id"]]
    for part in PARTS.get(type(row), ()):
        newest.append(_records(part.model, part.foreign_key, row.pk).aggregate(id=Max("history_id"))["id"])
    return ".".join(str(history_id or 0) for history_id in newest)


def last_change(row: models.Model) -> tuple[str, datetime] | None:
    """Who changed the row last, and when. None when it is as installed."""
    tables = [(type(row), "pk"), *((part.model, part.foreign_key) for part in PARTS.get(type(row), ()))]
    newest = [
        record
        for model, key in tables
        if (record := _records(model, key, row.pk).select_related("history_user").order_by("-history_date").first())
    ]
    record = max(newest, key=lambda record: record.history_date, default=None)
    return None if record is None else (_who(record), record.history_date)


def changes(model: type[models.Model], pk: object) -> list[Change]:
    """Every change of one row, newest first."""
    own = list(_records(model, "pk", pk).select_related("history_user").order_by("history_date", "history_id"))
    parts = PARTS.get(model, ())
    of_parts = [(part, _part_records(part, pk)) for part in parts]
    by_date = {at: list(group) for at, group in groupby(own, key=lambda record: record.history_date)}
    dates = sorted({*by_date, *(record.history_date for _, records in of_parts for record in records)})
    found, before = [], None
    listings = [""] * len(parts)
    for at in dates:
        now = by_date[at][-1] if at in by_date else None
        lines = _lines(before, now) if now is not None else []
        for index, (part, records) in enumerate(of_parts):
            listing = _listing(part, records, at)
            if listing != listings[index]:
                lines.append(Line(part.label, listings[index], listing or EMPTY))
                listings[index] = listing
        first = by_date[at][0] if at in by_date else None
        told_by = now or next(r for _, records in of_parts for r in records if r.history_date == at)
        what = _WHAT[first.history_type] if first is not None else "Changed"
        found.append(Change(at, _who(told_by), what, told_by.history_change_reason or "", tuple(lines)))
        before = now or before
    return found[::-1]


def _records(model: Any, key: str, value: object) -> Any:
    key = model._meta.pk.attname if key == "pk" else key
    return model.history.filter(**{key: value})


def _part_records(part: Part, pk: object) -> list[Any]:
    return list(_records(part.model, part.foreign_key, pk).select_related("history_user").order_by("history_id"))


def _listing(part: Part, records: Sequence[Any], at: datetime) -> str:
    """What belonged to the row at that time."""
    rows: dict[object, Any] = {}
    for record in records:
        if record.history_date > at:
            continue
        if record.history_type == "-":
            rows.pop(record.id, None)
        else:
            rows[record.id] = record
    return part.describe(rows.values())


def _lines(before: Any, now: Any) -> list[Line]:
    lines = []
    for field in now.tracked_fields:
        if field.primary_key and before is not None:
            continue
        old = None if before is None else getattr(before, field.attname)
        new = getattr(now, field.attname)
        if new != old and not (before is None and new in (None, "", [], {})):
            name = field.verbose_name[:1].upper() + field.verbose_name[1:]
            lines.append(Line(name, "" if before is None else shown(field, old, before), shown(field, new, now)))
    for field in now._history_m2m_fields:
        old_set, new_set = _members(before, field), _members(now, field)
        if old_set != new_set:
            lines.append(Line(field.verbose_name.capitalize(), old_set, new_set or EMPTY))
    return lines


def _members(record: Any, field: Any) -> str:
    if record is None:
        return ""
    target = field.m2m_reverse_field_name()
    return ", ".join(sorted(str(getattr(row, f"{target}_id")) for row in getattr(record, field.name).all()))


def shown(field: Any, value: Any, record: Any) -> str:
    """A stored value as people read it."""
    if value in (None, "", [], {}):
        return EMPTY
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} = {item}" for name, item in value.items())
    if field.is_relation and field.related_model._meta.model_name == "user":
        return str(getattr(record, field.name))
    return str(dict(field.flatchoices).get(value, value))


def _who(record: Any) -> str:
    return record.history_user.get_username() if record.history_user else THE_SYSTEM
