"""The kill switch page, and the way back to trading."""

import pytest
from django.urls import reverse

from policies.domain.policy import Scope, TradingStatus
from policies.models import TradingState
from policies.services import set_trading_state
from policies.snapshot import refresh
from tests.admin import world

PAGE = "admin:policies_tradingstate_changelist"


@pytest.fixture
def halt(risk_manager):
    return set_trading_state(
        scope=Scope.EXCHANGE, target="kraken", status=TradingStatus.HALTED, reason="wrong prices", by=risk_manager
    )


def resume(client, state, reason="prices are right again, reconciled"):
    address = reverse("admin:policies_tradingstate_resume", args=[state.pk])
    return client.post(address, {"reason": reason, "_form_submitted": "True"}, headers={"HX-Request": "true"})


def test_every_exchange_is_listed_with_its_state_and_author(boss, halt):
    html = boss.get(reverse(PAGE)).content.decode()

    assert "Exchange kraken" in html
    assert "HALTED" in html
    assert "wrong prices" in html
    assert "Exchange binance" in html
    assert html.count("ACTIVE") >= 8


def test_resuming_takes_a_full_reason(boss, halt):
    short = resume(boss, halt, "ok")
    assert "at least 8" in short.content.decode()
    assert (Scope.EXCHANGE, "kraken") in refresh().states

    done = resume(boss, halt)
    assert done.status_code == 204
    assert done["HX-Redirect"] == reverse("admin:index")
    assert refresh().states == {}
    newest = TradingState.history.latest()
    assert (newest.status, newest.history_user.username) == ("active", "risk.two")
    assert newest.history_change_reason == "prices are right again, reconciled"


def test_asking_for_the_resume_dialog_resumes_nothing(boss, halt):
    html = boss.get(reverse("admin:policies_tradingstate_resume", args=[halt.pk])).content.decode()

    assert "wrong prices" in html
    assert "Orders in doubt there" in html
    assert (Scope.EXCHANGE, "kraken") in refresh().states


def test_the_resume_dialog_counts_orders_in_doubt(boss, risk_manager):
    world.unknown_order(world.trader())
    state = set_trading_state(
        scope=Scope.EXCHANGE, target="bybit", status=TradingStatus.HALTED, reason="503", by=risk_manager
    )

    html = boss.get(reverse("admin:policies_tradingstate_resume", args=[state.pk])).content.decode()

    assert "</span> 1</span>" in html


def test_what_is_active_cannot_be_resumed(boss, halt):
    resume(boss, halt)

    assert "active already" in resume(boss, halt).content.decode()


def test_an_operator_may_halt_but_not_resume(client, staff, halt):
    client.force_login(staff("operator"))

    assert resume(client, halt).status_code == 403
    assert "Resume…" not in client.get(reverse(PAGE)).content.decode()
    assert (Scope.EXCHANGE, "kraken") in refresh().states


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ({"exchange": "kraken", "symbol": "BTC/USDT"}, "by exchange kraken"),
        ({"user": "algo1", "strategy": "scalper_btc", "exchange": "binance"}, "by strategy scalper_btc"),
        ({"exchange": "okx"}, "nothing stops it here"),
        ({"user": "nobody"}, "There is no user"),
    ],
)
def test_the_effective_state_of_anything_in_one_line(boss, user, halt, risk_manager, now_read, asked, answer):
    set_trading_state(
        scope=Scope.STRATEGY, target="scalper_btc", status=TradingStatus.REDUCING, reason="slow", by=risk_manager
    )
    now_read()

    assert answer in boss.get(reverse(PAGE), asked).content.decode()


def test_the_history_of_a_state_tells_every_halt_and_release(boss, halt):
    resume(boss, halt)

    html = boss.get(reverse("admin:policies_tradingstate_history", args=[halt.pk])).content.decode()

    assert "<del>Halted</del>" in html
    assert "<ins>Active</ins>" in html
    assert "prices are right again" in html
