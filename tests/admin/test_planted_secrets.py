"""Twenty planted secrets, and everything a person or a log can show: none of them is ever there."""

import base64
import itertools
import logging
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

from execution.exchanges.registry import AdapterPool
from policies import credential_care, snapshot
from policies.alerts import store_channel
from policies.domain.policy import Mode
from policies.models import AlertChannel, Exchange, ExchangeCredential
from policies.services import create_token, store_credential
from tests.admin import world
from tests.admin.addresses import all_addresses
from tests.coinbase_keys import SECRET as PEM

API = ["signals", "orders", "positions", "exchanges/status", "markets", "schema", "docs", "signals/nonsense", "route"]
BROKEN = [b"{", b"[]", b'{"symbol": "BTC/USDT", "side": "buy", "amount": "NaN"}', b"x" * 2_000_000]


def plant(number, exchange):
    """Keys as an exchange wants them, each part of which can be recognised."""
    secrets = {"api_key": f"PLANTED-key-{number:02}", "secret": f"PLANTED-secret-{number:02}"}
    if exchange == "kraken":
        secrets["secret"] = base64.b64encode(secrets["secret"].encode()).decode()
    if exchange == "coinbase":
        secrets["secret"] = PEM
    if exchange in {"okx", "kucoin"}:
        secrets["passphrase"] = f"PLANTED-phrase-{number:02}"
    if exchange == "firi":
        secrets["client_id"] = f"client-{number:02}"
    return secrets


@pytest.fixture
def planted(db):
    """Twenty users with keys; the texts that must never show, in the spellings a page could use."""
    forbidden = set()
    exchanges = itertools.cycle(Exchange.objects.values_list("pk", flat=True))
    for number, exchange in zip(range(20), exchanges, strict=False):
        secrets = plant(number, exchange)
        owner = world.user(f"owner{number:02}")
        store_credential(user=owner, exchange=exchange, mode=Mode.LIVE, secrets=secrets, by=None)
        forbidden |= {part for name, part in secrets.items() if name != "client_id"}
    target = {"address": "https://hooks.example.com/PLANTED-path-00", "signing_secret": "PLANTED-signing-00"}
    store_channel(AlertChannel(name="pager", kind="webhook"), target, reason="for the tests", by=None)
    forbidden |= {"PLANTED-path-00", target["signing_secret"]}
    forbidden |= {line for line in PEM.splitlines() if len(line) > 40}
    return forbidden


@pytest.mark.parametrize("debug", [False, True])
def test_no_page_answer_error_or_log_shows_a_planted_secret(planted, risk_manager, settings, caplog, debug):
    settings.DEBUG = debug
    call_command("create_roles", stdout=StringIO())
    world.bad_day(risk_manager)
    seen = []
    # Its debug log is one traceback for every optional variable of every template.
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.INFO, logger="django.template"):
        desk = Client(raise_request_exception=False)
        desk.force_login(risk_manager)
        seen += [desk.get(address.path).content.decode() for address in all_addresses()]
        for row in ExchangeCredential.objects.all():
            path = f"/admin/policies/exchangecredential/{row.pk}/change/"
            seen.append(desk.get(path).content.decode())
            seen.append(desk.post(path, {"api_key": next(iter(planted)), "secret": " ", "reason": ""}).content.decode())
        path = f"/admin/policies/alertchannel/{AlertChannel.objects.get(name='pager').pk}/"
        typed = {"address": "http://PLANTED-path-00", "signing_secret": "PLANTED-signing-00", "reason": ""}
        seen += [desk.get(f"{path}{page}/").content.decode() for page in ("change", "history", "send_test_notice")]
        seen.append(desk.post(f"{path}change/", typed).content.decode())
        seen += api_answers(world.user("client1"))
        seen.append(adapter_errors())
        list(credential_care.rotate_keys([]))
        snapshot.refresh()
    seen.append(caplog.text)
    seen.append("\n".join(str(record.__dict__) for record in caplog.records))

    assert len(seen) > 100
    for number, text in enumerate(seen):
        found = [secret for secret in planted if secret in text]
        assert not found, f"answer {number} shows {found}"


def api_answers(user):
    """Every endpoint, rightly and wrongly asked."""
    _, token = create_token(user=user, name="bot", scopes=["read", "trade", "cancel"], by=None)
    snapshot.refresh()
    client, header = Client(raise_request_exception=False), {"HTTP_AUTHORIZATION": f"Token {token}"}
    answers = [client.get(f"/api/{path}", **header) for path in API]
    answers += [client.get(f"/api/{path}") for path in API]
    for body in BROKEN:
        answers.append(client.generic("POST", "/api/signals", body, content_type="application/json", **header))
    return [answer.content.decode() for answer in answers]


def adapter_errors():
    """What an adapter says of keys of the wrong form."""
    texts = []
    for number, exchange in enumerate(Exchange.objects.values_list("pk", flat=True)):
        wrong = {**plant(number, exchange), "secret": f" PLANTED-secret-{number:02} \n"}
        try:
            AdapterPool(base_urls={}, timeout_s=1).private(exchange, wrong)
        except ValueError as e:
            texts.append(str(e))
    assert len(texts) == 8
    return "\n".join(texts)
