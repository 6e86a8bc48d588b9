"""Appointing staff and restoring customers: by administrators, never of oneself, on the trail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from accounts.models import AuditLog, Organization, User
from accounts.services.platform_roles import NotYourOwnRole, OperatorsAccount, change_platform_role
from accounts.services.suspension import reinstate_user, suspend_user
from config.kit import context
from config.kit.errors import Forbidden
from tests.integration.backoffice.conftest import enter, member_of_staff

REASON = "Joins the desk"


def address(row: Any, view: str) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{view}", args=[row.pk])


@pytest.mark.parametrize("role", ["support", "readonly", "admin"])
def test_an_administrator_appoints_staff_after_a_confirm_page(
    admin: Client, house: None, role: str
) -> None:
    person = User.objects.get(email="owner1@example.com")
    session = enter(person).session.session_key
    appoint = address(person, "change_role")
    page = admin.get(appoint)
    assert (page.status_code, b'name="reason"' in page.content) == (200, True)
    assert User.objects.get(pk=person.pk).role == "customer"
    assert admin.post(appoint, {"role": role, "reason": " "}).status_code == 422
    assert admin.post(appoint, {"role": "king", "reason": REASON}).status_code == 422
    assert admin.post(appoint, {"role": role, "reason": REASON}).status_code == 302
    assert User.objects.get(pk=person.pk).role == role
    entry = AuditLog.objects.filter(action="user.role_changed").latest("id")
    assert entry.new_values["before"] == "customer"
    assert (entry.new_values["after"], entry.new_values["reason"]) == (role, REASON)
    assert not Session.objects.filter(session_key=session).exists(), "signed out everywhere"


@pytest.mark.parametrize("role", ["support", "readonly"])
def test_nobody_else_appoints(staff: Callable[[str], Client], house: None, role: str) -> None:
    person = User.objects.get(email="owner1@example.com")
    answer = staff(role).post(address(person, "change_role"), {"role": "admin", "reason": REASON})
    assert answer.status_code == 403
    assert User.objects.get(pk=person.pk).role == "customer"


def test_nobody_changes_their_own_role(admin: Client, house: None) -> None:
    me = User.objects.get(email="admin@switchyard.example")
    admin.post(address(me, "change_role"), {"role": "support", "reason": REASON})
    assert User.objects.get(pk=me.pk).role == "admin"
    with context.acting(actor_kind="user", actor_id=str(me.pk)), pytest.raises(NotYourOwnRole):
        change_platform_role(me, role="support", reason=REASON)


def test_who_is_no_administrator_any_more_appoints_nobody(house: None) -> None:
    """Of two who demote each other, the second has lost the right meanwhile."""
    first, second = member_of_staff("admin"), member_of_staff("support")
    User.objects.filter(pk=second.pk).update(role="admin")
    with context.acting(actor_kind="user", actor_id=str(first.pk)):
        change_platform_role(second, role="support", reason=REASON)
    with context.acting(actor_kind="user", actor_id=str(second.pk)), pytest.raises(Forbidden):
        change_platform_role(first, role="support", reason=REASON)


def test_the_operators_own_account_keeps_its_role(house: None) -> None:
    operator = member_of_staff("readonly", is_superuser=True)
    with pytest.raises(OperatorsAccount):
        change_platform_role(operator, role="customer", reason=REASON)


def test_the_operators_own_account_is_not_suspended(admin: Client, house: None) -> None:
    operator = member_of_staff("readonly", is_superuser=True)
    admin.post(address(operator, "suspend"), {"reason": REASON})
    assert User.objects.get(pk=operator.pk).is_active
    with pytest.raises(OperatorsAccount):
        suspend_user(operator, reason=REASON)


@pytest.mark.parametrize("change", [{"role": "support"}, {"status": User.Status.SUSPENDED}])
def test_who_is_no_administrator_any_more_suspends_and_reinstates_nobody(
    house: None, change: dict[str, str]
) -> None:
    former, person = member_of_staff("admin"), User.objects.get(email="owner1@example.com")
    User.objects.filter(pk=former.pk).update(**change)
    for act in (suspend_user, reinstate_user):
        with context.acting(actor_kind="user", actor_id=str(former.pk)), pytest.raises(Forbidden):
            act(person, reason=REASON)


def test_staff_restore_a_closed_organization(
    admin: Client, staff: Callable[[str], Client], house: None
) -> None:
    row = Organization.objects.get(name="Customer 1")
    Organization.objects.filter(pk=row.pk).update(status="closed")
    assert staff("support").post(address(row, "restore"), {"reason": REASON}).status_code == 403
    assert admin.get(address(row, "restore")).status_code == 200
    assert Organization.objects.get(pk=row.pk).status == "closed", "a GET must not act"
    assert admin.post(address(row, "restore"), {"reason": REASON}).status_code == 302
    assert Organization.objects.get(pk=row.pk).status == "active"
    [entry] = AuditLog.objects.filter(action="organization.restored")
    assert (entry.organization_id, entry.new_values["reason"]) == (row.pk, REASON)
