"""Prometheus metrics under the requirements' names. Label values are bounded: a name not ours counts as other."""

from prometheus_client import Counter, Histogram

from policies.defaults import EXCHANGES

_KNOWN = frozenset(str(row["slug"]) for row in EXCHANGES)
_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

exchange_routing_total = Counter("exchange_routing_total", "Signals routed.", ["exchange", "source"])
exchange_validation_failures_total = Counter(
    "exchange_validation_failures_total", "Signals that named an exchange we cannot use.", ["invalid_exchange"]
)
exchange_failover_events_total = Counter(
    "exchange_failover_events_total", "Signals routed away from their primary.", ["primary", "selected"]
)
exchange_failover_failures_total = Counter(
    "exchange_failover_failures_total", "Signals for which no exchange was left.", ["primary", "reason"]
)
exchange_health_checks_total = Counter("exchange_health_checks_total", "Health checks.", ["exchange", "status"])
exchange_health_check_duration_seconds = Histogram(
    "exchange_health_check_duration_seconds", "How long a health check took.", ["exchange"], buckets=_FAST
)
circuit_transitions_total = Counter(
    "circuit_transitions_total", "Changes of an exchange's circuit breaker.", ["exchange", "state"]
)
trades_routed_total = Counter("trades_routed_total", "Orders made from signals.")
routing_latency_seconds = Histogram("routing_latency_seconds", "Claim of a signal to its decision.", buckets=_FAST)
executions_total = Counter("executions_total", "Orders that ended or left the fast path.", ["exchange", "outcome"])
executions_success_total = Counter("executions_success_total", "Orders with at least one fill.", ["exchange"])
execution_latency_seconds = Histogram(
    "execution_latency_seconds", "Placement: request to the exchange's answer.", ["exchange"], buckets=_FAST
)
signal_to_ack_seconds = Histogram(
    "signal_to_ack_seconds", "Receipt of a signal to the exchange's first clear answer.", buckets=_FAST
)
denials_total = Counter("denials_total", "Signals we refused.", ["code"])
signals_accepted_total = Counter("signals_accepted_total", "Signals stored.")
price_cache_total = Counter(
    "price_cache_total", "Order books wanted for prices: hit, miss, stale.", ["exchange", "result"]
)
webhook_deliveries_total = Counter(
    "webhook_deliveries_total", "Requests to webhooks that exist: accepted, duplicate, refused.", ["outcome"]
)


def exchange_label(name: str) -> str:
    """A bounded label value."""
    return name if name in _KNOWN else "other"
