from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from policies.domain.gate import Leaving, check_leaving
from policies.domain.policy import Mode, Scope, TradingStatus
from tests.domain.builders import NOW, USER, exchange, halt, permission, policy

ORDER = Leaving(
    USER,
    "s",
    "binance",
    "BTC/USDT",
    Mode.LIVE,
    True,
    notional=Decimal(10_000),
    received_at=NOW - timedelta(seconds=1),
    expires_at=NOW + timedelta(seconds=1),
)


def code(a_policy, order=ORDER):
    denial = check_leaving(a_policy, order, NOW)
    return denial.code if denial else None


def test_a_signal_from_the_future_does_not_leave_because_nobody_knows_its_age():
    assert code(policy(), replace(ORDER, received_at=NOW + timedelta(seconds=4))) is None
    assert code(policy(), replace(ORDER, received_at=NOW + timedelta(seconds=300))) == "SIGNAL_EXPIRED"


def test_an_order_within_every_bound_leaves():
    assert code(policy()) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"permissions": {}}, "NO_PERMISSION"),
        ({"permissions": {USER: permission(user_active=False)}}, "USER_DISABLED"),
        ({"permissions": {USER: permission(enabled=False)}}, "TRADING_DISABLED"),
        ({"permissions": {USER: permission(pairs=("ETH/USDT",))}}, "PAIR_NOT_PERMITTED"),
        ({"permissions": {USER: permission(exchanges=frozenset({"kraken"}))}}, "EXCHANGE_NOT_PERMITTED"),
        ({"permissions": {USER: permission(max_order_notional={})}}, "LIMIT_MISSING"),
        ({"permissions": {USER: permission(max_order_notional={"USDT": Decimal("9999.99")})}}, "ORDER_VALUE"),
        ({"states": halt(Scope.GLOBAL)}, "TRADING_HALTED"),
        ({"states": halt(Scope.EXCHANGE, "binance")}, "TRADING_HALTED"),
        ({"states": halt(Scope.STRATEGY, "s")}, "TRADING_HALTED"),
        ({"states": halt(Scope.USER, str(USER), TradingStatus.REDUCING)}, "TRADING_REDUCING"),
        ({"exchanges": {**policy().exchanges, "binance": exchange("binance", enabled=False)}}, "EXCHANGE_DISABLED"),
        ({"credentials": {}}, "NO_CREDENTIAL"),
        ({"credentials": {k: replace(v, frozen=True) for k, v in policy().credentials.items()}}, "CREDENTIAL_FROZEN"),
    ],
)
def test_every_control_is_checked_again_before_sending(changes, expected):
    assert code(policy(**changes)) == expected


def test_an_expired_order_does_not_leave():
    assert code(policy(), replace(ORDER, expires_at=NOW)) == "SIGNAL_EXPIRED"


def test_a_sell_leaves_while_reduce_only():
    reducing = policy(states=halt(Scope.GLOBAL, "", TradingStatus.REDUCING))

    assert code(reducing, replace(ORDER, is_buy=False)) is None


def test_paper_needs_no_keys():
    assert code(policy(credentials={}), replace(ORDER, mode=Mode.PAPER)) is None
