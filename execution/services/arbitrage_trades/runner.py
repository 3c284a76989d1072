"""Going on with trades of which an order has ended. Any worker does it, at any time, any number of times.

A trade's row is locked (others skip it), its orders are read, the pure rules say what follows, and the trade, its event
and the next order are stored together. So a worker that dies has done all of it or nothing.
"""

from datetime import datetime
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from execution.domain.arbitrage_trade import OVER, UNDER_WAY, Step, TradeState, next_move
from execution.models import ArbitrageStep, ArbitrageTrade
from execution.selectors.arbitrage_trades import steps_of
from execution.services.arbitrage_trades import rows

logger = structlog.get_logger(__name__)

AT_ONCE = 50


def advance() -> int:
    """Move the trades that can move; how many did. One query when none can."""
    waits = ArbitrageStep.objects.filter(trade=OuterRef("pk"), signal__final_at=None)
    ready = ArbitrageTrade.objects.filter(~Exists(waits), state__in=UNDER_WAY).order_by("started_at")
    ids = list(ready.values_list("pk", flat=True)[:AT_ONCE])
    return sum(_advance_one(pk) for pk in ids)


def _advance_one(pk: UUID) -> bool:
    now = timezone.now()
    try:
        with transaction.atomic():
            row = ArbitrageTrade.objects.select_for_update(skip_locked=True, of=("self",)).filter(pk=pk).first()
            if row is None or row.state not in UNDER_WAY:
                return False
            return _move(row, steps_of([row])[row.pk], now)
    except (OperationalError, InterfaceError):
        raise
    except rows.NotStored as e:
        logger.warning("arbitrage_step_not_stored", trade=str(pk), error=str(e))
    except Exception as e:
        # One that cannot be moved must not keep the others from it.
        logger.exception("arbitrage_not_moved", trade=str(pk), error=str(e))
    return False


def _move(row: ArbitrageTrade, steps: list[Step], now: datetime) -> bool:
    after = next_move(rows.plan_of(row), steps, rows.doing_of(row), now)
    if after is None:
        return False
    rows.move(row, steps, after, now)
    if after.state == TradeState.HELD:
        logger.warning("arbitrage_held", trade=str(row.pk), code=after.code, open=str(row.open_amount))
    elif after.state in OVER:
        logger.info("arbitrage_over", trade=str(row.pk), state=after.state.value, profit=str(row.profit))
    return True
