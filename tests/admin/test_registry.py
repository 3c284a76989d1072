"""Rules every page of the admin keeps, checked over the registry so that a new page cannot forget them."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import RequestFactory
from django.urls import NoReverseMatch, reverse

from policies.admin.base import DeskAdmin, PolicyAdmin, ReadOnlyAdmin
from policies.domain.reasons import MANUAL, ReasonCode
from policies.forms.base import PolicyForm
from policies.models import ApiToken

ADMINS = [pytest.param(model_admin, id=model._meta.label) for model, model_admin in admin.site._registry.items()]
POLICY = [param for param in ADMINS if isinstance(param.values[0], PolicyAdmin)]
MAX_COLUMNS = 8
MAX_MENU_TEXT = 18
# They only lead to another page.
READING_ACTIONS = {"halt", "its_signals", "preview", "deliveries", "send_test"}


def actions_of(model_admin: Any) -> list[Any]:
    return [
        *model_admin._get_base_actions_list(),
        *model_admin._get_base_actions_row(),
        *model_admin._get_base_actions_detail(),
        *model_admin._get_base_actions_submit_line(),
    ]


@pytest.mark.parametrize("model_admin", ADMINS)
def test_every_admin_is_one_of_ours(model_admin):
    assert isinstance(model_admin, DeskAdmin)


@pytest.mark.parametrize("model_admin", ADMINS)
def test_nothing_is_edited_in_a_list_deleted_or_selected_in_bulk(model_admin, rf: RequestFactory, risk_manager):
    request = rf.get("/")
    request.user = risk_manager

    assert not model_admin.list_editable
    assert not model_admin.has_delete_permission(request)
    assert model_admin.get_actions(request) == {}
    assert model_admin.list_disable_select_all


@pytest.mark.parametrize("model_admin", ADMINS)
def test_a_list_fits_the_screen(model_admin):
    assert len(model_admin.list_display) <= MAX_COLUMNS


@pytest.mark.parametrize("model_admin", ADMINS)
def test_an_action_that_changes_something_asks_first_and_names_its_permission(model_admin):
    for action in actions_of(model_admin):
        name = action.method.original_function_name if hasattr(action.method, "original_function_name") else ""
        permissions = action.method.allowed_permissions
        assert permissions, action.action_name
        assert not any("." in permission for permission in permissions)
        assert len(action.description) <= MAX_MENU_TEXT
        if action.path not in READING_ACTIONS:
            assert action.dialog is not None, f"{action.action_name} {name}"


@pytest.mark.parametrize("model_admin", ADMINS)
def test_the_history_form_that_saves_does_not_exist(model_admin):
    opts = model_admin.model._meta

    with pytest.raises(NoReverseMatch):
        reverse(f"admin:{opts.app_label}_{opts.model_name}_simple_history", args=["1", "1"])


@pytest.mark.parametrize("model_admin", POLICY)
def test_every_policy_form_has_a_reason_and_the_version_that_was_read(model_admin, rf: RequestFactory, risk_manager):
    request = rf.get("/")
    request.user = risk_manager

    form = model_admin.get_form(request)

    assert issubclass(form, PolicyForm)
    assert form.base_fields["reason"].required
    assert form.base_fields["seen"].widget.is_hidden


@pytest.mark.parametrize("model_admin", POLICY)
def test_every_policy_table_keeps_its_history(model_admin):
    assert hasattr(model_admin.model, "history")


def test_what_the_machine_writes_is_read_only():
    executed = [a for model, a in admin.site._registry.items() if model._meta.app_label == "execution"]

    assert executed
    assert all(isinstance(model_admin, ReadOnlyAdmin) for model_admin in executed)


def test_tokens_are_never_edited(rf: RequestFactory, risk_manager):
    request = rf.get("/")
    request.user = risk_manager

    assert not admin.site._registry[ApiToken].has_change_permission(request)


@pytest.mark.parametrize("code", list(ReasonCode))
def test_every_reason_code_has_an_entry_in_the_manual(code):
    entry = MANUAL[code]

    assert entry.meaning.endswith(".")
    assert entry.cause
    assert entry.fix
