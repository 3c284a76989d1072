"""What people decide, and what they may not."""

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from execution.models import Order, OrderEvent, Reconciliation
from execution.selectors import facts
from execution.services import resolve
from execution.services.executor.checker import CheckOptions
from execution.services.reconcile import epoch
from tests.execution.conftest import Platform


@pytest.fixture
def silent(trading, simulator, started) -> Platform:
    """An exchange that answers no look-ups, and a person is asked after a second."""
    checks = CheckOptions(look_up_interval_s=0.1, look_ups_to_conclude=3, attention_after_s=1, window_margin_s=0.1)
    executor = started(checks=checks)
    platform = Platform(simulator, trading, executor)
    platform.prepare()
    simulator.control.configure(
        "binance", fault_rate=1, fault_operations=["fetch_order"], fault_weights={"error_500_before": 1}
    )
    return platform


@pytest.fixture
def doubtful(silent) -> Order:
    """An order that was placed and not answered."""
    silent.simulator.control.queue_fault("binance", "timeout_after")
    signal = silent.submit(amount="0.1", strategy_id="s1")
    return silent.wait_for(signal, "needs_attention")


def hear_again(platform: Platform) -> None:
    """The exchange answers look-ups again."""
    platform.simulator.control.configure("binance", fault_rate=0)


def test_until_it_is_resolved_the_strategy_sends_nothing_more_in_this_pair(silent, doubtful):
    facts.refresh_facts()

    same = silent.settle(amount="0.1", strategy_id="s1", exchange="kraken")
    other = silent.settle(amount="0.1", strategy_id="s2", exchange="kraken")

    assert (same.status, same.reason_code) == ("denied", "ORDER_IN_DOUBT")
    assert other.status == "filled"


def test_who_says_it_was_never_placed_says_why_and_nothing_is_sent_again(silent, doubtful):
    with pytest.raises(ValidationError, match="Write why"):
        resolve.never_placed(doubtful.pk, by=silent.user, reason="no")
    resolve.never_placed(doubtful.pk, by=silent.user, reason="Support says it is not there.")

    doubtful.refresh_from_db()
    signal = doubtful.signal
    signal.refresh_from_db()
    assert (doubtful.status, doubtful.reason_code) == ("not_placed", "RESOLVED_BY_PERSON")
    assert (signal.status, signal.orders.count()) == ("failed", 1)
    assert "algo1 made sure" in OrderEvent.objects.get(order=doubtful, new_status="not_placed").detail


def test_while_the_platform_itself_looks_nobody_may_decide(silent):
    silent.simulator.control.queue_fault("binance", "timeout_after")
    signal = silent.submit(amount="0.1")
    order = silent.wait_for(signal, "unknown")

    with pytest.raises(ValidationError, match="still looks"):
        resolve.never_placed(order.pk, by=silent.user, reason="I am quite sure.")


def test_who_found_it_gives_the_id_and_the_exchange_tells_the_rest(silent, doubtful):
    (booked,) = silent.ledger()
    with pytest.raises(ValidationError, match="own order id"):
        resolve.it_is_there(doubtful.pk, " ", by=silent.user, reason="Seen on their site.")
    resolve.it_is_there(doubtful.pk, booked["exchange_order_id"], by=silent.user, reason="Seen on their site.")
    resolve.take(doubtful.pk, by=silent.user)
    hear_again(silent)
    resolve.look_again(doubtful.pk, by=silent.user)

    signal = silent.final(doubtful.signal)

    assert (signal.status, signal.filled_amount) == ("filled", doubtful.amount)
    with pytest.raises(ValidationError, match="is filled by now"):
        resolve.look_again(doubtful.pk, by=silent.user)


@pytest.mark.parametrize("wrong", ["999999999", "another of this account"])
def test_a_wrong_id_is_not_believed_and_does_not_hide_the_right_one(silent, doubtful, wrong):
    right = silent.ledger()[0]["exchange_order_id"]
    if wrong.startswith("another"):
        hear_again(silent)
        silent.settle(amount="0.2", strategy_id="s9", exchange="binance")
        Order.objects.filter(amount="0.2").update(exchange_order_id="")
        wrong = silent.ledger()[1]["exchange_order_id"]
    Order.objects.filter(pk=doubtful.pk).update(status="needs_attention", final_at=None)
    resolve.it_is_there(doubtful.pk, wrong, by=silent.user, reason="A mistake of mine.")
    hear_again(silent)
    resolve.look_again(doubtful.pk, by=silent.user)

    silent.final(doubtful.signal)

    doubtful.refresh_from_db()
    assert (doubtful.exchange_order_id, doubtful.status, doubtful.filled_amount) == (right, "filled", doubtful.amount)


def test_an_account_that_cannot_be_compared_is_trusted_only_with_a_reason(silent):
    epoch.require_all(reason="test", since=timezone.now())
    row = Reconciliation.objects.filter(exchange_id="binance").get()
    Reconciliation.objects.update(next_at=None)

    resolve.trust_account(row.pk, by=silent.user, reason="The exchange is gone for good.")

    row.refresh_from_db()
    assert row.clean_at is not None
    assert "trusted by algo1" in row.last_error
    assert str(row.pk) not in facts.refresh_facts().unreconciled
