"""Forms that change policy: the reason, the version that was read, and sentences for what is wrong."""

from decimal import Decimal

import pytest
from django.urls import reverse

from policies.models import Exchange, OrderSizeLimit, RoutingSettings, StrategyPolicy, TradingPermission
from policies.snapshot import refresh
from tests.admin.forms import REASON, edit, fields_of


def test_a_change_is_kept_with_its_reason_and_author(boss):
    response = edit(boss, "exchange", "kraken", taker_fee_bps="26")

    assert response.status_code == 302
    newest = Exchange.history.filter(slug="kraken").latest()
    assert (newest.taker_fee_bps, newest.history_change_reason) == (Decimal(26), REASON)
    assert newest.history_user.username == "risk.two"
    assert refresh().exchanges["kraken"].taker_fee_bps == 26


@pytest.mark.parametrize("reason", ["", "short", "  seven  ", "x" * 301])
def test_without_a_full_reason_nothing_is_saved(boss, reason):
    response = edit(boss, "exchange", "kraken", taker_fee_bps="26", reason=reason)

    assert "at least 8" in response.content.decode()
    assert Exchange.objects.get(pk="kraken").taker_fee_bps == 40


def test_a_form_that_was_overtaken_is_refused_with_name_and_time(boss, staff, client):
    address = reverse("admin:policies_exchange_change", args=["kraken"])
    fields = fields_of(boss.get(address).content.decode())
    other = type(client)()
    other.force_login(staff("risk manager"))
    edit(other, "exchange", "kraken", taker_fee_bps="30")

    response = boss.post(address, {**fields, "taker_fee_bps": "26", "reason": REASON})

    when = Exchange.history.filter(slug="kraken").latest().history_date
    html = response.content.decode()
    assert f"risk.manager changed this at {when:%H:%M:%S} UTC while you were editing" in html
    assert "nothing was saved" in html
    assert Exchange.objects.get(pk="kraken").taker_fee_bps == 30


def test_a_form_without_a_version_is_refused_once_the_row_has_a_history(boss):
    edit(boss, "exchange", "kraken", taker_fee_bps="30")

    edit(boss, "exchange", "kraken", taker_fee_bps="26", seen="")

    assert Exchange.objects.get(pk="kraken").taker_fee_bps == 30


def test_numbers_are_shown_without_the_places_of_their_column(boss, user):
    permission = TradingPermission.objects.create(user=user)
    OrderSizeLimit.objects.create(permission=permission, currency="USDT", max_notional=Decimal(5000))

    html = boss.get(reverse("admin:policies_tradingpermission_change", args=[permission.pk])).content.decode()

    assert 'value="5000"' in html
    assert "5000.0" not in html


@pytest.mark.parametrize(
    ("slug", "changes", "sentence"),
    [
        ("binance", {"enabled": None}, "binance is the default exchange. Choose another default first"),
        ("kraken", {"taker_fee_bps": "5000"}, "100 bps are 1 %"),
        ("kraken", {"mode": "sandbox"}, "Kraken has no test system we can use"),
        ("kraken", {"stale_after_s": "10"}, "must be at least the health check interval"),
        (
            "kraken",
            {
                "maintenance_from_0": "2026-11-20",
                "maintenance_from_1": "15:00:00",
                "maintenance_to_0": "2026-11-20",
                "maintenance_to_1": "14:00:00",
            },
            "The maintenance must end after it begins.",
        ),
    ],
)
def test_exchange_sentences(boss, slug, changes, sentence):
    address = reverse("admin:policies_exchange_change", args=[slug])
    fields = {**fields_of(boss.get(address).content.decode()), "reason": REASON, **changes}
    body = {name: value for name, value in fields.items() if value is not None}

    response = boss.post(address, body)

    assert sentence in response.content.decode().replace("&#x27;", "'")
    assert not Exchange.history.filter(slug=slug).exists()


def test_routing_settings_open_directly_and_refuse_a_disabled_default(boss):
    assert boss.get(reverse("admin:policies_routingsettings_changelist"))["Location"].endswith("/1/change/")
    Exchange.objects.filter(pk="kraken").update(enabled=False)

    response = edit(boss, "routingsettings", 1, default_exchange="kraken")

    assert "kraken is not enabled. Enable it first" in response.content.decode()
    assert RoutingSettings.objects.get().default_exchange_id == "binance"


def test_routing_settings_are_changed_by_radio_buttons(boss):
    html = boss.get(reverse("admin:policies_routingsettings_change", args=[1])).content.decode()
    assert html.count('type="radio"') == 14

    edit(boss, "routingsettings", 1, on_unknown_exchange="deny")

    assert refresh().rules.on_unknown_exchange == "deny"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"strategy_id": "scalper_BTC"}, "differs from the existing scalper_btc only in case"),
        ({"strategy_id": "has space"}, "Use letters, digits and"),
        ({"exchange": "okx"}, "okx is not enabled. Enable it first, or choose another."),
    ],
)
def test_strategy_sentences(boss, values, sentence):
    StrategyPolicy.objects.create(strategy_id="scalper_btc", exchange_id="binance")
    Exchange.objects.filter(pk="okx").update(enabled=False)
    body = {"strategy_id": "new", "exchange": "kraken", "mode": "paper", "enabled": "on", "reason": REASON, **values}

    response = boss.post(reverse("admin:policies_strategypolicy_add"), body)

    assert sentence in response.content.decode()
    assert StrategyPolicy.objects.count() == 1


def test_a_strategy_is_added_and_its_name_never_changes(boss):
    body = {"strategy_id": "new", "exchange": "kraken", "mode": "live", "enabled": "on", "reason": REASON}

    response = boss.post(reverse("admin:policies_strategypolicy_add"), body, follow=True)

    row = StrategyPolicy.objects.get()
    assert StrategyPolicy.history.get().history_change_reason == REASON
    assert "Nobody has usable live keys for kraken yet" in response.content.decode()
    edit(boss, "strategypolicy", row.pk, strategy_id="other", notes="mine")
    assert StrategyPolicy.objects.values_list("strategy_id", "notes").get() == ("new", "mine")


def test_a_strategy_without_a_chain_behind_it_is_warned_about(boss, now_read):
    Exchange.objects.get(pk="coinbase").chain.steps.all().delete()
    Exchange.objects.get(pk="coinbase").chain.delete()
    now_read()
    body = {"strategy_id": "new", "exchange": "coinbase", "mode": "paper", "enabled": "on", "reason": REASON}

    response = boss.post(reverse("admin:policies_strategypolicy_add"), body, follow=True)

    assert "No chain goes on after coinbase" in response.content.decode()


SIZES = {
    "order_sizes-TOTAL_FORMS": "1",
    "order_sizes-INITIAL_FORMS": "0",
    "order_sizes-0-currency": "USDT",
    "order_sizes-0-max_notional": "5000",
}


def test_a_permission_with_pairs_one_per_line_and_its_sizes(boss, user):
    body = {"user": user.pk, "enabled": "on", "pairs": "btc/usdt\n\n */nok ", "reason": REASON}
    body |= {"exchanges": ["binance", "kraken"], **SIZES}

    response = boss.post(reverse("admin:policies_tradingpermission_add"), body)

    assert response.status_code == 302
    rule = refresh().permissions[user.pk]
    assert rule.pairs == ("BTC/USDT", "*/NOK")
    assert rule.exchanges == {"binance", "kraken"}
    assert rule.max_order_notional == {"USDT": Decimal(5000)}
    assert OrderSizeLimit.history.get().history_change_reason == REASON


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"pairs": "BTCUSDT"}, "BTCUSDT is not a pair. Write BTC/USDT"),
        ({"exchanges": []}, "Choose at least one exchange, or allow all of them."),
        ({"order_sizes-TOTAL_FORMS": "0"}, "Enter at least one largest order"),
        ({"order_sizes-0-max_notional": "0"}, "0 would deny every order. Use Halt for that."),
        ({"order_sizes-0-currency": "us dollars"}, "Write the currency as in the pair"),
    ],
)
def test_permission_sentences(boss, user, values, sentence):
    body = {"user": user.pk, "enabled": "on", "pairs": "", "exchanges": ["binance"], "reason": REASON, **SIZES}

    response = boss.post(reverse("admin:policies_tradingpermission_add"), {**body, **values})

    assert sentence in response.content.decode()
    assert not TradingPermission.objects.exists()


def test_the_history_shows_a_save_over_several_tables_as_one_change(boss, user):
    body = {"user": user.pk, "enabled": "on", "all_exchanges": "on", "pairs": "", "reason": REASON, **SIZES}
    boss.post(reverse("admin:policies_tradingpermission_add"), body)
    permission = TradingPermission.objects.get()
    edit(boss, "tradingpermission", permission.pk, **{"order_sizes-0-max_notional": "9000", "reason": "raised it"})
    edit(boss, "tradingpermission", permission.pk, pairs="BTC/USDT", reason="only bitcoin now")

    html = boss.get(reverse("admin:policies_tradingpermission_history", args=[permission.pk])).content.decode()

    assert html.count("<tr>") == 4  # the head and three changes
    assert "<del>USDT 5000</del>" in html
    assert "<ins>USDT 9000</ins>" in html
    assert html.index("only bitcoin now") < html.index("raised it") < html.index(REASON)


def test_a_list_that_is_empty_says_why_and_what_to_do(boss):
    html = boss.get(reverse("admin:policies_strategypolicy_changelist")).content.decode()

    assert "No strategy is mapped. Unmapped signals go to binance" in html
    assert "Add strategy" in html
