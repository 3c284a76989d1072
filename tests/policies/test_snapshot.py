import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import OperationalError, connection

from policies import snapshot
from policies.defaults import FAILOVER_CHAINS
from policies.domain.policy import Mode, Scope, TradingStatus
from policies.models import ApiToken, Exchange, FailoverChain, OrderSizeLimit, StrategyPolicy, TradingPermission
from policies.services import create_token, set_trading_state


def version() -> int:
    return snapshot.current_version()


def test_the_installed_chains_are_those_of_the_requirement(db):
    policy = snapshot.current_policy()

    assert policy.chains == FAILOVER_CHAINS
    assert policy.chain("binance") == ("binance", "bybit", "okx", "kucoin", "kraken", "firi")


def test_an_exchange_without_a_chain_stands_alone(db):
    FailoverChain.objects.filter(primary="kraken").delete()

    assert snapshot.current_policy().chain("kraken") == ("kraken",)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE policies_exchange SET enabled = false WHERE slug = 'okx'",
        "UPDATE policies_routingsettings SET max_slippage_bps = 50",
        "UPDATE policies_failoverchain SET enabled = false",
        "DELETE FROM policies_failoverstep",
        "UPDATE auth_user SET is_active = false",
        "UPDATE policies_apitoken SET revoked_at = now()",
        "UPDATE policies_webhook SET enabled = false",
        "UPDATE policies_webhook SET old_token_until = now()",
        "UPDATE policies_webhooksecret SET retired_at = now()",
        "INSERT INTO policies_tradingstate (scope, target, status, reason, since)"
        " VALUES ('global', '', 'halted', 'x', now())",
    ],
)
def test_any_change_of_policy_changes_the_version_even_by_plain_sql(db, statement):
    before = version()

    with connection.cursor() as cursor:
        cursor.execute(statement)

    assert version() > before


def test_using_a_token_or_logging_in_does_not_change_the_version(user):
    create_token(user=user, name="bot", scopes=["read"], by=None)
    before = version()

    with connection.cursor() as cursor:
        cursor.execute("UPDATE policies_apitoken SET last_used_at = now()")
        cursor.execute("UPDATE policies_webhook SET last_used_at = now()")
        cursor.execute("UPDATE auth_user SET last_login = now()")

    assert ApiToken.objects.count() == 1
    assert version() == before


def test_a_change_is_seen_after_the_check_interval_and_not_rebuilt_without_one(db, monkeypatch):
    monkeypatch.setattr(snapshot, "CHECK_INTERVAL_S", 0.0)
    first = snapshot.current_policy()
    assert snapshot.current_policy() is first

    Exchange.objects.filter(slug="okx").update(enabled=False)

    assert snapshot.current_policy().exchanges["okx"].enabled is False


def test_everything_a_user_may_do_is_compiled(user):
    permission = TradingPermission.objects.create(user=user, all_exchanges=False, pairs=["BTC/USDT"])
    permission.exchanges.set(["binance", "kraken"])
    OrderSizeLimit.objects.create(permission=permission, currency="USDT", max_notional=Decimal(5000))
    StrategyPolicy.objects.create(strategy_id="scalper_btc", exchange_id="kraken", mode="live")

    policy = snapshot.current_policy()

    rule = policy.permissions[user.pk]
    assert rule.exchanges == {"binance", "kraken"}
    assert rule.max_order_notional == {"USDT": Decimal(5000)}
    assert policy.strategies["scalper_btc"].mode == Mode.LIVE


def test_only_scopes_that_are_not_active_are_in_the_snapshot(user):
    halt = {"scope": Scope.EXCHANGE, "target": "kraken", "by": user}
    set_trading_state(**halt, status=TradingStatus.HALTED, reason="503s since 09:12")
    assert snapshot.refresh().states[Scope.EXCHANGE, "kraken"].reason == "503s since 09:12"

    set_trading_state(**halt, status=TradingStatus.ACTIVE, reason="answers again, reconciled")

    assert snapshot.refresh().states == {}


def test_while_the_database_is_gone_all_callers_share_one_attempt(db, monkeypatch):
    attempts = []

    def slow_failure():
        attempts.append(1)
        time.sleep(0.3)  # the pool's time-out
        raise OperationalError("no connection")

    def ask(_):
        with pytest.raises(OperationalError, match="no connection"):
            snapshot.current_policy()

    monkeypatch.setattr(snapshot, "current_version", slow_failure)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(16)))

    assert len(attempts) == 1
    monkeypatch.undo()
    monkeypatch.setattr(snapshot, "FAILED_FOR_S", 0)
    assert snapshot.current_policy().exchanges
