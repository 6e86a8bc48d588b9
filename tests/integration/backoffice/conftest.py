"""The back office in a test: its addresses, its guard, and staff with a second factor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin as site
from django.test import Client, override_settings
from django.utils.timezone import now

from accounts.models import User
from accounts.services.sessions import BACKOFFICE
from accounts.services.users import create_user
from tests.factories.backoffice import fill

SECRET = "JBSWY3DPEHPK3PXP"
PAGES: dict[Any, Any] = dict(site.site._registry)
"""Every page that is registered, the settings' among them."""
LISTS = {model: page for model, page in PAGES.items() if hasattr(model, "_default_manager")}
"""Those with rows."""


@pytest.fixture(autouse=True)
def backoffice() -> Iterator[None]:
    with override_settings(ROOT_URLCONF="config.urls_backoffice", BACKOFFICE=True):
        yield


@pytest.fixture
def house(db: None) -> None:
    fill(3, at=now())


def enrol(user: User) -> None:
    data = {"secret": get_adapter().encrypt(SECRET)}
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=data)


def enter(user: User, *, methods: tuple[str, ...] = ("password", "mfa")) -> Client:
    """Return a client that has signed in by these methods; requests run as the system role."""
    client = Client()
    client.force_login(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": method} for method in methods]
    session.save()
    facts = {"ip": "192.0.2.1", "user_agent": "Firefox", "data": {"place": BACKOFFICE}}
    UserSession.objects.create(user=user, session_key=session.session_key, **facts)
    return client


@pytest.fixture
def staff(db: None) -> Callable[[str], Client]:
    """Make one member of staff of a role, with a second factor used, and return their client."""

    def make(role: str) -> Client:
        return enter(member_of_staff(role))

    return make


def member_of_staff(role: str, **facts: Any) -> User:
    email = f"{role}@switchyard.example"
    user = User.objects.filter(email=email).first()
    if user is None:
        user = create_user(email, "correct horse battery", role=role, **facts)
        user.emailaddress_set.create(email=email, verified=True, primary=True)
        enrol(user)
    return user


@pytest.fixture
def admin(staff: Callable[[str], Client]) -> Client:
    return staff("admin")


@pytest.fixture
def support(staff: Callable[[str], Client]) -> Client:
    return staff("support")


@pytest.fixture
def readonly(staff: Callable[[str], Client]) -> Client:
    return staff("readonly")
