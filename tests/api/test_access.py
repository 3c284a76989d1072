"""Who may do what, and that nobody sees what is not theirs."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from execution.models import Signal
from policies import snapshot
from policies.models import ApiToken
from policies.services import create_token, revoke_token

SIGNAL = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.1", "id": "x"}
ENDPOINTS = [
    ("GET", "/api/signals", "read"),
    ("POST", "/api/signals", "trade"),
    ("POST", "/api/signals/batch", "trade"),
    ("GET", "/api/signals/{id}", "read"),
    ("POST", "/api/signals/{id}/cancel", "cancel"),
    ("GET", "/api/orders", "read"),
    ("GET", "/api/orders/{id}", "read"),
    ("POST", "/api/orders/{id}/cancel", "cancel"),
    ("GET", "/api/positions", "read"),
    ("POST", "/api/route", "read"),
    ("GET", "/api/routing/stats", "read"),
    ("GET", "/api/preferences", "read"),
    ("PUT", "/api/preferences", "trade"),
    ("POST", "/api/execute", "trade"),
    ("GET", "/api/exchanges/status", "read"),
    ("GET", "/api/markets", "read"),
    ("POST", "/api/arbitrage/execute", "trade"),
    ("GET", "/api/arbitrage/trades", "read"),
    ("GET", "/api/arbitrage/trades/{id}", "read"),
]


@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_every_endpoint_needs_a_token_and_its_scope(api, user, method, path, scope):
    path = path.format(id=uuid.uuid4())
    others = [s for s in ("read", "trade", "cancel") if s != scope]
    _, wrong = create_token(user=user, name="wrong scopes", scopes=others, by=None)
    snapshot.refresh()
    anonymous = type(api)("", None)
    limited = type(api)(wrong, user)

    unauthenticated = anonymous.call(method, path, SIGNAL)
    forbidden = limited.call(method, path, SIGNAL)

    assert (unauthenticated.status_code, unauthenticated.json()["code"]) == (401, "NOT_AUTHENTICATED")
    assert unauthenticated["WWW-Authenticate"] == "Token"
    assert (forbidden.status_code, forbidden.json()) == (
        403, {"code": "SCOPE_MISSING", "detail": f"This token lacks the scope {scope}."},
    )  # fmt: skip


@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_a_trailing_slash_changes_nothing(api, method, path, scope):
    path = path.format(id=uuid.uuid4())

    plain, slashed = (api.call(method, f"{path}{slash}?timeout=0", SIGNAL) for slash in ("", "/"))

    assert plain.status_code == slashed.status_code


@pytest.mark.parametrize("header", ["Token", "Token a b", "Bearer x", "Token wrong", "token \xff"])
def test_a_header_that_is_no_token_is_refused(api, header):
    response = type(api)("", None).get("/api/signals", authorization=header)

    assert response.status_code == 401


def test_a_revoked_token_ends(api):
    assert api.get("/api/signals").status_code == 200

    revoke_token(ApiToken.objects.get(), reason="laptop was stolen", by=None)
    snapshot.refresh()

    assert api.get("/api/signals").status_code == 401


def test_an_expired_token_and_a_disabled_user_are_refused(api, user):
    _, old = create_token(
        user=user, name="old", scopes=["read"], by=None, expires_at=timezone.now() - timedelta(seconds=1)
    )
    snapshot.refresh()
    assert type(api)(old, user).get("/api/signals").status_code == 401

    user.is_active = False
    user.save()
    snapshot.refresh()
    assert api.get("/api/signals").status_code == 401


def test_a_token_bound_to_addresses_works_from_there_only(api, user, settings):
    _, bound = create_token(user=user, name="bound", scopes=["read"], by=None, allowed_ips=["203.0.113.0/24"])
    snapshot.refresh()
    client = type(api)(bound, user)
    assert client.get("/api/signals", x_forwarded_for="203.0.113.7").status_code == 401  # nobody to believe yet

    settings.ENV = {**settings.ENV, "TRUSTED_PROXY_COUNT": 1}

    assert client.get("/api/signals", x_forwarded_for="203.0.113.7").status_code == 200
    assert client.get("/api/signals", x_forwarded_for="203.0.113.7, 198.51.100.1").status_code == 401
    assert client.get("/api/signals", x_forwarded_for="198.51.100.1, 203.0.113.7").status_code == 200


def test_tokens_are_kept_as_hashes_only(api):
    token = ApiToken.objects.get()

    assert api.token not in str(ApiToken.objects.values())
    assert api.token.startswith(token.prefix)
    assert len(api.token) > 40


def test_what_belongs_to_somebody_else_does_not_exist(api, stranger):
    mine = api.signal("k1").json()["id"]

    for method, path in [
        ("GET", f"/api/signals/{mine}"),
        ("GET", f"/api/signals/{mine}?wait=5"),
        ("POST", f"/api/signals/{mine}/cancel"),
    ]:
        response = stranger.call(method, path)
        assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")
    assert stranger.get("/api/signals").json()["results"] == []
    assert Signal.objects.get().cancel_requested_at is None


def test_staff_see_everybodys_signals(api, risk_manager):
    api.signal("k1")
    _, token = create_token(user=risk_manager, name="desk", scopes=["read"], by=None)
    snapshot.refresh()

    found = type(api)(token, risk_manager).get("/api/signals").json()["results"]

    assert [signal["user"] for signal in found] == ["algo1"]


@pytest.mark.parametrize("path", ["/api/nothing", "/api/signals/not-an-id", "/api/signals/1"])
def test_unknown_addresses_answer_in_the_same_shape(api, path):
    response = api.get(path)

    assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


def test_a_wrong_method_answers_in_the_same_shape(api):
    assert api.call("DELETE", "/api/signals").json()["code"] == "METHOD_NOT_ALLOWED"
