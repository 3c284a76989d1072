from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

from policies.management.commands.create_roles import ROLES


@pytest.mark.django_db
def test_roles_are_made_once_and_corrected_afterwards():
    call_command("create_roles", stdout=StringIO())
    viewer = Group.objects.get(name="viewer")
    rights = set(viewer.permissions.values_list("codename", flat=True))
    viewer.permissions.clear()

    call_command("create_roles", stdout=StringIO())

    assert set(viewer.permissions.values_list("codename", flat=True)) == rights
    assert Group.objects.count() == len(ROLES)


def test_a_viewer_only_looks(staff):
    rights = staff("viewer").get_all_permissions()

    assert rights
    assert all(right.partition(".")[2].startswith("view_") for right in rights)


def test_an_operator_may_halt_and_cancel_but_not_resume_or_edit_policy(staff):
    operator = staff("operator")

    assert operator.has_perm("policies.halt")
    assert operator.has_perm("execution.change_order")
    assert not operator.has_perm("policies.resume")
    assert not operator.has_perm("policies.change_exchange")


def test_a_risk_manager_may_resume_and_edit_policy(staff):
    manager = staff("risk manager")

    assert manager.has_perm("policies.resume")
    assert manager.has_perm("policies.change_failoverchain")
    assert not manager.has_perm("auth.change_user")


def test_nobody_may_delete_policy(staff):
    deletable = {"policies.delete_failoverstep", "policies.delete_feetier", "policies.delete_ordersizelimit"}

    for role in ROLES:
        rights = staff(role).get_all_permissions()
        assert {right for right in rights if ".delete_" in right} <= deletable


def test_a_credential_owner_has_nothing_but_credentials(staff):
    assert staff("credential owner").get_all_permissions() == {
        "policies.view_exchangecredential",
        "policies.add_exchangecredential",
        "policies.change_exchangecredential",
    }
