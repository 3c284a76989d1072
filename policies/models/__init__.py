"""Rows that people edit. Every change bumps the policy version by a database trigger (migrations 0002 and 0004).

Only alert rules and channels do not: nothing that routes reads them.
"""

from policies.models.alert import AlertChannel, AlertRule
from policies.models.api_token import ApiToken
from policies.models.credentials import ExchangeCredential
from policies.models.exchange import Exchange
from policies.models.failover import FailoverChain, FailoverStep
from policies.models.fees import FeeTier
from policies.models.permissions import OrderSizeLimit, TradingPermission
from policies.models.routing_settings import RoutingSettings
from policies.models.smart import RoutingStrategy, TradingPreference
from policies.models.strategy import StrategyPolicy
from policies.models.trading_state import TradingState
from policies.models.version import PolicyVersion
from policies.models.webhook import Webhook, WebhookSecret

__all__ = [
    "AlertChannel",
    "AlertRule",
    "ApiToken",
    "Exchange",
    "ExchangeCredential",
    "FailoverChain",
    "FailoverStep",
    "FeeTier",
    "OrderSizeLimit",
    "PolicyVersion",
    "RoutingSettings",
    "RoutingStrategy",
    "StrategyPolicy",
    "TradingPermission",
    "TradingPreference",
    "TradingState",
    "Webhook",
    "WebhookSecret",
]
