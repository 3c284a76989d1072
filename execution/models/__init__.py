"""Rows that the machine writes: signals, decisions, orders, fills, positions, health, markets."""

from execution.models.alert import Alert, AlertDelivery
from execution.models.arbitrage import ArbitrageOpportunity
from execution.models.arbitrage_trade import ArbitrageEvent, ArbitrageStep, ArbitrageTrade
from execution.models.balance import AccountBalance
from execution.models.breaker import CircuitBreaker
from execution.models.costs import AccountFee, OrderCost
from execution.models.decision import Decision
from execution.models.health import ExchangeHealth, HealthEvent, HealthSample
from execution.models.installation import Installation, MachineClock
from execution.models.market import Market, MarketBar
from execution.models.order import Fill, Order, OrderEvent
from execution.models.position import FeeTotal, Position
from execution.models.reconciliation import BalanceCheck, BalanceMark, BookBreak, Orphan, Reconciliation
from execution.models.rollup import HealthRollup
from execution.models.signal import Signal
from execution.models.webhook import WebhookDelivery, WebhookNonce
from execution.models.worker import Heartbeat

__all__ = [
    "AccountFee",
    "Alert",
    "AlertDelivery",
    "AccountBalance",
    "ArbitrageEvent",
    "ArbitrageOpportunity",
    "ArbitrageStep",
    "ArbitrageTrade",
    "BalanceCheck",
    "BalanceMark",
    "BookBreak",
    "CircuitBreaker",
    "Decision",
    "ExchangeHealth",
    "FeeTotal",
    "Fill",
    "HealthEvent",
    "HealthRollup",
    "HealthSample",
    "Heartbeat",
    "Installation",
    "MachineClock",
    "Market",
    "MarketBar",
    "Order",
    "OrderCost",
    "OrderEvent",
    "Orphan",
    "Position",
    "Reconciliation",
    "Signal",
    "WebhookDelivery",
    "WebhookNonce",
]
