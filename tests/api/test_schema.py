"""The OpenAPI schema is true: whatever is sent, the answer is one that it documents, and never a 5xx.

Deterministic; SCHEMATHESIS_EXAMPLES=1000 looks for longer.
"""

import os
import uuid
from decimal import Decimal as D

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.utils import timezone
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks

from execution.models import Position
from execution.services import waiting
from policies.domain.reasons import ReasonCode
from routing_platform.wsgi import application
from tests.admin.world import arbitrage_trade, decide, make_order, make_signal
from tests.api import hooks

PLAIN = {"Accept-Encoding": "identity"}  # the in-process transport does not unpack
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "50"))
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.ignored_auth,
    checks.unsupported_method,
    checks.allow_header_conformance,
]
HARMLESS = {"details", "score", "confidence", "strategy_id", "exchange", "timestamp", "expires_at", "id", "priority"}
REFUSED = {(401, "NOT_AUTHENTICATED"), (404, "NOT_FOUND")}
"""404: an address that is none; who asks does not matter."""

REFUSED_BY_WEBHOOKS = {(401, "WEBHOOK_SIGNATURE"), (404, "NOT_FOUND"), (405, "METHOD_NOT_ALLOWED")}


def load(**phases):
    """The schema as it is served."""
    config = {
        "seed": 1,
        "generation": {"deterministic": True, "max-examples": EXAMPLES, "database": "none"},
        "phases": {"stateful": {"enabled": False}, **phases},
    }
    return schemathesis.openapi.from_wsgi("/api/schema", application, config=SchemathesisConfig.from_dict(config))


schema = load()
quick = load(coverage={"enabled": False})
GENEROUS = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(waiting, "MAX_WAIT_S", 0.01)


@pytest.fixture(autouse=True)
def _one_connection():
    """The test's transaction lives on it, so the end of a request must not close it."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def known(api, monkeypatch):
    """A signal with everything an answer can hold."""
    signal = make_signal(api.user, "executing", notional=D(100))
    decide(signal)
    order = make_order(signal, "open", mode="live")
    make_order(make_signal(api.user), "filled")
    Position.objects.create(
        user=api.user, exchange_id="binance", mode="live", symbol="BTC/USDT", updated_at=timezone.now()
    )
    hook, signed = hooks.make(api.user, "hook"), hooks.make(api.user, "signed", kind="signed")
    return {
        "signal_id": str(signal.pk),
        "order_id": str(order.pk),
        "trade_id": str(arbitrage_trade(api.user).pk),
        "token": hook.secret,
        "name": signed.hook.name,
    }


@schema.parametrize()
@GENEROUS
def test_with_a_token_every_answer_is_documented(case, api, known):
    headers = {"Authorization": f"Token {api.token}", **PLAIN}

    case.call_and_validate(headers=headers, checks=CHECKS)
    better = repaired(case, known)
    if better:
        response = case.call_and_validate(headers=headers | better, checks=CHECKS)
        if response.status_code >= 400:
            body = response.json()
            errors = [result["error"] for result in body["results"]] if "results" in body else [body]
            assert {error["code"] for error in errors} <= ReasonCode.__members__.keys()


def repaired(case, known):
    """Turns what would be refused at once into what goes further; the headers for it, or nothing."""
    if case.path_parameters:
        case.path_parameters = {name: known[name] for name in case.path_parameters}
        if "token" in case.path_parameters and isinstance(case.body, dict):
            case.body = good(case.body)
        return PLAIN
    if not isinstance(case.body, dict):
        return {}
    if case.path.endswith("/batch"):
        sent = case.body.get("signals")
        case.body = {
            "signals": [good(item) for item in sent if isinstance(item, dict)] if isinstance(sent, list) else []
        }
    else:
        case.body = good(case.body)
    return {"Idempotency-Key": uuid.uuid4().hex, "Content-Type": "application/json"}


def good(body):
    """A signal that trades, with what was generated for the rest."""
    rest = {name: value for name, value in body.items() if name in HARMLESS}
    return {"id": uuid.uuid4().hex, **rest, "symbol": "BTC/USDT", "side": "buy", "amount": "0.1"}


@quick.parametrize()
@settings(GENEROUS, max_examples=min(EXAMPLES, 10))
def test_without_a_token_nothing_is_answered_but_401(case, known):
    case.headers = {name: value for name, value in case.headers.items() if name.lower() == "idempotency-key"}

    response = case.call(headers={"Authorization": "Token rp_wrong", **PLAIN})

    refused = REFUSED_BY_WEBHOOKS if "/webhooks/" in case.path else REFUSED
    assert (response.status_code, response.json()["code"]) in refused
