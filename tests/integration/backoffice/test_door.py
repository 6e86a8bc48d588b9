"""Signing in: password, then a code; and what the pages of the back office may load."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from accounts.models import User
from accounts.services.users import create_user
from tests.integration.backoffice.conftest import LISTS, SECRET, member_of_staff

ROOT = Path(__file__).resolve().parent.parent.parent.parent
PASSWORD = "correct horse battery"


@pytest.fixture
def still_clock() -> Iterator[None]:
    """A code is good for the half minute it is made in: the test must not cross into the next."""
    with time_machine.travel(now(), tick=False):
        yield


def code(secret: str = SECRET) -> str:
    counter = next(iter(yield_hotp_counters_from_time()))
    return format_hotp_value(hotp_value(secret, counter))


def knock(client: Client, user: User) -> Any:
    fields = {"login": user.email, "password": PASSWORD}
    return client.post(reverse("account_login"), fields)


def test_staff_sign_in_with_password_and_code(db: None, still_clock: None) -> None:
    user, client = member_of_staff("support"), Client()
    assert client.get("/").headers["Location"] == "/admin/"
    assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/accounts/login/")
    assert knock(client, user)["Location"] == reverse("mfa_authenticate")
    assert client.get("/admin/").status_code == 302, "a password alone opens nothing"
    wrong = client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert wrong.status_code == 200
    assert client.post(reverse("mfa_authenticate"), {"code": code()}).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_a_code_works_once(db: None, still_clock: None) -> None:
    user, first, second = member_of_staff("support"), Client(), Client()
    used = code()
    for client in (first, second):
        knock(client, user)
        client.post(reverse("mfa_authenticate"), {"code": used})
    assert first.get("/admin/").status_code == 200
    assert second.get("/admin/").status_code == 302


def test_new_staff_enrol_before_they_see_anything_and_are_in_once_they_have(
    live_database: None, still_clock: None
) -> None:
    """AUT-4: the code that turned the app on is the proof of it."""
    user = create_user("new@switchyard.example", PASSWORD, role="admin")
    user.emailaddress_set.create(email=user.email, verified=True, primary=True)
    client = Client()
    knock(client, user)
    enrol = reverse("mfa_activate_totp")
    assert client.get("/admin/")["Location"] == enrol
    asked = client.get(enrol)
    if asked.status_code == 302:
        client.post(asked["Location"], {"password": PASSWORD})
    page = client.get(enrol)
    secret = page.context["form"].secret
    assert client.post(enrol, {"code": code(secret)}).status_code == 302
    assert Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()
    assert secret not in str(Authenticator.objects.filter(user=user).values_list("data"))
    assert client.get(reverse("mfa_view_recovery_codes")).status_code == 200
    assert client.get("/admin/").status_code == 200


def test_signing_out_takes_a_post(admin: Client) -> None:
    admin.get("/admin/logout/")
    assert admin.get("/admin/").status_code == 200
    admin.post("/admin/logout/")
    assert admin.get("/admin/").status_code == 302


def test_no_page_names_another_host(admin: Client, house: None) -> None:
    """ADM-3: lists, rows, settings, machinery, door: all that a page loads is ours."""
    names = ("admin:index", "account_change_password", "operations_database", "operations_jobs",
             "operations_backups", "admin:constance_config_changelist")  # fmt: skip
    addresses = [reverse(name) for name in names]
    for model in LISTS:
        options = model._meta
        name = f"admin:{options.app_label}_{options.model_name}"
        row = model._default_manager.order_by("pk").last()
        addresses += [reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[row.pk])]
    for client, pages in ((admin, addresses), (Client(), [reverse("account_login")])):
        for address in pages:
            text = client.get(address).content.decode()
            loads = re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="([^"]+)"', text)
            assert loads, address
            assert all(load.startswith(("/static/", "/admin/", "data:")) for load in loads), loads
            assert not re.search(r"\son(?:click|load|error|submit)=", text), address
            inline = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>", text)
            assert not inline, (address, inline)


ASK = """
import django; django.setup()
from django.conf import settings
from django.test import Client
answer = Client().get("/healthz")
print(answer.status_code, settings.ROOT_URLCONF, settings.SESSION_COOKIE_NAME)
print(answer["Content-Security-Policy"])
"""


@pytest.mark.parametrize("process", ["backoffice", "web"])
def test_only_the_back_office_may_evaluate_scripts(process: str, db: None) -> None:
    """ADM-3: the relaxed policy is a matter of the process, not of an address."""
    environment = {
        **os.environ, "SWITCHYARD_PROCESS": process,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
    }  # fmt: skip
    answer = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    facts, policy = answer.stdout.splitlines()[-2:]
    ours = process == "backoffice"
    assert facts.split()[0] == "200"
    assert facts.split()[1] == ("config.urls_backoffice" if ours else "config.urls")
    assert facts.split()[2].endswith("backoffice_session" if ours else "switchyard_session")
    assert ("unsafe-eval" in policy) is ours
    assert ("unsafe-inline" in policy) is ours
    assert "default-src 'none'" in policy
    assert "http" not in policy.replace("http://127.0.0.1", "") or not ours
