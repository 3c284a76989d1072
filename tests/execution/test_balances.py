"""Money at the exchange against our fills: equal while we trade, and a drift of one lot is found."""

import time
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from execution.models import BalanceCheck, BalanceMark, BookBreak, Position
from execution.services.reconcile import balances
from policies.domain.policy import Mode
from policies.models import ExchangeCredential
from policies.services import store_credential
from tests.admin import world
from tests.execution.conftest import Platform


@pytest.fixture
def eager(monkeypatch):
    """Compare all the time."""
    monkeypatch.setattr(balances, "EVERY", timedelta(seconds=0.1))
    monkeypatch.setattr(balances, "IDLE_EVERY", timedelta(seconds=0.1))
    monkeypatch.setattr(balances, "CONFIRM_AFTER", timedelta(seconds=0.1))


def hold(platform: Platform, exchange: str, **assets: str) -> None:
    """The account holds this from now on, whatever we did."""
    name = platform.user.username
    platform.simulator.control.upsert_account(
        exchange, f"{exchange}-{name}", "c2VjcmV0LW9mLWE=", assets, client_id=name
    )


def until(condition, within_s: float = 8) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, (
            list(BalanceCheck.objects.values()),
            list(BookBreak.objects.values("asset", "expected", "actual", "confirmed_at")),
        )
        time.sleep(0.05)


def checked_again(exchange: str) -> None:
    """Wait for a comparison that began after now."""
    now = timezone.now()
    until(lambda: BalanceCheck.objects.filter(credential__exchange_id=exchange, agreed_at__gt=now).exists())


def test_while_we_trade_both_books_agree(eager, platform):
    platform.settle(exchange="binance", amount="0.01")
    until(BalanceMark.objects.filter(asset="BTC").exists)

    for number in range(30):
        platform.submit(
            exchange="kraken" if number % 2 else "binance", amount="0.01", side="buy" if number % 3 else "sell"
        )
        time.sleep(0.03)
    checked_again("binance")
    checked_again("kraken")

    assert not BookBreak.objects.exclude(confirmed_at=None).exists()
    assert BalanceMark.objects.filter(asset="USDT").count() == 2


@pytest.mark.parametrize("exchange", ["binance", "kraken"])
def test_a_drift_of_one_lot_is_found_told_and_accepted_with_a_reason(eager, platform, exchange):
    platform.settle(exchange=exchange, amount="0.01")
    until(BalanceMark.objects.filter(asset="BTC", credential__exchange_id=exchange).exists)
    accounts = platform.simulator.control.accounts(exchange)
    held = D(accounts[0]["balances"]["BTC"]["total"])

    hold(platform, exchange, BTC=str(held + D("0.00001")))

    until(BookBreak.objects.filter(asset="BTC", exchange_id=exchange).exclude(confirmed_at=None).exists)
    found = BookBreak.objects.get()
    assert (found.expected, found.actual) == (held, held + D("0.00001"))
    with pytest.raises(ValidationError, match="Write why"):
        balances.accept(found.pk, by=platform.user, reason="ok")
    balances.accept(found.pk, by=platform.user, reason="A deposit of mine.")
    platform.settle(exchange=exchange, amount="0.01")
    checked_again(exchange)
    found.refresh_from_db()
    assert (found.resolved_by, found.resolution) == (platform.user, "A deposit of mine.")
    assert BookBreak.objects.filter(resolved_at=None).count() == 0


def test_a_drift_that_goes_away_by_itself_is_closed(eager, platform):
    platform.settle(exchange="binance", amount="0.01")
    until(BalanceMark.objects.filter(asset="BTC").exists)
    held = platform.simulator.control.accounts("binance")[0]["balances"]["BTC"]["total"]
    hold(platform, "binance", BTC="11")
    until(BookBreak.objects.exclude(confirmed_at=None).exists)

    hold(platform, "binance", BTC=held)

    until(BookBreak.objects.exclude(resolved_at=None).exists)


def test_other_keys_may_be_another_account(eager, platform):
    platform.settle(exchange="binance", amount="0.01")
    until(BalanceMark.objects.filter(asset="BTC").exists)
    ExchangeCredential.objects.filter(exchange_id="binance").update(version=7)
    hold(platform, "binance", BTC="3")

    until(BalanceMark.objects.filter(asset="BTC", key_version=7, total=3).exists)

    assert not BookBreak.objects.exclude(confirmed_at=None).exists()


def test_an_exchange_that_does_not_answer_breaks_nothing(eager, platform):
    platform.settle(exchange="binance", amount="0.01")
    until(BalanceMark.objects.filter(asset="BTC").exists)
    platform.simulator.control.configure("binance", fault_rate=1, fault_operations=["fetch_balance"])

    until(BalanceCheck.objects.exclude(last_error="").exists)

    assert not BookBreak.objects.exists()


@pytest.mark.parametrize(("missing", "differs"), [("0", False), ("0.0025", False), ("0.0026", True), ("-0.0001", True)])
def test_where_fees_are_cut_and_not_told_only_they_may_be_missing(trading, missing, differs):
    keys = store_credential(
        user=trading, exchange="alpaca", mode=Mode.LIVE, secrets={"api_key": "k", "secret": "s"}, by=None
    )
    task = balances.Task(keys.pk, trading.pk, "alpaca", Mode.LIVE, keys.version)
    BalanceMark.objects.create(
        credential=keys, asset="BTC", key_version=keys.version, total=5, booked=0, at=timezone.now()
    )
    signal = world.make_signal(trading, exchange_id="alpaca", amount=D(1), received_at=timezone.now())
    world.make_order(signal, "filled", mode="live")
    Position.objects.create(
        user=trading, exchange_id="alpaca", mode="live", symbol=signal.symbol, bought_amount=1, bought_notional=50_000,
        updated_at=timezone.now(),
    )  # fmt: skip
    books = balances.booked(task)

    balances.compare(task, {"BTC": D(6) - D(missing)}, books, books)

    assert BookBreak.objects.filter(asset="BTC").exists() == differs
