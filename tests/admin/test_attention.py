"""Needs attention: what is on it, in which order, with which evidence."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from execution.domain import life
from execution.domain.orders import OrderStatus
from execution.models import BalanceCheck, ExchangeHealth, Order, OrderEvent, Position, Reconciliation
from execution.selectors import attention
from execution.selectors.evidence import Answer, answer_of, evidence_for
from execution.selectors.facts import current_facts, refresh_facts
from execution.services.reconcile import epoch
from policies.domain.policy import Scope, TradingStatus
from policies.services import set_frozen, set_trading_state
from policies.snapshot import current_policy, refresh
from tests.admin import world
from tests.domain.test_life import OPTIONS
from tests.domain.test_life import Order as OrderFacts

PAGE = "admin:needs_attention"


@pytest.fixture
def sender(db):
    world.all_healthy()
    return world.trader()


def page_of(client, name=PAGE, *args) -> str:
    refresh()
    refresh_facts()
    html = client.get(reverse(name, args=args)).content.decode()
    return re.sub(r"\s+", " ", html)


def items():
    refresh()
    refresh_facts()
    return attention.attention(current_policy(), current_facts(), timezone.now(), attention.ALL)


def words() -> list[str]:
    return [item.word for item in items()]


def test_when_nothing_is_open_it_says_when_something_last_was(boss, sender):
    assert "Every order is accounted for. No order was ever in doubt." in page_of(boss)

    order = world.unknown_order(sender, minutes=2 * 24 * 60 + 1)
    sent = order.created_at
    for seconds, old, new in ((15.5, "unknown", "not_placed"), (3600, "not_placed", "not_placed")):
        at = sent + timedelta(seconds=seconds)
        OrderEvent.objects.create(order=order, at=at, old_status=old, new_status=new)
    assert "Every order is accounted for" not in page_of(boss)
    Order.objects.update(status="not_placed", final_at=timezone.now())

    assert "Every order is accounted for. Last unknown: 2 d ago, resolved in 15 s." in page_of(boss)


def test_every_kind_is_shown_the_worst_first(boss, sender, risk_manager):
    world.unknown_order(sender, minutes=2)
    world.lost_order(sender)
    world.open_questions(sender)
    ExchangeHealth.objects.filter(pk="okx").update(status="down", last_error="HTTP 503")
    set_frozen(world.keys(sender, "binance"), frozen=True, reason="Refused twice", by=risk_manager)
    world.restored()

    found = words()

    assert found == [
        "RESTORED",
        "NEEDS ATTENTION",
        "NOT COMPARED",
        "ORPHAN ORDER",
        "MONEY MISSING",
        "DOWN",
        "UNKNOWN",
        "COMPARING",
        "COMPARING",
        "WHOSE ORDER?",
        "DIFFERENCE",
        "FROZEN",
    ]
    html = page_of(boss)
    assert [html.count(f"attention-{tone}") for tone in ("act", "watch")] == [6, 6]
    assert "6 need you now" in html
    assert reverse("admin:attention_part") in html


def test_the_menu_counts_what_the_person_may_see(client, staff, sender, risk_manager, now_read):
    world.lost_order(sender)
    set_frozen(world.keys(sender, "binance"), frozen=True, reason="Refused twice", by=risk_manager)

    counted = {}
    for role in ("viewer", "operator"):
        now_read()
        client.force_login(staff(role))
        html = page_of(client)
        menu = html[html.index("notification_important") :][:900]
        counted[role] = (int(re.search(r">\s*(\d+)\s*<", menu).group(1)), html.count("<article"))

    assert counted == {"viewer": (1, 1), "operator": (2, 2)}


def test_a_viewer_reads_and_finds_no_button(client, staff, sender):
    world.lost_order(sender)
    world.open_questions(sender)
    client.force_login(staff("viewer"))

    html = page_of(client)

    assert html.count("<article") == 6
    part = html[html.index('id="attention"') :]
    assert "hx-post" not in part
    assert "openModal = true" not in part
    assert "Explain…" not in html


def test_only_a_risk_manager_is_offered_to_trust(client, staff, sender):
    world.open_questions(sender)

    for role, offered in (("operator", False), ("risk manager", True)):
        client.force_login(staff(role))
        html = page_of(client)
        assert "Try again now" in html
        assert ("Trust this account…" in html) is offered


def test_an_order_in_doubt_shows_its_evidence(boss, sender):
    order = world.lost_order(sender)

    html = page_of(boss)

    assert "bybit BUY" in html
    assert "≈ 3,210.52 USDT" in html
    assert "<strong>scalper_btc</strong> of algo1 is <strong>paused in BTC/USDT</strong>" in html
    assert "answer: <strong>read timeout after 5.0 s</strong>" in html
    assert html.count("not there <") + html.count("not there</span>") == 2
    assert "(HTTP 503: service unavailable)" in html
    assert "2 of 3 say: not there." in html
    assert f'data-copy="{order.client_order_id}"' in html
    assert "taken by: nobody" in html


def test_money_is_evidence_only_for_the_account_and_pair_it_concerns(sender):
    account, other = world.keys(sender, "bybit"), world.keys(sender, "binance")
    order = world.lost_order(sender, credential=account)
    elsewhere = world.lost_order(world.user("somebody"), credential=None)
    world.difference(account, "BTC", "1", "1.05")
    world.difference(account, "SOL", "1", "2")
    world.difference(other, "BTC", "1", "3")
    found = attention.found_with_rows(current_policy(), current_facts(), timezone.now(), 50)
    differences = [row for item, row in found if item.kind == "break"]

    evidence = evidence_for([order, elsewhere], differences)

    assert [row.sentence for row in evidence[order.pk].differences] == ["0.05 BTC more than our fills explain"]
    assert evidence[elsewhere.pk].differences == []


def test_an_order_looked_up_for_days_shows_the_last_look_ups(sender):
    order = world.lost_order(sender)
    OrderEvent.objects.bulk_create(
        OrderEvent(
            order=order,
            at=timezone.now() + timedelta(seconds=n),
            old_status="needs_attention",
            new_status="needs_attention",
            detail="Look-up unanswered: timeout" if n < 198 else f"Look-up {n - 197}: not there.",
        )
        for n in range(200)
    )

    found = evidence_for([order], [])[order.pk]

    assert found.sentence == "2 of the last 5 say: not there."
    assert found.answer == "read timeout after 5.0 s"


def test_what_people_did_is_told_apart_from_look_ups(boss, sender, risk_manager):
    order = world.lost_order(sender)
    OrderEvent.objects.create(
        order=order,
        at=timezone.now(),
        old_status="needs_attention",
        new_status="needs_attention",
        detail="risk.two looks into it.",
    )

    found = evidence_for([order], [])[order.pk]

    assert [note.text for note in found.notes] == ["risk.two looks into it."]
    assert "risk.two looks into it." in page_of(boss)


def test_the_texts_of_look_ups_are_those_that_are_really_written():
    now = timezone.now()
    order = OrderFacts(
        status=OrderStatus.UNKNOWN, submitted_at=now - timedelta(hours=1), valid_until=now - timedelta(minutes=59)
    )

    missed = life.after_look_up(replace(order, clean_misses=0), None, now, OPTIONS, late_s=0)
    unanswered = life.after_no_answer(order, "HTTP 500", None, now, OPTIONS)
    early = life.before_look_up(replace(order, valid_until=now), now, OPTIONS, late_s=0)

    assert answer_of(missed.detail) == Answer.NOT_THERE
    assert answer_of(unanswered.detail) == Answer.NONE
    assert answer_of(early.detail) is None


def test_an_account_that_is_not_compared_says_why_and_what_waits(boss, sender):
    account = world.keys(sender, "kraken", "c2VjcmV0c2VjcmV0")
    expires = timezone.now() + timedelta(minutes=20)
    for minutes in (9, 8, 2):  # the last came after the platform was back
        world.make_signal(sender, "pending", received_at=world.ago(minutes=minutes), expires_at=expires)
    held = world.make_signal(sender, "queued", exchange_id="kraken")
    world.make_order(held, "queued", exchange_id="kraken", credential=account, mode="live")
    world.uncompared(account, "401 EAPI:Invalid key")

    html = page_of(boss)

    assert "kraken: orders of algo1" in html
    assert "<strong>2 signals wait, 1 order is held.</strong>" in html
    assert "<strong>401 EAPI:Invalid key</strong>" in html
    assert "No worker was seen for 1204 s." in html


@pytest.mark.parametrize(
    ("error", "age", "word"),
    [
        ("", timedelta(seconds=5), "COMPARING"),
        ("", timedelta(minutes=2), "NOT COMPARED"),
        ("x", timedelta(0), "NOT COMPARED"),
    ],
)
def test_comparing_is_no_alarm_until_it_fails_or_takes_long(sender, error, age, word):
    world.uncompared(world.keys(sender, "bybit"), error, required_at=timezone.now() - age)

    assert words() == [word]


def test_accounts_with_frozen_keys_and_unconfirmed_differences_do_not_wait_for_anybody(sender, risk_manager):
    account = world.keys(sender, "bybit")
    world.uncompared(account)
    world.difference(account, "BTC", "1", "2", confirmed=False)
    set_frozen(account, frozen=True, reason="Refused twice", by=risk_manager)

    assert words() == ["FROZEN"]


def test_an_orphan_that_contradicts_our_row_names_it(boss, sender):
    account = world.keys(sender, "bybit")
    order = world.make_order(world.make_signal(sender, "failed"), "not_placed", exchange_id="bybit")
    world.orphan(account, order.client_order_id)

    html = page_of(boss)

    assert "Our row says not placed, and yet it is there." in html
    assert reverse("admin:execution_order_change", args=[order.pk]) in html


def test_the_halt_after_a_restored_backup_says_what_is_left_to_compare(boss, sender):
    world.keys(sender, "bybit")
    world.keys(sender, "binance")
    world.restored()

    html = page_of(boss)
    assert "still to be compared: algo1 at b" in html
    assert reverse("admin:policies_tradingstate_changelist") in html[html.index("RESTORED") :]

    Reconciliation.objects.update(clean_at=timezone.now())
    assert "every account was compared" in page_of(boss)


def test_the_prefix_of_that_halt_is_the_one_that_is_written():
    assert attention.RESTORED == epoch.RESTORED


def test_any_other_halt_of_everything_is_told_by_the_banner_alone(sender, risk_manager):
    set_trading_state(
        scope=Scope.GLOBAL, target="", status=TradingStatus.HALTED, reason="exercise on Monday", by=risk_manager
    )

    assert words() == []


@pytest.mark.parametrize(
    ("scope", "target", "named"), [("global", "", 2), ("exchange", "bybit", 1), ("strategy", "s1", 0)]
)
def test_who_resumes_sees_which_accounts_are_not_compared_yet(boss, sender, risk_manager, scope, target, named):
    for slug in ("bybit", "binance"):
        world.uncompared(world.keys(sender, slug))
    state = set_trading_state(
        scope=Scope(scope), target=target, status=TradingStatus.HALTED, reason="restored", by=risk_manager
    )

    html = page_of(boss, "admin:policies_tradingstate_resume", state.pk)

    assert html.count("algo1 at ") == named
    assert ("Accounts not compared yet" in html) is bool(named)


def test_the_desk_leads_to_the_card(boss, sender):
    order = world.lost_order(sender)

    html = page_of(boss, "admin:index")

    assert f'{reverse(PAGE)}#order-{order.pk}">Resolve</a>' in html
    assert f'<article id="order-{order.pk}"' in page_of(boss)


def test_canaries_are_no_processes(boss, sender):
    assert "canary" not in page_of(boss, "admin:index")


def positions_of(sender, **slugs):
    for slug, symbol in slugs.items():
        Position.objects.create(
            user=sender, exchange_id=slug, mode="live", symbol=symbol, bought_amount=1, updated_at=timezone.now()
        )


def test_positions_say_whether_the_account_holds_them(boss, sender):
    positions_of(sender, bybit="BTC/USDT", binance="ETH/USDT", kraken="ETH/USDT", okx="ETH/USDT")
    world.difference(world.keys(sender, "bybit"), "BTC", "1.25", "1.2")
    agreed = {"next_at": timezone.now(), "agreed_at": world.ago(seconds=12)}
    BalanceCheck.objects.create(credential=world.keys(sender, "binance"), **agreed)
    silent = world.keys(sender, "kraken", "c2VjcmV0c2VjcmV0")
    BalanceCheck.objects.create(credential=silent, **agreed, last_error="HTTP 500")
    world.positions(sender)

    html = page_of(boss, "admin:execution_position_changelist")
    cells = re.findall(r"field-where[^>]*>(?:<[^>]*>|\s)*(\w+).*?field-reconciled[^>]*>(.*?)</td>", html)
    told = [(slug, re.sub(r"<[^>]*>|\s+", " ", text).split()) for slug, text in cells]

    assert ("bybit", ["■", "−0.05", "BTC"]) in told
    assert any(slug == "binance" and text[0] == "●" and text[-1] == "ago" for slug, text in told)
    assert any(slug == "kraken" and text[0] == "▲" for slug, text in told)
    assert ("okx", ["–"]) in told  # no keys are stored there
    assert ("binance", ["–"]) in told  # on paper


@pytest.mark.parametrize(
    ("model", "query", "shown", "hidden"),
    [
        ("orphan", {"open": "yes"}, "ORPHAN ORDER", "EXPLAINED"),
        ("orphan", {"open": "no"}, "A trade of mine", "ORPHAN ORDER"),
        ("bookbreak", {"open": "yes"}, "MONEY MISSING", "CLOSED"),
        ("bookbreak", {"open": "no"}, "A deposit of mine", "MONEY MISSING"),
        ("reconciliation", {"compared": "no"}, "HTTP 503", "COMPARED</span>"),
        ("reconciliation", {"compared": "yes"}, "COMPARED", "HTTP 503"),
    ],
)
def test_the_lists_are_filtered_by_what_is_open(boss, sender, model, query, shown, hidden):
    bybit, binance = world.keys(sender, "bybit"), world.keys(sender, "binance")
    done = {"resolved_at": timezone.now()}
    world.orphan(bybit)
    world.orphan(binance, **done, resolution="A trade of mine")
    world.difference(bybit, "BTC", "1.25", "1.2")
    closed = world.difference(bybit, "SOL", "40", "60.5")
    type(closed).objects.filter(pk=closed.pk).update(**done, resolution="A deposit of mine")
    world.uncompared(bybit, "HTTP 503")
    world.uncompared(binance, clean_at=timezone.now())

    html = boss.get(reverse(f"admin:execution_{model}_changelist"), query).content.decode()
    table = re.sub(r"\s+", " ", html[html.index('id="result_list"') :])

    assert shown in table
    assert hidden not in table.replace("NOT COMPARED</span>", "")


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("orphan", "No exchange ever showed an order that we do not know."),
        ("bookbreak", "No difference was ever found"),
        ("reconciliation", "No account was compared yet."),
    ],
)
def test_an_empty_list_says_what_that_means(boss, db, model, text):
    assert text in boss.get(reverse(f"admin:execution_{model}_changelist")).content.decode()


def test_the_amount_of_a_market_order_is_valued_at_the_price_when_it_was_decided(boss, sender):
    order = world.lost_order(sender)
    Order.objects.filter(pk=order.pk).update(price=None, order_type="market", reference_price=Decimal(60000))

    assert "≈ 3,000.00 USDT" in page_of(boss)
