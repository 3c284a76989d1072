from decimal import Decimal
from io import StringIO

import pytest
import yaml
from django.core.management import CommandError, call_command

from policies import policy_file
from policies.models import Exchange, FailoverChain, RoutingSettings, StrategyPolicy, TradingPermission
from policies.policy_file import PolicyFileError

FILE = """
exchanges:
  binance: {mode: live, taker_fee_bps: 7.5}
routing_settings:
  all: {on_unknown_exchange: deny}
strategies:
  scalper_btc: {exchange: kraken, mode: live, enabled: true}
failover_chains:
  binance: {steps: [binance, kraken, firi]}
trading_permissions:
  algo1:
    exchanges: [kraken, binance]
    pairs: [btc/usdt, "*/NOK"]
    largest_orders: {USDT: 5000, NOK: "50,000"}
"""


def applied(text):
    return [str(change) for change in policy_file.apply(text, reason="reviewed in meeting", by=None)]


def refused(text):
    with pytest.raises(PolicyFileError) as caught:
        policy_file.apply(text, reason="reviewed in meeting", by=None)
    return str(caught.value)


def test_a_dump_applied_again_changes_nothing(user):
    applied(FILE)

    assert policy_file.plan(policy_file.dump()) == []


def test_only_what_the_file_names_is_changed_and_every_change_is_told(user):
    assert applied(FILE) == [
        "exchanges.binance.mode: paper -> live",
        "exchanges.binance.taker_fee_bps: 10 -> 7.5",
        "routing_settings.all.on_unknown_exchange: use_default -> deny",
        "strategies.scalper_btc.exchange: (none) -> kraken",
        "strategies.scalper_btc.mode: (none) -> live",
        "strategies.scalper_btc.enabled: (none) -> True",
        "failover_chains.binance.steps: ['binance', 'bybit', 'okx', 'kucoin', 'kraken', 'firi'] -> "
        "['binance', 'kraken', 'firi']",
        "trading_permissions.algo1.exchanges: (none) -> ['binance', 'kraken']",
        "trading_permissions.algo1.pairs: (none) -> ['BTC/USDT', '*/NOK']",
        "trading_permissions.algo1.largest_orders: (none) -> {'NOK': '50000', 'USDT': '5000'}",
    ]
    binance = Exchange.objects.get(pk="binance")
    assert (binance.mode, binance.taker_fee_bps, binance.maker_fee_bps) == ("live", Decimal("7.5"), Decimal(10))
    assert RoutingSettings.objects.get().on_unknown_exchange == "deny"
    assert StrategyPolicy.objects.get().exchange_id == "kraken"
    assert FailoverChain.objects.get(primary="binance").slugs() == ("binance", "kraken", "firi")
    permission = TradingPermission.objects.get()
    assert (permission.all_exchanges, permission.pairs) == (False, ["BTC/USDT", "*/NOK"])
    assert {size.currency: size.max_notional for size in permission.order_sizes.all()} == {
        "USDT": Decimal(5000), "NOK": Decimal(50000),
    }  # fmt: skip


def test_applying_twice_is_the_same_as_once(user):
    applied(FILE)

    assert applied(FILE) == []


def test_every_change_has_its_reason_in_the_history(user):
    applied(FILE)

    change = Exchange.history.filter(slug="binance").first()
    assert (change.mode, change.history_change_reason) == ("live", "reviewed in meeting")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("exchange: {}", "line 1: unknown section 'exchange'; there are exchanges, routing_settings"),
        ("exchanges:\n  binnace: {mode: live}", "line 2: exchanges.binnace: There is no exchange 'binnace'."),
        ("exchanges:\n  binance:\n    colour: red", "line 3: exchanges.binance has no field 'colour'; it has name,"),
        ("exchanges:\n  binance: {enabled: 'yes'}", "line 2: exchanges.binance.enabled: 'yes' is neither true nor"),
        ("exchanges:\n  binance: {max_in_flight: 1.5}", "exchanges.binance.max_in_flight: 1.5 is not a whole number"),
        ("exchanges:\n  binance: {taker_fee_bps: .nan}", "exchanges.binance.taker_fee_bps: nan is not a number"),
        ("exchanges:\n  binance: {taker_fee_bps: 5000}", "line 2: exchanges.binance: "),
        ("exchanges:\n  binance: {enabled: false}", "binance is the default exchange. Choose another default first"),
        ("exchanges:\n  binance: {mode: real}", "line 2: exchanges.binance: Value 'real' is not a valid choice."),
        ("exchanges:\n  kraken: {mode: sandbox}", "Kraken has no test system we can use."),
        ("exchanges:\n  binance: {}\n  binance: {}", "line 3: 'binance' is there twice."),
        ("exchanges: [binance]", "line 1: exchanges must be a mapping."),
        ("routing_settings:\n  some: {}", "There is one set of routing settings; call it 'all'."),
        ("failover_chains:\n  binance: {steps: []}", "A chain needs at least one exchange."),
        ("failover_chains:\n  binance: {steps: [kraken, binance]}", "The first step must be the primary, binance."),
        ("failover_chains:\n  binance: {steps: [binance, okx, okx]}", "okx is in the chain twice."),
        ("failover_chains:\n  binance: {steps: [binance, nope]}", "nope is not an enabled exchange."),
        ("strategies:\n  'a b': {exchange: okx}", "Use letters, digits and _ . : -"),
        ("strategies:\n  s: {exchange: nope}", "line 2: strategies.s:"),
        ("trading_permissions:\n  nobody: {enabled: true}", "There is no user 'nobody'. Make one with create_api"),
        ("trading_permissions:\n  algo1: {pairs: [BTCUSDT]}", "BTCUSDT is not a pair. Write BTC/USDT"),
        ("trading_permissions:\n  algo1: {largest_orders: {USDT: -1}}", "'USDT -1' is not a size."),
        ("trading_permissions:\n  algo1: {exchanges: [nope]}", "There is no exchange nope."),
        ("exchanges: {", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line_and_nothing_is_applied(user, text, problem):
    good = "strategies:\n  fine: {exchange: okx}\n"
    message = refused(text if "strategies" in text or text[-1] == "{" else f"{text}\n{good}")

    assert problem in message
    assert not StrategyPolicy.objects.exists()


def test_the_commands_round_trip(user, tmp_path):
    out = StringIO()
    call_command("dump_policy", stdout=out)
    file = tmp_path / "policy.yaml"
    data = yaml.safe_load(out.getvalue())
    data["exchanges"]["okx"]["enabled"] = False
    file.write_text(yaml.safe_dump(data))

    out = StringIO()
    call_command("apply_policy", str(file), "--dry-run", stdout=out)
    assert out.getvalue() == "exchanges.okx.enabled: True -> False\n1 change(s) not made: --dry-run.\n"
    assert Exchange.objects.get(pk="okx").enabled
    call_command("apply_policy", str(file), stdout=StringIO())
    assert not Exchange.objects.get(pk="okx").enabled


def test_a_file_that_is_not_there_is_said_so(db):
    with pytest.raises(CommandError, match="Cannot read /nowhere.yaml: No such file"):
        call_command("apply_policy", "/nowhere.yaml")
