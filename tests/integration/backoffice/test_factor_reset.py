"""ADM-2: letting in a customer who lost their second factor: admins alone, never for staff."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import AuditLog, RefreshToken, User
from accounts.services.factors import (
    NotYourOwnFactor,
    StaffKeepTheirFactor,
    has_second_factor,
    reset_second_factor,
)
from accounts.services.users import create_user
from config.kit import context
from tests.factories.tokens import session_of
from tests.integration.backoffice.conftest import enrol, enter, member_of_staff

REASON = "Lost the phone; called back on the number we have"


@pytest.fixture
def carla(db: None) -> User:
    user = create_user("carla@example.com", "correct horse battery")
    enrol(user)
    RecoveryCodes.activate(user)
    return user


def page(user: User) -> str:
    return reverse("admin:accounts_user_reset_factor", args=[user.pk])


def person_page(user: User) -> str:
    return reverse("admin:accounts_user_change", args=[user.pk])


def test_an_admin_resets_all_factors_and_ends_every_session(admin: Client, carla: User) -> None:
    browser = enter(carla).session.session_key
    session_of(carla)
    assert page(carla).encode() in admin.get(person_page(carla)).content
    assert b"Make sure first" in admin.get(page(carla)).content
    assert admin.post(page(carla), {"reason": ""}).status_code == 422
    assert has_second_factor(carla), "neither looking nor a missing reason acts"
    assert admin.post(page(carla), {"reason": REASON}).status_code == 302
    assert not Authenticator.objects.filter(user=carla).exists()
    assert not Session.objects.filter(session_key=browser).exists()
    assert not RefreshToken.objects.filter(user=carla, revoked_at=None).exists()
    entry = AuditLog.objects.get(action="user.second_factor_reset")
    assert entry.new_values["reason"] == REASON
    assert entry.new_values["kinds"] == ["recovery_codes", "totp"]
    assert entry.actor_id == str(User.objects.get(email__startswith="admin@").pk)


def test_the_person_is_told_by_mail(postman: None, admin: Client, carla: User) -> None:
    assert admin.post(page(carla), {"reason": REASON}).status_code == 302
    [message] = mail.outbox
    assert (message.to, message.subject) == ([carla.email], "Your second factor was removed")
    assert reverse("mfa_index") in str(message.body)


@pytest.mark.parametrize("role", ["support", "readonly"])
def test_nobody_below_admin_does(staff: Callable[[str], Client], carla: User, role: str) -> None:
    client = staff(role)
    assert client.get(page(carla)).status_code == 403
    assert client.post(page(carla), {"reason": REASON}).status_code == 403
    assert has_second_factor(carla)


def test_never_ones_own_and_never_a_colleagues(admin: Client) -> None:
    me, colleague = User.objects.get(email__startswith="admin@"), member_of_staff("support")
    for user in (me, colleague):
        admin.post(page(user), {"reason": REASON})
        assert has_second_factor(user)
    with pytest.raises(StaffKeepTheirFactor):
        reset_second_factor(colleague, reason=REASON)
    with context.acting(actor_kind="user", actor_id=str(me.pk)), pytest.raises(NotYourOwnFactor):
        reset_second_factor(me, reason=REASON)


@pytest.mark.parametrize("facts", [{"role": "support"}, {"role": "customer", "is_superuser": True}])
def test_never_a_colleagues_who_is_suspended(admin: Client, carla: User, facts: Any) -> None:
    User.objects.filter(pk=carla.pk).update(status=User.Status.SUSPENDED, **facts)
    assert page(carla).encode() not in admin.get(person_page(carla)).content
    with pytest.raises(StaffKeepTheirFactor):
        reset_second_factor(carla, reason=REASON)
    assert has_second_factor(carla)


def test_who_has_none_keeps_their_sessions(db: None) -> None:
    user = create_user("dora@example.com", "correct horse battery")
    browser = enter(user).session.session_key
    assert reset_second_factor(user, reason=REASON) == 0
    assert Session.objects.filter(session_key=browser).exists()
    assert not AuditLog.objects.filter(action="user.second_factor_reset").exists()
