import io
import json

import pytest
from django.core.management import CommandError, call_command

from policies.domain.policy import Scope
from policies.models import ApiToken, ExchangeCredential, TradingState
from policies.services import read_secrets, token_digest


def run(*arguments, stdin="", monkeypatch=None):
    out, err = io.StringIO(), io.StringIO()
    if monkeypatch is not None:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_an_api_client_is_made_with_its_user_and_the_token_is_printed_once(db):
    out, err = run("create_api_client", "bot", "--scopes", "trade", "read", "--name", "desk bot")

    token = ApiToken.objects.get()
    assert token.digest == token_digest(out.strip())
    assert (token.user.username, token.scopes, token.name) == ("bot", ["read", "trade"], "desk bot")
    assert not token.user.has_usable_password()
    assert "cannot log in" in err


@pytest.mark.parametrize("extra", [["--allowed-ips", "999.1.1.1"], ["--name", "x" * 61]])
def test_a_wrong_client_is_refused(db, extra):
    with pytest.raises(CommandError):
        run("create_api_client", "bot", "--scopes", "read", *extra)


def test_keys_come_from_standard_input(user, monkeypatch):
    secrets = {"api_key": "key-1234", "secret": "the-secret"}

    out, _ = run("set_credential", "algo1", "binance", stdin=json.dumps(secrets), monkeypatch=monkeypatch)

    stored = ExchangeCredential.objects.get()
    assert read_secrets(stored) == secrets
    assert (stored.last_four, stored.mode) == ("1234", "live")
    assert "the-secret" not in out
    assert stored.fingerprint in out


def test_keys_come_from_the_environment(user, monkeypatch):
    monkeypatch.setenv("EXCHANGE_API_KEY", "k")
    monkeypatch.setenv("EXCHANGE_SECRET", "c2VjcmV0")

    run("set_credential", "algo1", "kraken", monkeypatch=monkeypatch)

    assert read_secrets(ExchangeCredential.objects.get()) == {"api_key": "k", "secret": "c2VjcmV0"}


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (["nobody", "binance"], "{}", "There is no user 'nobody'"),
        (["algo1", "nowhere"], '{"api_key":"k","secret":"s"}', "There is no exchange 'nowhere'"),
        (["algo1", "binance"], "k:s", "Standard input is not JSON"),
        (["algo1", "binance"], '["k"]', "Send a JSON object"),
        (["algo1", "binance"], '{"key":"k"}', "Unknown field key"),
        (["algo1", "binance"], '{"api_key":"k"}', "binance needs a secret."),
        (["algo1", "kraken"], '{"api_key":"k","secret":"not base64!"}', "A Kraken private key is base64"),
        (["algo1", "kraken", "--mode", "sandbox"], '{"api_key":"k","secret":"c2VjcmV0"}', "has no test system"),
    ],
)
def test_wrong_keys_are_refused_with_a_sentence_that_repeats_no_secret(user, monkeypatch, arguments, stdin, message):
    with pytest.raises(CommandError, match=message) as caught:
        run("set_credential", *arguments, stdin=stdin, monkeypatch=monkeypatch)

    assert "not base64!" not in str(caught.value)
    assert not ExchangeCredential.objects.exists()


def test_trading_is_halted_and_resumed_from_the_command_line(user):
    out, _ = run("halt", "exchange", "kraken", "--reason", "503s")
    assert out.startswith("Exchange kraken is halted since")
    run("halt", "user", "algo1", "--reason", "drill", "--reduce-only", "--by", "algo1")
    assert TradingState.objects.get(scope=Scope.USER).target == str(user.pk)

    run("halt", "exchange", "kraken", "--reason", "answers again", "--resume")
    assert TradingState.objects.get(scope=Scope.EXCHANGE).status == "active"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["exchange", "nope", "--reason", "x"], "There is no exchange 'nope'"),
        (["user", "nobody", "--reason", "x"], "There is no user"),
        (["symbol", "BTCUSDT", "--reason", "x"], "is not a pair"),
        (["strategy", "--reason", "x"], "Say which one"),
        (["global", "--reason", "  "], "Write why"),
        (["global", "--reason", "short", "--resume"], "at least 8"),
    ],
)
def test_a_halt_that_cannot_be_is_refused(db, arguments, message):
    with pytest.raises(CommandError, match=message):
        run("halt", *arguments)
    assert not TradingState.objects.exists()


def test_a_new_key_fits_the_setting(db):
    out, _ = run("new_credential_key")

    name, _, key = out.strip().partition(":")
    assert name.startswith("k20")
    assert len(key) == 44
