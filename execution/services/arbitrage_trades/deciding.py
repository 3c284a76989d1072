"""What people decide about a trade of which something is open. Each says why, and is written down with its author."""

from decimal import Decimal
from uuid import UUID

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from execution.domain.arbitrage_trade import Doing, Next, TradeState, next_move
from execution.models import ArbitrageTrade
from execution.selectors.arbitrage_trades import steps_of
from execution.selectors.facts import current_facts
from execution.services.arbitrage_trades import rows
from policies.domain.numbers import plain
from policies.domain.policy import OneLegged
from policies.services import check_reason

logger = structlog.get_logger(__name__)

MAX_LOSS_BPS = Decimal(2000)
_WORDS = {OneLegged.COMPLETE: "complete", OneLegged.UNWIND: "trade back"}


def trade_rest(trade_id: UUID, wish: OneLegged, loss_bps: Decimal, *, by: str, reason: str) -> None:
    """Complete or trade back what is open, losing at most `loss_bps`; some tries, then a person is asked again.

    The order goes the ordinary way: a halt or a limit stops it as any other. Raises ValidationError.
    """
    reason = check_reason(reason)
    if not Decimal(0) <= loss_bps <= MAX_LOSS_BPS:
        raise ValidationError(f"Between 0 and {MAX_LOSS_BPS} basis points.", code="loss_bps")
    now = timezone.now()
    try:
        with transaction.atomic():
            row = _held(trade_id)
            steps = steps_of([row])[row.pk]
            _renew_terms(row)
            row.doing, row.loss_bps, row.since_step = wish.value, loss_bps, len(steps)
            after = next_move(rows.plan_of(row), steps, Doing(wish, loss_bps, len(steps)), now)
            if after is None or after.state == TradeState.HELD:
                raise ValidationError(after.why if after else "One of its orders is not over.", code="impossible")
            said = f"{_WORDS[wish]} what is open, losing at most {plain(loss_bps)} bps: {reason}"
            rows.move(row, steps, after, now, by=by, said=said)
    except rows.NotStored as e:
        raise ValidationError("The order could not be stored just now. Try again.", code="impossible") from e
    logger.warning("arbitrage_rest", trade=str(trade_id), wish=wish.value, by=by, reason=reason)


@transaction.atomic
def accept(trade_id: UUID, *, by: str, reason: str) -> None:
    """What is open stays, as a position. Nothing is sent. Raises ValidationError."""
    reason = check_reason(reason)
    row = _held(trade_id)
    after = Next(TradeState.ACCEPTED, code=row.reason_code, why=row.reason_detail)
    rows.move(row, steps_of([row])[row.pk], after, timezone.now(), by=by, said=f"accepted as a position: {reason}")
    logger.warning("arbitrage_accepted", trade=str(trade_id), open=str(row.open_amount), by=by, reason=reason)


def _held(trade_id: UUID) -> ArbitrageTrade:
    row = ArbitrageTrade.objects.select_for_update(of=("self",)).get(pk=trade_id)
    if row.state != TradeState.HELD:
        raise ValidationError(f"This trade is {row.state} by now. Reload to see it.", code="settled")
    return row


def _renew_terms(row: ArbitrageTrade) -> None:
    """Steps and minimums may have changed since the trade began; fees are kept."""
    markets = current_facts().markets
    for exchange, known in row.terms.items():
        market = markets.get(exchange, {}).get(row.symbol)
        if market is not None:
            least, value = market.min_amount, market.min_notional
            known |= {
                "tick": plain(market.tick),
                "lot": plain(market.lot),
                "min_amount": None if least is None else plain(least),
                "min_notional": None if value is None else plain(value),
            }
