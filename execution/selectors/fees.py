"""What accounts pay, and how far each is to its next tier."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet
from django.utils import timezone

from execution.domain.fees import AccountFacts, FeeRate, FeeSource, Progress, account_rate, progress, schedule_of
from execution.models import AccountFee
from execution.selectors.query import fetch
from policies.domain.policy import Mode, Policy
from policies.models import ExchangeCredential

_RATES = """
SELECT c.exchange_id, c.id::text, t.maker, t.taker, t.told_at, t.told_volume,
       CASE WHEN f.counted_at IS NOT NULL THEN (SELECT sum(day) FROM unnest(f.daily) day) END
FROM execution_accountfee f JOIN policies_exchangecredential c ON c.id = f.credential_id
LEFT JOIN execution_accountfee t ON t.credential_id = c.id AND t.keys_version = c.version
"""


def known_rates(policy: Policy) -> dict[tuple[str, str], FeeRate]:
    """What every account pays that something is known of, by exchange and id of keys. One query."""
    now, found = timezone.now(), {}
    schedules = {slug: schedule_of(policy, slug) for slug in policy.exchanges}
    for slug, credential, maker, taker, told_at, told_volume, counted in fetch(_RATES, {}):
        account = AccountFacts(_told(maker, taker), told_at, counted if told_volume is None else told_volume)
        rate = account_rate(schedules.get(slug, ()), account, now)
        if rate is not None:
            found[slug, credential] = rate
    return found


def _told(maker: Decimal | None, taker: Decimal | None) -> FeeRate | None:
    return None if maker is None or taker is None else FeeRate(maker, taker, FeeSource.TOLD)


@dataclass(frozen=True, slots=True)
class Account:
    """One set of keys with what it pays. rate is None where nothing is known of the exchange's fees."""

    credential_id: str
    user: str
    exchange: str
    mode: Mode
    label: str
    rate: FeeRate | None
    progress: Progress | None
    counted: Decimal | None
    told_volume: Decimal | None
    told_at: datetime | None
    tier: str
    error: str
    uncounted: dict[str, str] = field(default_factory=dict)

    has_tiers: bool = False

    @property
    def maker_bps(self) -> Decimal | None:
        """Basis points; None where unknown."""
        return None if self.rate is None else plain_bps(self.rate.maker)

    @property
    def taker_bps(self) -> Decimal | None:
        """Basis points; None where unknown."""
        return None if self.rate is None else plain_bps(self.rate.taker)

    @property
    def next_maker_bps(self) -> Decimal | None:
        """Of the next tier; None at the top."""
        following = self.progress.next if self.progress else None
        return None if following is None else plain_bps(following.maker)

    @property
    def next_taker_bps(self) -> Decimal | None:
        """Of the next tier; None at the top."""
        following = self.progress.next if self.progress else None
        return None if following is None else plain_bps(following.taker)

    @property
    def uncounted_shown(self) -> list[tuple[str, Decimal]]:
        """What was filled in other currencies than dollars."""
        return [(quote, Decimal(volume)) for quote, volume in sorted(self.uncounted.items())]


def plain_bps(rate: Decimal) -> Decimal:
    """A fraction in basis points."""
    return rate * 10_000


def accounts(policy: Policy, rows: QuerySet[ExchangeCredential], most: int) -> list[Account]:
    """The first `most` of these keys, by user and exchange. One query."""
    now = timezone.now()
    found = rows.defer("ciphertext").select_related("user", "account_fee").order_by("user__username", "exchange")
    return [_account(policy, row, now) for row in found[:most]]


def _account(policy: Policy, row: ExchangeCredential, now: datetime) -> Account:
    known: AccountFee = getattr(row, "account_fee", None) or AccountFee(credential_id=row.pk)
    if known.keys_version != row.version:  # what was told is about other keys
        known.maker = known.taker = known.told_volume = known.told_at = None
        known.tier = known.error = ""
    daily: Sequence[Decimal] = known.daily
    counted = sum(daily, Decimal(0)) if known.counted_at is not None else None
    volume = counted if known.told_volume is None else known.told_volume
    schedule = schedule_of(policy, row.exchange_id)
    facts = AccountFacts(_told(known.maker, known.taker), known.told_at, volume)
    return Account(
        credential_id=str(row.pk),
        user=row.user.get_username(),
        exchange=row.exchange_id,
        mode=Mode(row.mode),
        label=row.label,
        rate=account_rate(schedule, facts, now),
        progress=progress(schedule, daily, volume) if schedule and volume is not None else None,
        counted=counted,
        told_volume=known.told_volume,
        told_at=known.told_at,
        tier=known.tier,
        error=known.error,
        uncounted=known.uncounted,
        has_tiers=len(schedule) > 1,
    )
