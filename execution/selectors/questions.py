"""What only people can answer about accounts: not compared yet, orders without a row, money that does not add up."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from execution.selectors.query import fetch
from policies.display.formats import amount
from policies.display.words import Tone

QUIET = timedelta(minutes=1)
"""Comparing an account takes seconds; after this it is no longer a matter of waiting."""


class Kind(StrEnum):
    """What an item is about; also the name of its part of the page."""

    RESTORED = "restored"
    SILENT = "silent"
    ORDER = "order"
    ACCOUNT = "account"
    ORPHAN = "orphan"
    BREAK = "break"
    EXCHANGE = "exchange"
    KEYS = "keys"
    DEAF = "deaf"


@dataclass(frozen=True, slots=True)
class Account:
    """Whose keys, where."""

    credential_id: str
    user: str
    exchange: str
    mode: str

    def __str__(self) -> str:
        return f"{self.user} at {self.exchange}"


@dataclass(frozen=True, slots=True)
class Uncompared:
    """An account whose orders were not compared since that was needed. `error`: what the exchange answered last."""

    pk: str
    since: datetime
    account: Account
    reason: str
    error: str
    next_at: datetime | None
    asked_from: datetime
    signals: int
    orders: int

    def tone(self, now: datetime) -> Tone:
        """Red once the exchange refused to tell, or when it takes too long."""
        return Tone.ACT if self.error or now - self.since > QUIET else Tone.WATCH

    def word(self, now: datetime) -> str:
        return "NOT COMPARED" if self.tone(now) == Tone.ACT else "COMPARING"

    @property
    def text(self) -> str:
        return f"{self.account}: {self.error or self.reason}"


@dataclass(frozen=True, slots=True)
class Stray:
    """An order at an exchange that no row of ours explains. `row_status`: what our row says, where there is one."""

    pk: str
    since: datetime
    account: Account
    client_order_id: str
    exchange_order_id: str
    symbol: str
    side: str
    amount: Decimal
    price: Decimal | None
    filled_amount: Decimal
    status: str
    placed_at: datetime
    row_status: str
    row_id: str

    @property
    def is_ours(self) -> bool:
        """Its client order id has our form."""
        return bool(self.client_order_id)

    def tone(self, now: datetime) -> Tone:
        return Tone.ACT if self.is_ours else Tone.WATCH

    def word(self, now: datetime) -> str:
        return "ORPHAN ORDER" if self.is_ours else "WHOSE ORDER?"

    @property
    def text(self) -> str:
        return f"{self.account.exchange} {self.side.upper()} {amount(self.amount)} {self.symbol} · {self.account.user}"


@dataclass(frozen=True, slots=True)
class Difference:
    """An account that holds something else than our fills explain, and a second look said so too."""

    pk: str
    since: datetime
    account: Account
    asset: str
    expected: Decimal
    actual: Decimal
    seen_at: datetime

    @property
    def amount(self) -> Decimal:
        """What is there too much; negative: what is missing."""
        return self.actual - self.expected

    def tone(self, now: datetime) -> Tone:
        """Money that is missing is worse than money that came."""
        return Tone.ACT if self.amount < 0 else Tone.WATCH

    def word(self, now: datetime) -> str:
        return "MONEY MISSING" if self.amount < 0 else "DIFFERENCE"

    @property
    def text(self) -> str:
        return f"{self.account}: {self.sentence}"

    @property
    def sentence(self) -> str:
        """`0.02 BTC less than our fills explain`."""
        direction = "less" if self.amount < 0 else "more"
        return f"{amount(abs(self.amount))} {self.asset} {direction} than our fills explain"


@dataclass(slots=True)
class Questions:
    """All that is open, oldest first in each kind."""

    uncompared: list[Uncompared] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)


# One statement for three tables: the Desk and the menu ask this every second.
_OPEN = """
(SELECT 'account', r.credential_id::text, r.required_at, r.credential_id::text, u.username, r.exchange_id, c.mode,
        jsonb_build_array(r.reason, r.last_error, r.next_at, r.since,
            (SELECT count(*) FROM execution_signal s WHERE s.status = 'pending' AND s.user_id = r.user_id
                AND s.received_at < r.required_at AND s.expires_at > clock_timestamp()),
            (SELECT count(*) FROM execution_order o WHERE o.status = 'queued' AND o.exchange_id = r.exchange_id
                AND o.credential_id = r.credential_id))
 FROM execution_reconciliation r JOIN policies_exchangecredential c ON c.id = r.credential_id AND NOT c.frozen
 JOIN auth_user u ON u.id = r.user_id
 WHERE r.clean_at IS NULL ORDER BY r.last_error = '', r.required_at LIMIT %(limit)s)
UNION ALL
(SELECT 'orphan', o.id::text, o.seen_at, o.credential_id::text, u.username, o.exchange_id, c.mode,
        jsonb_build_array(o.client_order_id, o.exchange_order_id, o.symbol, o.side, o.amount::text, o.price::text,
            o.filled_amount::text, o.status, o.placed_at, coalesce(own.status, ''), coalesce(own.id::text, ''))
 FROM execution_orphan o JOIN policies_exchangecredential c ON c.id = o.credential_id
 JOIN auth_user u ON u.id = o.user_id
 LEFT JOIN execution_order own
    ON own.id = CASE WHEN o.client_order_id ~ '^[0-9a-f]{32}$' THEN o.client_order_id::uuid END
 WHERE o.resolved_at IS NULL ORDER BY o.client_order_id = '', o.seen_at LIMIT %(limit)s)
UNION ALL
(SELECT 'break', b.id::text, b.first_seen_at, b.credential_id::text, u.username, b.exchange_id, c.mode,
        jsonb_build_array(b.asset, b.expected::text, b.actual::text, b.last_seen_at)
 FROM execution_bookbreak b JOIN policies_exchangecredential c ON c.id = b.credential_id
 JOIN auth_user u ON u.id = b.user_id
 WHERE b.resolved_at IS NULL AND b.confirmed_at IS NOT NULL ORDER BY b.actual >= b.expected, b.first_seen_at
 LIMIT %(limit)s)
"""


def open_questions(limit: int) -> Questions:
    """What is open, at most `limit` of each kind, the worst first. One query."""
    found = Questions()
    for kind, pk, since, credential_id, user, exchange, mode, more in fetch(_OPEN, {"limit": limit}):
        about = (pk, since, Account(credential_id, user, exchange, mode))
        values = _loaded(more)
        if kind == Kind.ACCOUNT:
            found.uncompared.append(_uncompared(about, values))
        elif kind == Kind.ORPHAN:
            found.strays.append(_stray(about, values))
        else:
            found.differences.append(_difference(about, values))
    return found


_UNCOMPARED = """
SELECT u.username, r.exchange_id FROM execution_reconciliation r
JOIN policies_exchangecredential c ON c.id = r.credential_id AND NOT c.frozen JOIN auth_user u ON u.id = r.user_id
WHERE r.clean_at IS NULL AND (%(exchange)s = '' OR r.exchange_id = %(exchange)s)
ORDER BY r.exchange_id, u.username
"""


def uncompared_accounts(exchange: str = "") -> list[str]:
    """`algo1 at kraken` for every account that still waits to be compared. One query."""
    return [f"{user} at {slug}" for user, slug in fetch(_UNCOMPARED, {"exchange": exchange})]


def _loaded(more: Any) -> list[Any]:
    values: list[Any] = json.loads(more) if isinstance(more, str) else more
    return values


_About = tuple[str, datetime, Account]


def _uncompared(about: _About, values: list[Any]) -> Uncompared:
    reason, error, next_at, asked_from, signals, orders = values
    return Uncompared(*about, reason, error, _moment(next_at), datetime.fromisoformat(asked_from), signals, orders)


def _stray(about: _About, values: list[Any]) -> Stray:
    ours, theirs, symbol, side, size, price, filled, status, placed_at, row_status, row_id = values
    return Stray(
        *about,
        client_order_id=ours,
        exchange_order_id=theirs,
        symbol=symbol,
        side=side,
        amount=Decimal(size),
        price=None if price is None else Decimal(price),
        filled_amount=Decimal(filled),
        status=status,
        placed_at=datetime.fromisoformat(placed_at),
        row_status=row_status,
        row_id=row_id,
    )


def _difference(about: _About, values: list[Any]) -> Difference:
    asset, expected, actual, seen_at = values
    return Difference(*about, asset, Decimal(expected), Decimal(actual), datetime.fromisoformat(seen_at))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
