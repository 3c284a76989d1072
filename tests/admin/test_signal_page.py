"""The pages of a signal and of an order: what became of it, why, and why not elsewhere."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from execution.models import Order
from execution.selectors.signal_page import as_api_call, read_signal_page, request_body, without_secrets
from policies.domain.reasons import MANUAL, ReasonCode
from policies.services import create_token
from tests.admin import world


@pytest.fixture
def sender(db):
    world.all_healthy()
    return world.trader()


def page_of(client, signal) -> str:
    return client.get(reverse("admin:execution_signal_change", args=[signal.pk])).content.decode()


def test_a_denied_signal_begins_with_the_sentence_and_what_to_do(boss, sender):
    html = page_of(boss, world.denied_signal(sender))

    assert "DENIED" in html
    assert "This order is worth up to 5,120.00 USDT; the limit is 5000 USDT" in html
    assert MANUAL[ReasonCode.ORDER_VALUE].fix in html
    assert "None: nothing left this system." in html


def test_the_list_shows_the_code_of_a_denial(boss, sender):
    world.denied_signal(sender)

    html = boss.get(reverse("admin:execution_signal_changelist")).content.decode()

    assert "DENIED" in html
    assert "ORDER_VALUE" in html
    assert "This order is worth up to" in html  # in the tooltip


@pytest.mark.parametrize("code", ["TRADING_HALTED", "NO_HEALTHY_EXCHANGE", "LIMIT_MISSING", "SIGNAL_EXPIRED"])
def test_a_code_without_a_sentence_is_explained_by_the_manual(boss, sender, code):
    signal = world.make_signal(sender, "denied", reason_code=code)

    html = page_of(boss, signal)

    assert MANUAL[ReasonCode(code)].meaning.replace("'", "&#x27;") in html


def test_a_code_of_the_exchange_is_shown_as_it_is(boss, sender):
    signal = world.make_signal(sender, "rejected", reason_code="EXCHANGE_REJECTED", reason_detail="binance: “-2010 no”")

    assert "binance: “-2010 no”" in page_of(boss, signal)


def test_a_filled_signal_says_how_much_where_and_at_what_price(boss, sender):
    signal = world.make_signal(sender)
    world.decide(signal)
    world.make_order(signal)

    html = page_of(boss, signal)

    assert "0.05 BTC at 64,210.40 USDT on average on binance, fees 3.2105 USDT." in html
    assert "trade t" in html


def test_every_candidate_is_told_with_its_code_and_the_chosen_one_is_marked(boss, sender):
    signal = world.make_signal(sender, exchange_id="okx")
    codes = {"binance": ("UNHEALTHY", "Degraded, 610 ms on average."), "bybit": ("NO_CREDENTIAL", "")}
    world.decide(signal, "okx", candidates=world.candidates("okx", **codes))

    told = read_signal_page(signal)
    rows = told.decisions[0].rows

    assert [row.exchange for row in rows] == list(world.CHAIN)
    assert [row.exchange for row in rows if row.chosen] == ["okx"]
    assert rows[0].sentence == "Degraded, 610 ms on average."
    assert rows[1].sentence == MANUAL[ReasonCode.NO_CREDENTIAL].meaning
    assert "✔" in page_of(boss, signal)


def test_the_timeline_has_every_step_in_order_with_its_offset(boss, sender):
    signal = world.make_signal(sender)
    world.decide(signal)
    world.make_order(signal)

    told = read_signal_page(signal)

    titles = [entry.title for entry in told.timeline]
    assert titles[:4] == ["Received", "Routed to binance", "Queued", "Sent"]
    assert titles[-2:] == ["Fill 0.05 at 64,210.40 USDT", "Filled"] or titles[-2:] == [
        "Filled",
        "Fill 0.05 at 64,210.40 USDT",
    ]
    assert [entry.at for entry in told.timeline] == sorted(entry.at for entry in told.timeline)
    assert "+3 ms" in page_of(boss, signal)


def test_failover_is_told_attempt_by_attempt(boss, sender):
    signal = world.make_signal(sender, attempt=2, exchange_id="bybit")
    world.decide(signal)
    world.make_order(signal, "rejected", exchange_id="binance", reason_code="RATE_LIMITED", reason_detail="429")
    later = signal.received_at + timedelta(seconds=2)
    world.decide(signal, "bybit", attempt=2, decided_at=later)
    world.make_order(signal, "filled", attempt=2, exchange_id="bybit")

    html = page_of(boss, signal)

    assert "Decision 2" in html
    assert "Attempt 1 at binance: Rejected" in html
    assert "Attempt 2 at bybit: Filled" in html
    assert 'class="pause"' in html


def test_an_order_in_doubt_heads_its_signal(boss, sender):
    order = world.unknown_order(sender)

    html = page_of(boss, order.signal)

    assert "The order was sent to bybit and what became of it is not known" in html
    assert "UNKNOWN" in html
    assert "Looked up" in html


def test_an_order_page_shows_the_evidence(boss, sender):
    order = world.unknown_order(sender)

    html = boss.get(reverse("admin:execution_order_change", args=[order.pk])).content.decode()

    assert "2 of 2 say: not there." in html
    assert "must be refused there after" in html
    assert order.client_order_id in html
    assert "Cancel…" in html


def test_an_order_in_doubt_turns_red_after_five_minutes(boss, sender):
    world.unknown_order(sender, minutes=4)
    world.unknown_order(sender, minutes=6)

    html = boss.get(reverse("admin:execution_order_changelist"), {"live": "doubt"}).content.decode()

    assert html.count('word-watch"><span aria-hidden="true">▲</span> UNKNOWN') == 1
    assert html.count('word-act"><span aria-hidden="true">■</span> UNKNOWN') == 1


def cancel(client, order, reason="the strategy went wild"):
    address = reverse("admin:execution_order_cancel", args=[order.pk])
    return client.post(address, {"reason": reason, "_form_submitted": "True"}, headers={"HX-Request": "true"})


def test_cancelling_an_order_takes_a_reason_and_is_passed_on(boss, sender):
    signal = world.make_signal(sender, "executing")
    order = world.make_order(signal, "open")
    boss.get(reverse("admin:execution_order_cancel", args=[order.pk]))
    assert "at least 8" in cancel(boss, order, "no").content.decode()
    assert Order.objects.get().cancel_requested_at is None

    assert cancel(boss, order).status_code == 204

    stopped = Order.objects.get()
    assert stopped.cancel_requested_at is not None
    assert stopped.cancel_code == "CANCELLED_BY_OPERATOR"
    assert "risk.two" in stopped.cancel_reason
    assert "the strategy went wild" in stopped.cancel_reason


def test_an_order_that_is_over_cannot_be_cancelled(boss, sender):
    order = world.make_order(world.make_signal(sender), "filled")

    assert "over already" in cancel(boss, order).content.decode()


def test_a_viewer_cannot_cancel(client, staff, sender):
    order = world.make_order(world.make_signal(sender, "executing"), "open")
    client.force_login(staff("viewer"))

    assert cancel(client, order).status_code == 403
    assert "Cancel…" not in client.get(reverse("admin:execution_order_change", args=[order.pk])).content.decode()


def test_the_request_is_shown_without_what_is_named_like_a_secret(boss, sender):
    extra = {"score": "0.9", "details": {"api_key": world.SECRET, "note": "mine", "list": [{"password": world.SECRET}]}}
    signal = world.make_signal(sender, extra=extra, limit_price=Decimal("64000.50"))

    html = page_of(boss, signal)

    assert world.SECRET not in html
    assert "[removed]" in html
    assert "64000.5" in html
    assert request_body(signal)["details"]["note"] == "mine"
    assert without_secrets("plain") == "plain"


def test_the_signal_can_be_copied_as_a_call(sender):
    signal = world.make_signal(sender, amount=None, notional=Decimal("250.00"))

    call = as_api_call(signal, "https://desk.example.com/api/signals")

    assert call.startswith("curl -X POST https://desk.example.com/api/signals")
    assert '"notional": "250"' in call
    assert "YOUR_TOKEN" in call


def test_the_sender_is_named_by_the_beginning_of_the_token(boss, sender):
    token, plaintext = create_token(user=sender, name="engine", scopes=["trade"], by=None)

    html = page_of(boss, world.make_signal(sender, api_token=token))

    assert f"token {token.prefix}…" in html
    assert plaintext not in html


@pytest.mark.parametrize("pk", ["00000000-0000-0000-0000-000000000000", "no-uuid"])
def test_a_signal_that_does_not_exist(boss, pk):
    assert boss.get(f"/admin/execution/signal/{pk}/change/").status_code == 404
    assert boss.get(f"/admin/execution/order/{pk}/change/").status_code == 404


def found(client, model, term):
    return list(client.get(reverse(f"admin:execution_{model}_changelist"), {"q": term}).context["cl"].result_list)


def test_signals_are_found_by_the_beginning_of_their_id_and_by_whole_words(boss, sender):
    signal = world.make_signal(sender, "denied", reason_code="ORDER_VALUE", idempotency_key="key-1")
    world.make_signal(sender, symbol="ETH/USDT", strategy_id="other")

    for term in (str(signal.pk)[:8], signal.pk.hex, str(signal.pk), "scalper", "btc/usdt", "order_value", "key-1"):
        assert found(boss, "signal", term) == [signal], term
    assert found(boss, "signal", str(signal.pk)[:5]) == []
    assert found(boss, "signal", "%") == []
    assert len(found(boss, "signal", "algo1")) == 2


def test_orders_are_found_by_both_ids_and_their_signals(boss, sender):
    signal = world.make_signal(sender)
    order = world.make_order(signal, exchange_order_id="8839201175")
    world.make_order(world.make_signal(sender), exchange_order_id="1")

    for term in (order.client_order_id[:8], order.client_order_id, "8839201175", str(signal.pk)[:10]):
        assert found(boss, "order", term) == [order], term


def test_signals_are_filtered_by_status_code_and_strategy(boss, sender):
    denied = world.denied_signal(sender)
    world.make_signal(sender)
    address = reverse("admin:execution_signal_changelist")

    for query in (
        {"status__in": "denied"},
        {"reason_code": "ORDER_VALUE"},
        {"strategy_id": "scalper_btc", "status__in": "denied"},
    ):
        assert list(boss.get(address, query).context["cl"].result_list) == [denied], query
