"""The halt dialog: two clicks and a reason, and never less than a reason."""

import pytest
from django.urls import reverse

from execution.models import Order
from policies.domain.policy import Scope, TradingStatus
from policies.models import StrategyPolicy, TradingState
from policies.services import set_trading_state
from policies.snapshot import refresh
from tests.admin import world

WHY = "answers 503 since 09:12"
HTMX = {"HX-Request": "true"}


def press(client, what, reason=WHY, **data):
    body = {"what": what, "reason": reason, "status": "halted", **data}
    return client.post(reverse("admin:halt"), body, headers=HTMX)


@pytest.mark.parametrize(
    ("what", "scope", "target"),
    [("exchange:kraken", Scope.EXCHANGE, "kraken"), ("global:", Scope.GLOBAL, "")],
)
def test_a_button_halts_what_it_says_and_the_policy_knows(boss, what, scope, target):
    response = press(boss, what)

    rule = refresh().states[scope, target]
    assert (rule.status, rule.reason, rule.by) == (TradingStatus.HALTED, WHY, "risk.two")
    assert response["HX-Trigger"] == "halts-changed"
    assert f"{rule.since:%Y-%m-%d %H:%M:%S}" in response.content.decode()


@pytest.mark.parametrize(
    ("kind", "typed", "scope", "target"),
    [
        ("strategy", "scalper_btc", Scope.STRATEGY, "scalper_btc"),
        ("symbol", "btc/usdt", Scope.SYMBOL, "BTC/USDT"),
    ],
)
def test_one_strategy_or_pair_is_halted_by_name(boss, kind, typed, scope, target):
    press(boss, "chosen", kind=kind, target=typed)

    assert (scope, target) in refresh().states


def test_a_user_is_named_and_stored_by_id(boss, user):
    response = press(boss, "chosen", kind="user", target=user.username)

    assert (Scope.USER, str(user.pk)) in refresh().states
    assert f"user {user.username}" in response.content.decode()


@pytest.mark.parametrize("reason", ["", "   ", "\n"])
def test_without_a_reason_nothing_is_halted(boss, reason):
    response = press(boss, "global:", reason=reason)

    assert "Write why. Everyone will see it." in response.content.decode()
    assert not TradingState.objects.exists()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"what": "chosen", "kind": "strategy", "target": ""}, "Say which one."),
        ({"what": "chosen", "kind": "user", "target": "nobody"}, "There is no user &#x27;nobody&#x27;."),
        ({"what": "chosen", "kind": "symbol", "target": "BTCUSDT"}, "is not a pair"),
        ({"what": "exchange:mtgox"}, "There is no exchange"),
        ({"what": ""}, "Press what to halt."),
    ],
)
def test_what_cannot_be_halted_is_said_and_the_reason_is_kept(boss, data, sentence):
    response = press(boss, **data)

    html = response.content.decode()
    assert sentence in html
    assert WHY in html
    assert not TradingState.objects.exists()


def test_reading_the_dialog_halts_nothing(boss):
    boss.get(reverse("admin:halt"), {"what": "global:", "reason": WHY, "status": "halted"}, headers=HTMX)

    assert not TradingState.objects.exists()


def test_reduce_only_is_not_a_way_around_the_release(boss, risk_manager):
    set_trading_state(scope=Scope.EXCHANGE, target="kraken", status=TradingStatus.HALTED, reason=WHY, by=risk_manager)

    response = press(boss, "exchange:kraken", status="reducing")

    assert "reduce only would be looser" in response.content.decode()
    assert refresh().states[Scope.EXCHANGE, "kraken"].status == TradingStatus.HALTED


def test_reduce_only(boss):
    press(boss, "exchange:kraken", status="reducing")

    assert refresh().states[Scope.EXCHANGE, "kraken"].status == TradingStatus.REDUCING


def test_orders_that_were_on_their_way_are_listed(boss):
    order = world.unknown_order(world.trader())

    html = press(boss, "exchange:bybit").content.decode()

    assert "1 order</strong> was already on its way" in html
    assert reverse("admin:execution_order_change", args=[order.pk]) in html


def test_open_orders_are_cancelled_only_if_that_is_ticked(boss):
    signal = world.make_signal(world.trader(), "executing", exchange_id="kraken")
    order = world.make_order(signal, "open")

    press(boss, "exchange:kraken")
    assert Order.objects.get(pk=order.pk).cancel_requested_at is None

    html = press(boss, "exchange:kraken", cancel_open="on").content.decode()
    stopped = Order.objects.get(pk=order.pk)
    assert "1 order is being cancelled" in html
    assert stopped.cancel_requested_at is not None
    assert WHY in stopped.cancel_reason


def test_the_dialog_needs_the_right_and_a_token_against_forgery(client, staff, risk_manager):
    client.force_login(staff("viewer"))
    assert press(client, "global:").status_code == 403

    strict = type(client)(enforce_csrf_checks=True)
    strict.force_login(risk_manager)
    assert press(strict, "global:").status_code == 403
    assert not TradingState.objects.exists()


def test_an_operator_may_halt(client, staff):
    client.force_login(staff("operator"))

    press(client, "global:")

    assert (Scope.GLOBAL, "") in refresh().states


def test_without_scripts_the_dialog_is_a_page(boss):
    page = boss.get(reverse("admin:halt"))
    result = boss.post(reverse("admin:halt"), {"what": "exchange:okx", "reason": WHY, "status": "halted"})

    assert "<html" in page.content.decode()
    assert "exchange okx" in result.content.decode()
    assert (Scope.EXCHANGE, "okx") in refresh().states


def test_halt_on_a_row_opens_the_dialog_with_that_row_marked(boss):
    strategy = StrategyPolicy.objects.create(strategy_id="scalper_btc", exchange_id="binance")

    link = boss.get(reverse("admin:policies_strategypolicy_halt", args=[strategy.pk]))
    form = boss.get(link["Location"], headers=HTMX).content.decode()

    assert link["Location"].endswith("?mark=strategy:scalper_btc")
    assert 'value="scalper_btc"' in form
    assert not TradingState.objects.exists()


@pytest.mark.parametrize("pk", ["999999", "no-number"])
def test_halt_on_a_row_that_does_not_exist(boss, pk):
    assert boss.get(reverse("admin:policies_strategypolicy_halt", args=[pk])).status_code == 404


def test_the_banner_is_absent_when_all_is_active_and_short_when_much_is_halted(boss, risk_manager, now_read):
    assert boss.get(reverse("admin:banner")).content.decode().strip() == ""

    set_trading_state(scope=Scope.GLOBAL, target="", status=TradingStatus.HALTED, reason=WHY, by=risk_manager)
    now_read()
    one = boss.get(reverse("admin:banner")).content.decode()
    assert "HALTED everything" in one
    assert WHY in one

    world.three_halts(risk_manager)
    now_read()
    assert "4 halts:" in boss.get(reverse("admin:banner")).content.decode()


def test_a_reason_is_shown_as_text_not_as_markup(boss, now_read):
    press(boss, "global:", reason="<script>alert(1)</script> broken")
    now_read()

    page = boss.get(reverse("admin:index")).content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
