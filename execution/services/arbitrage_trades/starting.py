"""Beginning a trade: one row and its first order in one transaction, once per user and key."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from execution.domain.arbitrage_trade import OVER, first_step
from execution.domain.ids import trade_id
from execution.models import ArbitrageTrade
from execution.services.arbitrage_trades import rows
from execution.services.arbitrage_trades.offers import Offer, offer_of
from execution.services.installation import installation_id
from execution.services.intake import body_hash
from policies.domain.numbers import plain
from policies.domain.policy import RoutingRules
from policies.domain.reasons import Denied, ReasonCode
from policies.snapshot import current_policy

logger = structlog.get_logger(__name__)


class Refused(Denied):
    """Nothing was stored and nothing is sent."""


@dataclass(frozen=True, slots=True)
class Started:
    """The trade. replayed: it had been begun before, under the same key."""

    trade: ArbitrageTrade
    replayed: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants which opportunity traded. key: new for every trade, the same for its retries. most: base units."""

    user_id: int
    key: str
    opportunity_id: int
    most: Decimal | None = None
    by: str = ""
    reason: str = ""
    token_id: int | None = None

    @property
    def meaning(self) -> str:
        """The same for the same wish."""
        return body_hash({"opportunity": self.opportunity_id, "most": None if self.most is None else plain(self.most)})


def start(
    user_id: int,
    key: str,
    opportunity_id: int,
    most: Decimal | None = None,
    *,
    by: str,
    reason: str = "",
    token_id: int | None = None,
) -> Started:
    """Begin it, or give the one that was begun under this key. Raises Refused: then nothing was stored or sent."""
    asked = Asked(user_id, key, opportunity_id, most, by, reason, token_id)
    earlier = _earlier(asked)
    if earlier is not None:
        return earlier
    try:
        found = offer_of(user_id, opportunity_id, most)
    except Denied as e:
        raise Refused(e.denial.code, e.denial.detail) from e
    try:
        with transaction.atomic():
            trade = _store(asked, found, current_policy().rules, timezone.now())
    except (_Busy, IntegrityError):
        # A twin was faster, or another trade of this user in this pair.
        earlier = _earlier(asked)
        if earlier is None:
            text = "This user has an arbitrage in this pair that is not over; nothing was sent. Wait for it, or decide."
            raise Refused(ReasonCode.ARBITRAGE_UNDER_WAY, text) from None
        return earlier
    except rows.NotStored as e:
        raise Refused(ReasonCode.IDEMPOTENCY_IN_PROGRESS, "The first request with this key is being stored.") from e
    logger.info("arbitrage_started", trade=str(trade.pk), symbol=trade.symbol, by=by)
    return Started(trade, replayed=False)


def _earlier(asked: Asked) -> Started | None:
    known = ArbitrageTrade.objects.filter(user=asked.user_id, idempotency_key=asked.key).first()
    if known is None:
        return None
    if known.body_hash != asked.meaning:
        text = "This key was used before for another opportunity or amount. Nothing was stored."
        raise Refused(ReasonCode.IDEMPOTENCY_KEY_REUSE, text)
    return Started(known, replayed=True)


class _Busy(Exception):
    """Another trade of this user in this pair is not over."""


def _store(asked: Asked, found: Offer, rules: RoutingRules, now: datetime) -> ArbitrageTrade:
    plan = found.plan
    if ArbitrageTrade.objects.filter(user=asked.user_id, symbol=found.symbol).exclude(state__in=OVER).exists():
        raise _Busy
    policy = rules.arbitrage_one_legged.value
    trade = ArbitrageTrade.objects.create(
        id=trade_id(installation_id(), asked.user_id, asked.key),
        user_id=asked.user_id,
        idempotency_key=asked.key,
        body_hash=asked.meaning,
        started_at=now,
        started_by=asked.by[:150],
        reason=asked.reason,
        opportunity=found.opportunity,
        symbol=found.symbol,
        buy_exchange=plan.buy.exchange,
        sell_exchange=plan.sell.exchange,
        mode=found.mode.value,
        amount=plan.amount,
        buy_limit=plan.buy.limit,
        sell_limit=plan.sell.limit,
        planned_cost=found.cost.quantize(Decimal("1e-18")),
        planned_profit=found.profit.quantize(Decimal("1e-18")),
        planned_bps=min(found.profit_bps, Decimal(10**7)).quantize(Decimal("1e-4")),
        book_age_s=Decimal(f"{found.book_age_s:.3f}"),
        policy=policy,
        max_loss_bps=rules.arbitrage_max_loss_bps,
        first=plan.first.value,
        first_why=found.first_why,
        terms=rows.terms_of(plan),
        doing=policy,
        loss_bps=rules.arbitrage_max_loss_bps,
    )
    rows.note(trade, now, found.first_why, by=asked.by[:150])
    rows.add_step(trade, 0, first_step(plan), now, asked.token_id)
    return trade
