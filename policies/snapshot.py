"""All policy rows compiled into one frozen object, rebuilt when the version number says so.

A process asks for the version at most every `CHECK_INTERVAL_S`, so a change is in force everywhere within that time,
without a restart. Code that sends orders also asks how old the last check is (`checked_age_s`) and sends nothing when
the database has not been reachable for too long.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from policies.domain.policy import (
    BeyondChain,
    BreakerRules,
    ChainOrder,
    ChainOrdering,
    CredentialRef,
    ExchangePolicy,
    FeeTier,
    Mode,
    OnAllUnhealthy,
    OneLegged,
    OnExtraPrecision,
    OnMissingCredential,
    OnUnknownExchange,
    PermissionRule,
    Policy,
    PreferenceRule,
    RouteBy,
    RoutingRules,
    Scope,
    StrategyRule,
    TradingStateRule,
    TradingStatus,
)
from policies.domain.smart import RiskTolerance
from policies.models import (
    Exchange,
    ExchangeCredential,
    FailoverChain,
    PolicyVersion,
    RoutingSettings,
    RoutingStrategy,
    StrategyPolicy,
    TradingPermission,
    TradingPreference,
    TradingState,
)
from policies.models import FeeTier as FeeTierRow

CHECK_INTERVAL_S = 0.25
FAILED_FOR_S = 0.5
"""How long nobody asks again after the database did not answer."""


class _Cache:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.policy: Policy | None = None
        self.checked_at = float("-inf")
        self.failed_at = float("-inf")
        self.failure = ""


_cache = _Cache()


def current_policy() -> Policy:
    """Policy as of at most CHECK_INTERVAL_S ago. One query at most every CHECK_INTERVAL_S per process."""
    if _cache.policy is not None and checked_age_s() < CHECK_INTERVAL_S:
        return _cache.policy
    asked_at = time.monotonic()
    _share_failure(since=asked_at - FAILED_FOR_S)
    # One thread asks; the others go on with what is known, unless nothing is.
    if not _cache.lock.acquire(blocking=_cache.policy is None or checked_age_s() > 1.0):
        assert _cache.policy is not None
        return _cache.policy
    try:
        _share_failure(since=asked_at)
        if _cache.policy is not None and checked_age_s() < CHECK_INTERVAL_S:
            return _cache.policy
        return _refresh_or_note_failure()
    finally:
        _cache.lock.release()


def _share_failure(*, since: float) -> None:
    """While the database is gone, those who waited for somebody's attempt fail with it instead of making their own:
    one attempt after the other, each with its time-out, would let clients wait for ever."""
    if _cache.failed_at >= since:
        raise OperationalError(_cache.failure)


def _refresh_or_note_failure() -> Policy:
    try:
        return refresh()
    except (OperationalError, InterfaceError) as e:
        _cache.failed_at, _cache.failure = time.monotonic(), str(e)
        raise


def refresh() -> Policy:
    """Ask for the version now and rebuild if it changed."""
    asked_at = time.monotonic()
    version = current_version()
    if _cache.policy is None or _cache.policy.version != version:
        _cache.policy = compile_policy()
    _cache.checked_at = asked_at
    return _cache.policy


def checked_age_s() -> float:
    """Seconds since this process last learned the policy version; infinite before the first time."""
    return time.monotonic() - _cache.checked_at


def known_policy() -> Policy | None:
    """What this process knows, without asking the database; None before the first `refresh`."""
    return _cache.policy


def forget() -> None:
    """Drop what this process knows (tests)."""
    _cache.policy = None
    _cache.checked_at = _cache.failed_at = float("-inf")


def current_version() -> int:
    """The number that changes with every committed change of policy; 0 on an empty database."""
    return PolicyVersion.objects.filter(pk=1).values_list("version", flat=True).first() or 0


def compile_policy() -> Policy:
    """Read all policy at one instant."""
    with transaction.atomic():
        if not connection.savepoint_ids:  # outermost: one consistent view of all tables
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        chains = list(_enabled_chains())
        return Policy(
            version=current_version(),
            rules=_rules(),
            exchanges={row.slug: _exchange(row) for row in Exchange.objects.all()},
            strategies={row.strategy_id: _strategy(row) for row in StrategyPolicy.objects.all()},
            chains={row.primary_id: row.slugs() for row in chains},
            orderings={row.primary_id: ChainOrder(ChainOrdering(row.ordering), row.region) for row in chains},
            permissions={row.user_id: _permission(row) for row in _permissions()},
            states=_states(),
            routing_strategies={row.name: row.terms() for row in RoutingStrategy.objects.all()},
            preferences={row.user_id: _preference(row) for row in TradingPreference.objects.all()},
            credentials={ref.key: ref for ref in map(_credential, _credentials())},
            fee_tiers=_fee_tiers(),
        )


def _enabled_chains() -> Iterable[FailoverChain]:
    return FailoverChain.objects.filter(enabled=True).prefetch_related("steps")


def _permissions() -> Iterable[TradingPermission]:
    return TradingPermission.objects.select_related("user").prefetch_related("exchanges", "order_sizes")


def _credentials() -> Iterable[ExchangeCredential]:
    return ExchangeCredential.objects.defer("ciphertext")


def _rules() -> RoutingRules:
    row = RoutingSettings.objects.get()
    return RoutingRules(
        default_exchange=row.default_exchange_id,
        on_unknown_exchange=OnUnknownExchange(row.on_unknown_exchange),
        on_all_unhealthy=OnAllUnhealthy(row.on_all_unhealthy),
        on_missing_credential=OnMissingCredential(row.on_missing_credential),
        on_extra_precision=OnExtraPrecision(row.on_extra_precision),
        max_slippage_bps=row.max_slippage_bps,
        price_collar_bps=row.price_collar_bps,
        book_max_age_s=row.book_max_age_s,
        signal_max_age_s=row.signal_max_age_s,
        beyond_chain=BeyondChain(row.beyond_chain),
        smart_route=RouteBy(row.smart_route),
        smart_needs_balance=row.smart_needs_balance,
        twap_above=row.twap_above,
        twap_slices=row.twap_slices,
        twap_horizon_s=row.twap_horizon_s,
        schedule_jitter=row.schedule_jitter,
        passive_horizon_s=row.passive_horizon_s,
        arbitrage_min_profit_bps=row.arbitrage_min_profit_bps,
        arbitrage_max_notional=row.arbitrage_max_notional,
        arbitrage_enabled=row.arbitrage_enabled,
        arbitrage_one_legged=OneLegged(row.arbitrage_one_legged),
        arbitrage_max_loss_bps=row.arbitrage_max_loss_bps,
        arbitrage_book_max_age_s=row.arbitrage_book_max_age_s,
    )


def _exchange(row: Exchange) -> ExchangePolicy:
    return ExchangePolicy(
        slug=row.slug,
        name=row.name,
        enabled=row.enabled and row.slug in settings.ENV["ALLOWED_EXCHANGES"],
        mode=Mode(row.mode),
        region=row.region,
        maker_fee_bps=row.maker_fee_bps,
        taker_fee_bps=row.taker_fee_bps,
        max_in_flight=row.max_in_flight,
        degraded_above_ms=row.degraded_above_ms,
        stale_after_s=row.stale_after_s,
        health_interval_s=row.health_interval_s,
        maintenance_from=row.maintenance_from,
        maintenance_to=row.maintenance_to,
        breaker=BreakerRules(
            failures_to_open=row.breaker_failures,
            failure_share=row.breaker_failure_percent / 100,
            slow_share=row.breaker_slow_percent / 100,
            first_open_s=row.breaker_first_open_s,
            longest_open_s=row.breaker_longest_open_s,
            probes=row.breaker_probes,
            successes_to_close=row.breaker_successes,
        ),
    )


def _fee_tiers() -> dict[str, tuple[FeeTier, ...]]:
    found: dict[str, list[FeeTier]] = defaultdict(list)
    for slug, *tier in FeeTierRow.objects.values_list("exchange_id", "from_volume", "maker_bps", "taker_bps"):
        found[slug].append(FeeTier(*tier))
    return {slug: tuple(tiers) for slug, tiers in found.items()}


def _strategy(row: StrategyPolicy) -> StrategyRule:
    return StrategyRule(
        strategy_id=row.strategy_id,
        exchange=row.exchange_id,
        mode=Mode(row.mode),
        enabled=row.enabled,
        execution_method=row.execution_method,
        route_by=RouteBy(row.route_by),
        balanced_over=tuple(sorted(row.balanced_over.items())),
    )


def _permission(row: TradingPermission) -> PermissionRule:
    return PermissionRule(
        user_id=row.user_id,
        username=row.user.get_username(),
        user_active=row.user.is_active,
        enabled=row.enabled,
        exchanges=None if row.all_exchanges else frozenset(exchange.slug for exchange in row.exchanges.all()),
        pairs=tuple(row.pairs),
        max_order_notional={limit.currency: limit.max_notional for limit in row.order_sizes.all()},
        arbitrage=row.arbitrage,
    )


def _preference(row: TradingPreference) -> PreferenceRule:
    routing = RouteBy(row.routing_strategy) if row.routing_strategy else None
    return PreferenceRule(tuple(row.preferred_exchanges), routing, RiskTolerance(row.risk_tolerance))


def _states() -> dict[tuple[Scope, str], TradingStateRule]:
    rows = TradingState.objects.exclude(status=TradingStatus.ACTIVE).select_related("changed_by")
    return {
        (Scope(row.scope), row.target): TradingStateRule(
            scope=Scope(row.scope),
            target=row.target,
            status=TradingStatus(row.status),
            reason=row.reason,
            by=row.changed_by.get_username() if row.changed_by else "the system",
            since=row.since,
        )
        for row in rows
    }


def _credential(row: ExchangeCredential) -> CredentialRef:
    return CredentialRef(str(row.id), row.user_id, row.exchange_id, Mode(row.mode), row.frozen, row.version)
