"""The sections of the policy file: how each kind of row is read, checked and written."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from policies.alerts import check_rule
from policies.domain.numbers import plain
from policies.domain.smart import StrategyTerms
from policies.models import (
    AlertChannel,
    AlertRule,
    Exchange,
    FailoverChain,
    FeeTier,
    OrderSizeLimit,
    RoutingSettings,
    RoutingStrategy,
    StrategyPolicy,
    TradingPermission,
    TradingPreference,
)
from policies.policy_values import (
    Converter,
    Values,
    boolean,
    fee_tiers,
    names,
    of_model,
    order_sizes,
    pairs,
    read_fields,
    slugs,
    slugs_or_all,
    text,
    weights,
    whole_or_none,
    write_fields,
)
from policies.services import set_chain


class Section(Protocol):
    """One kind of row. `fields` converts what the file says; a converter raises ValueError with a sentence."""

    name: str
    fields: Mapping[str, Converter]

    def rows(self) -> Iterable[str]:
        """The rows there are."""

    def read(self, key: str) -> Values:
        """A row's fields, or the defaults of a new one. Raises ValidationError if there can be no such row."""

    def write(self, key: str, values: Values, reason: str, by: User | None) -> None:
        """Set these fields, with history. Raises ValidationError."""


class _Exchanges:
    name = "exchanges"
    own = of_model(
        Exchange,
        (
            "name", "enabled", "mode", "region", "maker_fee_bps", "taker_fee_bps", "max_in_flight",
            "degraded_above_ms", "stale_after_s", "health_interval_s", "maintenance_from", "maintenance_to",
            "maintenance_note", "breaker_failures", "breaker_failure_percent", "breaker_slow_percent",
            "breaker_first_open_s", "breaker_longest_open_s", "breaker_probes", "breaker_successes",
        ),
    )  # fmt: skip
    fields: Mapping[str, Converter] = {**own, "fee_tiers": fee_tiers}

    def rows(self) -> Iterable[str]:
        return Exchange.objects.values_list("slug", flat=True)

    def read(self, key: str) -> Values:
        row = self._row(key)
        tiers = {int(tier.from_volume): [plain(tier.maker_bps), plain(tier.taker_bps)] for tier in row.fee_tiers.all()}
        return {**read_fields(row, self.own), "fee_tiers": tiers}

    def write(self, key: str, values: Values, reason: str, by: User | None) -> None:
        row, tiers = self._row(key), values.pop("fee_tiers", None)
        write_fields(row, values, reason, by)
        if tiers is not None:
            self._set_tiers(row, tiers, reason, by)

    def _set_tiers(self, row: Exchange, tiers: dict[int, list[str]], reason: str, by: User | None) -> None:
        for tier in row.fee_tiers.exclude(from_volume__in=tiers):
            tier._change_reason, tier._history_user = reason, by  # type: ignore[attr-defined]
            tier.delete()
        for volume, (maker, taker) in tiers.items():
            tier = row.fee_tiers.filter(from_volume=volume).first() or FeeTier(exchange=row, from_volume=volume)
            write_fields(tier, {"maker_bps": Decimal(maker), "taker_bps": Decimal(taker)}, reason, by)

    def _row(self, key: str) -> Exchange:
        row = Exchange.objects.filter(pk=key).first()
        if row is None:
            raise ValidationError(f"There is no exchange {key!r}.")
        return row


class _RoutingSettings:
    name = "routing_settings"
    fields: Mapping[str, Converter] = of_model(
        RoutingSettings,
        (
            "default_exchange", "on_unknown_exchange", "on_all_unhealthy", "beyond_chain", "on_missing_credential",
            "smart_route", "smart_needs_balance",
            "on_extra_precision", "max_slippage_bps", "price_collar_bps", "book_max_age_s", "signal_max_age_s",
            "twap_above", "twap_slices", "twap_horizon_s", "schedule_jitter", "passive_horizon_s",
            "arbitrage_min_profit_bps", "arbitrage_max_notional", "arbitrage_enabled", "arbitrage_one_legged",
            "arbitrage_max_loss_bps", "arbitrage_book_max_age_s",
        ),
    )  # fmt: skip

    def rows(self) -> Iterable[str]:
        return ["all"]

    def read(self, key: str) -> Values:
        if key != "all":
            raise ValidationError("There is one set of routing settings; call it 'all'.")
        return read_fields(RoutingSettings.objects.get(), self.fields)

    def write(self, key: str, values: Values, reason: str, by: User | None) -> None:
        write_fields(RoutingSettings.objects.get(), values, reason, by)


class _Strategies:
    name = "strategies"
    fields: Mapping[str, Converter] = {
        **of_model(StrategyPolicy, ("exchange", "route_by", "mode", "execution_method", "enabled", "notes")),
        "balanced_over": weights,
    }

    def rows(self) -> Iterable[str]:
        return StrategyPolicy.objects.values_list("strategy_id", flat=True)

    def read(self, key: str) -> Values:
        row = StrategyPolicy.objects.filter(strategy_id=key).first()
        if row is None:
            return dict.fromkeys(self.fields)
        values = read_fields(row, self.fields)
        return {**values, "balanced_over": dict(sorted(row.balanced_over.items()))}

    def write(self, key: str, values: Values, reason: str, by: User | None) -> None:
        row = StrategyPolicy.objects.filter(strategy_id=key).first() or StrategyPolicy(strategy_id=key)
        write_fields(row, values, reason, by)


class _Chains:
    name = "failover_chains"
    fields: Mapping[str, Converter] = {
        "enabled": boolean, "steps": slugs, "ordering": text, "region": text, "notes": text
    }  # fmt: skip

    def rows(self) -> Iterable[str]:
        return FailoverChain.objects.values_list("primary_id", flat=True)

    def read(self, key: str) -> Values:
        if not Exchange.objects.filter(pk=key).exists():
            raise ValidationError(f"There is no exchange {key!r}.")
        row = FailoverChain.objects.filter(primary_id=key).first()
        if row is None:
            return dict.fromkeys(self.fields)
        plain_fields = {name: getattr(row, name) for name in ("enabled", "ordering", "region", "notes")}
        return {**plain_fields, "steps": list(row.slugs())}

    def write(self, key: str, values: Values, reason: str, by: User | None) -> None:
        set_chain(key, values.pop("steps", None), reason=reason, by=by, **values)


def user_named(name: str) -> User:
    """Raises ValidationError if there is none."""
    user = User.objects.filter(username=name).first()
    if user is None:
        raise ValidationError(f"There is no user {name!r}. Make one with create_api_client.")
    return user


class _Permissions:
    name = "trading_permissions"
    fields: Mapping[str, Converter] = {
        "enabled": boolean,
        "arbitrage": boolean,
        "exchanges": slugs_or_all,
        "pairs": pairs,
        "largest_orders": order_sizes,
    }

    def rows(self) -> Iterable[str]:
        return TradingPermission.objects.values_list("user__username", flat=True)

    def read(self, key: str) -> Values:
        row = TradingPermission.objects.filter(user=user_named(key)).first()
        if row is None:
            return dict.fromkeys(self.fields)
        return {
            "enabled": row.enabled,
            "arbitrage": row.arbitrage,
            "exchanges": "all" if row.all_exchanges else sorted(exchange.slug for exchange in row.exchanges.all()),
            "pairs": list(row.pairs),
            "largest_orders": {size.currency: plain(size.max_notional) for size in row.order_sizes.all()},
        }

    def write(self, key: str, values: Values, reason: str, by: User | None) -> None:
        user = user_named(key)
        row = TradingPermission.objects.filter(user=user).first() or TradingPermission(user=user)
        if (exchanges := values.get("exchanges")) is not None:
            row.all_exchanges = exchanges == "all"
        own: Values = {name: values[name] for name in ("enabled", "arbitrage", "pairs") if name in values}
        write_fields(row, own, reason, by)
        if exchanges is not None:
            row.exchanges.set(self._known([] if exchanges == "all" else exchanges))
        if "largest_orders" in values:
            self._set_sizes(row, values["largest_orders"], reason, by)

    def _set_sizes(self, row: TradingPermission, sizes: dict[str, str], reason: str, by: User | None) -> None:
        for size in row.order_sizes.exclude(currency__in=sizes):
            size._change_reason, size._history_user = reason, by  # type: ignore[attr-defined]
            size.delete()
        for currency, largest in sizes.items():
            limit = row.order_sizes.filter(currency=currency).first() or OrderSizeLimit(
                permission=row, currency=currency
            )
            write_fields(limit, {"max_notional": Decimal(largest)}, reason, by)

    def _known(self, slugs: list[str]) -> list[Exchange]:
        found = list(Exchange.objects.filter(slug__in=slugs))
        missing = set(slugs) - {exchange.slug for exchange in found}
        if missing:
            raise ValidationError(f"There is no exchange {', '.join(sorted(missing))}.")
        return found


class _RoutingStrategies:
    name = "routing_strategies"
    fields: Mapping[str, Converter] = {
        **of_model(RoutingStrategy, (*StrategyTerms.__dataclass_fields__, "notes")),
        "max_latency_ms": whole_or_none,
        "fast_below_ms": whole_or_none,
        "max_legs": whole_or_none,
    }

    def rows(self) -> Iterable[str]:
        return RoutingStrategy.objects.values_list("name", flat=True)

    def read(self, key: str) -> Values:
        return read_fields(self._row(key), self.fields)

    def write(self, key: str, values: Values, reason: str, by: User | None) -> None:
        write_fields(self._row(key), values, reason, by)

    def _row(self, key: str) -> RoutingStrategy:
        row = RoutingStrategy.objects.filter(pk=key).first()
        if row is None:
            raise ValidationError(f"There is no routing strategy {key!r}.")
        return row


class _AlertRules:
    """Rules with the names of their channels; channels are made in the admin, for they hold secrets."""

    name = "alert_rules"
    fields: Mapping[str, Converter] = {
        **of_model(AlertRule, ("condition", "scope", "severity", "enabled", "for_s", "hold_s", "recovery_notice")),
        "threshold": whole_or_none,
        "repeat_s": whole_or_none,
        "channels": names,
    }

    def rows(self) -> Iterable[str]:
        return AlertRule.objects.values_list("name", flat=True)

    def read(self, key: str) -> Values:
        row = AlertRule.objects.filter(name=key).first()
        if row is None:
            return dict.fromkeys(self.fields)
        plain_fields = {name: convert for name, convert in self.fields.items() if name != "channels"}
        channels = sorted(row.channels.values_list("name", flat=True))
        return {**read_fields(row, plain_fields), "channels": channels}

    def write(self, key: str, values: Values, reason: str, by: User | None) -> None:
        row = AlertRule.objects.filter(name=key).first() or AlertRule(name=key)
        channels = values.pop("channels", None)
        for name, value in values.items():
            setattr(row, name, value)
        check_rule(row)
        write_fields(row, values, reason, by)
        if channels is not None:
            found = list(AlertChannel.objects.filter(name__in=channels).defer("ciphertext"))
            missing = set(channels) - {channel.name for channel in found}
            if missing:
                raise ValidationError(f"There is no channel {', '.join(sorted(missing))}. Make it in the admin.")
            row.channels.set(found)


class _Preferences:
    name = "trading_preferences"
    fields: Mapping[str, Converter] = {
        "preferred_exchanges": slugs,
        "routing_strategy": text,
        "risk_tolerance": text,
    }

    def rows(self) -> Iterable[str]:
        return TradingPreference.objects.values_list("user__username", flat=True)

    def read(self, key: str) -> Values:
        row = TradingPreference.objects.filter(user=user_named(key)).first()
        return dict.fromkeys(self.fields) if row is None else read_fields(row, self.fields)

    def write(self, key: str, values: Values, reason: str, by: User | None) -> None:
        user = user_named(key)
        row = TradingPreference.objects.filter(user=user).first() or TradingPreference(user=user)
        write_fields(row, values, reason, by)


_ALL: tuple[Section, ...] = (
    _Exchanges(),
    _RoutingSettings(),
    _RoutingStrategies(),
    _Strategies(),
    _Chains(),
    _Permissions(),
    _Preferences(),
    _AlertRules(),
)
SECTIONS: dict[str, Section] = {section.name: section for section in _ALL}
"""In the order in which they are applied."""
