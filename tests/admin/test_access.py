"""Who may do what: every role, every address, reading and writing."""

from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import Client

from tests.admin import world
from tests.admin.addresses import all_addresses

ROLES = ("viewer", "operator", "risk manager", "credential owner", "webhook owner")
# As much as any form or dialog of the admin could ask for.
EVERYTHING = {
    "_form_submitted": "True",
    "_save": "Save",
    "reason": "because the test wants to see it refused",
    "what": "global:",
    "status": "halted",
    "name": "changed by a test",
    "enabled": "",
    "is_superuser": "on",
    "action": "delete_selected",
    "post": "yes",
}


@pytest.fixture
def desk(risk_manager: User) -> world.World:
    call_command("create_roles", stdout=StringIO())
    return world.bad_day(risk_manager)


def everything_stored() -> dict[str, Any]:
    """All rows that matter, as text: two of these are equal only if nothing was changed."""
    stored = {}
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            if model is not Session and table.startswith(("policies_", "execution_", "auth_", "django_admin_log")):
                cursor.execute(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)), count(*) FROM {table} t")
                stored[table] = cursor.fetchone()
    return stored


def log_in(person: User) -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(person)
    return client


def test_reading_any_address_in_any_role_changes_nothing(desk, staff):
    people = [log_in(staff(role)) for role in ROLES]
    before = everything_stored()

    for client in people:
        for address in all_addresses():
            response = client.get(address.path)
            assert response.status_code in {200, 302, 403, 404}, f"{address.name}: {response.status_code}"

    assert everything_stored() == before


@pytest.mark.parametrize("role", ["viewer", "credential owner"])
def test_writing_anywhere_without_the_right_changes_nothing(desk, staff, role):
    client = log_in(staff(role))
    before = everything_stored()

    for address in all_addresses():
        response = client.post(address.path, EVERYTHING)
        assert response.status_code in {200, 302, 403, 404, 405}, f"{address.name}: {response.status_code}"

    assert everything_stored() == before


def test_a_viewer_is_refused_wherever_something_could_be_changed(desk, staff):
    client = log_in(staff("viewer"))

    for address in all_addresses():
        response = client.post(address.path, EVERYTHING)
        # Lists answer with themselves; the palette and a link to a filtered list only read.
        reads = address.name.endswith(("changelist", "its_signals", "strategypolicy_preview"))
        if not reads and address.name not in {"index", "search"}:
            assert response.status_code in {403, 404}, f"{address.name}: {response.status_code}"


def test_an_operator_cannot_resume_or_edit_policy(desk, staff):
    client = log_in(staff("operator"))
    before = everything_stored()

    for address in all_addresses():
        if address.name.endswith(("_change", "_add", "_delete", "_resume", "_history", "_release")):
            assert client.post(address.path, EVERYTHING).status_code in {403, 404}, address.name

    assert everything_stored() == before


def test_nobody_deletes_anything(desk, risk_manager):
    client = log_in(risk_manager)
    before = everything_stored()

    for address in all_addresses():
        if address.name.endswith("_delete"):
            assert client.get(address.path).status_code == 403, address.name
            assert client.post(address.path, EVERYTHING).status_code == 403, address.name

    assert everything_stored() == before


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_logging_in_every_address_leads_to_the_login_page(desk, client, method):
    before = everything_stored()

    for address in all_addresses():
        response = getattr(client, method)(address.path, EVERYTHING if method == "post" else None)
        assert response.status_code == 302, address.name
        assert response["Location"].startswith("/admin/login/"), address.name

    assert everything_stored() == before


def test_a_client_user_without_the_admin_is_sent_to_the_login_page(desk):
    client = log_in(desk.sender)

    assert client.get("/admin/")["Location"].startswith("/admin/login/")


def test_a_history_can_only_be_read(desk, risk_manager):
    client = log_in(risk_manager)
    before = everything_stored()

    for address in all_addresses():
        if address.name.endswith("_history") and address.name.startswith("policies_"):
            assert client.get(address.path).status_code == 200, address.name
            assert client.post(address.path, EVERYTHING).status_code == 403, address.name

    assert everything_stored() == before


def test_a_user_editor_cannot_become_a_superuser(desk, staff, django_user_model):
    editor = staff("viewer")
    editor.user_permissions.add(*world.permissions("auth.view_user", "auth.change_user"))
    client = log_in(django_user_model.objects.get(pk=editor.pk))

    client.post(
        f"/admin/auth/user/{editor.pk}/change/", {"username": editor.username, "is_active": "on", "is_superuser": "on"}
    )
    response = client.post(f"/admin/auth/user/{django_user_model.objects.get(is_superuser=True).pk}/password/", {})

    assert not django_user_model.objects.get(pk=editor.pk).is_superuser
    assert response.status_code == 403


def test_the_pages_of_an_account_open(desk, risk_manager, client):
    boss = log_in(risk_manager)

    assert boss.get("/admin/password_change/").status_code == 200
    assert boss.get("/admin/policies/").status_code == 200
    assert "Your role may not do this." in boss.post("/admin/banner/").content.decode()
    assert boss.post("/admin/logout/").status_code in {200, 302}
    assert client.get("/admin/login/").status_code == 200


def test_the_menu_shows_what_may_be_opened(desk, staff):
    viewer = log_in(staff("viewer")).get("/admin/").content.decode()
    owner = log_in(staff("credential owner")).get("/admin/").content.decode()

    assert "Failover chains" in viewer
    assert "Exchange credentials" not in viewer
    assert "Halt…" not in viewer
    assert "Exchange credentials" in owner
    assert "Failover chains" not in owner
    assert "Signals 1 h" not in owner
