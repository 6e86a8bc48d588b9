"""What customers read of what staff did: that it was staff, then and for good, and not who."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from zipfile import ZipFile

import pytest
from django.test import Client, override_settings
from django.urls import reverse
from django.utils.timezone import now

from accounts.models import AuditLog, User
from accounts.services.privacy.archive import write_archive
from config.web.activity import recent_activity
from licensing.models import License
from licensing.web.activity import activity_of
from tests.conftest import People
from tests.factories.backoffice import fill

REASON = {"reason": "Chargeback 4711"}
STAFF = "Switchyard staff"
DEEDS = {"suspend": "organization.suspended", "reinstate": "organization.reinstated"}


@contextmanager
def customer_site() -> Iterator[None]:
    with override_settings(ROOT_URLCONF="config.urls", BACKOFFICE=False):
        yield


@pytest.fixture
def former(people: People, admin: Client) -> User:
    """Return who suspended Northwind and let it go on, in the back office, and is staff no more."""
    for deed in DEEDS:
        page = reverse(f"admin:accounts_organization_{deed}", args=[people.organization.pk])
        assert admin.post(page, REASON).status_code == 302
    User.objects.filter(email="admin@switchyard.example").update(role=User.Role.CUSTOMER)
    return User.objects.get(email="admin@switchyard.example")


def _hidden(told: Any, former: User) -> bool:
    return not any(word in str(told) for word in (former.email, str(former.pk), "127.0.0.1"))


def test_who_is_staff_no_more_stays_unnamed_in_the_log(people: People, former: User) -> None:
    with customer_site():
        alice = people.client(people.alice)
        alice.defaults["REMOTE_ADDR"] = "203.0.113.9"  # her own reading stands in the log too
        rows = alice.get("/api/v1/audit-logs?action=organization.").json()["results"]
        by_staff = [row for row in rows if row["action"] in DEEDS.values()]
        assert len(by_staff) == 2
        for row in by_staff:
            assert row["actor"] == {"kind": "user", "id": None, "name": STAFF}
            assert (row["ip"], row["user_agent"]) == (None, "")
        for address in ("/logs/", f"/logs/{by_staff[0]['id']}/"):
            page = alice.get(address).content.decode()
            assert STAFF in page
            assert _hidden(page, former), address
        table = alice.get("/logs/?export=csv").content.decode()
        assert STAFF in table
        assert former.email not in table
        for actor in (former.pk, former.email):
            assert alice.get(f"/api/v1/audit-logs?actor={actor}").json()["results"] == []


def test_nor_do_they_have_a_name_in_a_copy_of_the_organization(
    people: People, former: User
) -> None:
    file = io.BytesIO()
    write_archive(file, user=people.alice, organization=people.organization, at=now())
    trail = json.loads(ZipFile(file).read("audit_log.json"))
    told = [row for row in trail if row["action"] == "organization.suspended"]
    assert [(row["actor_kind"], row["actor_id"], row["ip"]) for row in told] == [
        ("staff", None, None)
    ]
    assert str(former.pk) not in json.dumps(trail)


def test_nor_on_the_overview_and_on_a_licenses_page(people: People, admin: Client) -> None:
    fill(1, at=now())
    license = License.objects.select_related("organization").latest("pk")
    assert admin.post(
        reverse("admin:licensing_license_suspend", args=[license.pk]), REASON
    ).status_code == 302  # fmt: skip
    User.objects.filter(email="admin@switchyard.example").update(role=User.Role.CUSTOMER)
    overview = recent_activity(license.organization, reader=people.alice, limit=5)
    assert [each.by for each in overview if each.title == "License suspended"] == [STAFF]
    page = activity_of(license, limit=5)
    assert STAFF in [each.by for each in page]
    assert "admin@switchyard.example" not in [each.by for each in page]


def test_suspended_staff_have_no_name_on_the_overview(people: People, admin: Client) -> None:
    """Entries from before they said so themselves are known by the role."""
    staff = User.objects.get(email="admin@switchyard.example")
    staff.status = User.Status.SUSPENDED
    assert AuditLog(actor_kind="user", actor_id=str(staff.pk)).is_by_staff(staff)


def test_a_customer_in_the_back_office_is_no_staff(people: People) -> None:
    client = Client()
    client.force_login(people.alice)
    client.get("/admin/")
    client.post(reverse("account_logout"))
    entries = AuditLog.objects.filter(action="user.logged_out", actor_id=str(people.alice.pk))
    assert [entry.impersonator_id for entry in entries] == [None]
