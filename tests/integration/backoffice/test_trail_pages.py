"""AUD-11: the trail in the back office: read, exported, its seals seen, its alerts resolved."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from accounts.models import AuditLog, Impersonation, Organization, Seal, SyncLog, TrailAlert, User
from accounts.services.impersonation import read_token
from accounts.services.seals.watching import alert
from accounts.services.users import create_user
from config.kit import context
from config.kit.backoffice import TRAIL, StaffAdmin
from tests.integration.backoffice.conftest import LISTS, enter, member_of_staff
from tests.settled import seal_rows

LOGS = "/admin/accounts/auditlog/"
Enter = Callable[[str], Client]


@pytest.fixture(autouse=True)
def anchor_dir(tmp_path: Path, settings: Any) -> None:
    settings.AUDIT_ANCHOR_DIR = str(tmp_path)


@pytest.fixture
def customer(db: None) -> User:
    return create_user("carla@example.com", "correct horse battery")


def test_aud_11_reading_is_written_down_once_a_session(staff: Enter) -> None:
    client = staff("support")
    for _ in range(3):
        assert client.get(LOGS).status_code == 200
    entry = AuditLog.objects.get(action="audit_log.read")
    assert entry.actor_id == str(User.objects.get(email__startswith="support@").pk)
    staff("readonly").get(LOGS)
    assert AuditLog.objects.filter(action="audit_log.read").count() == 2


def test_aud_11_reading_one_entry_counts_as_reading(staff: Enter) -> None:
    client = staff("support")
    newest = AuditLog.objects.first()
    assert newest is not None
    assert client.get(f"{LOGS}{newest.pk}/change/").status_code == 200
    assert AuditLog.objects.filter(action="audit_log.read").count() == 1


def test_aud_11_an_export_is_written_down(staff: Enter) -> None:
    client = staff("admin")
    keys = [str(key) for key in AuditLog.objects.values_list("pk", flat=True)[:2]]
    answer = client.post(
        LOGS, {"action": "export_csv", "_selected_action": keys, "confirmed": "yes"}
    )
    assert answer["Content-Type"].startswith("text/csv")
    assert ",actor_id,impersonator_id," in answer.getvalue().decode()
    entry = AuditLog.objects.get(action="auditlog.exported")
    assert entry.new_values["rows"] == 2


def test_the_history_of_every_object_is_the_trail(staff: Enter, customer: User) -> None:
    """No page shows Django's own log: it knows nothing of what happens outside the admin."""
    pages = [page for page in admin.site._registry.values() if isinstance(page, StaffAdmin)]
    assert len(pages) > 10
    assert all(type(page).history_view is not admin.ModelAdmin.history_view for page in pages)
    answer = staff("support").get(reverse("admin:accounts_user_history", args=[customer.pk]))
    asked = parse_qs(urlsplit(answer["Location"]).query)
    assert asked == {"entity_type": ["accounts_user"], "entity_id": [str(customer.pk)]}


def test_the_history_of_every_row_leads_to_the_trail(support: Client, house: None) -> None:
    for model in LISTS:
        row = model._default_manager.order_by("-pk").first()
        options = model._meta
        name = f"admin:{options.app_label}_{options.model_name}_history"
        answer = support.get(reverse(name, args=[row.pk]), follow=True)
        assert answer.status_code == 200, model
        assert answer.redirect_chain[0][0].startswith(reverse(TRAIL)), model


def test_a_table_outside_the_trail_says_why(support: Client, house: None) -> None:
    report = SyncLog.objects.latest("pk")
    address = reverse("admin:accounts_synclog_history", args=[report.pk])
    page = support.get(address, follow=True).content.decode()
    assert "not each change of a row" in page


def test_an_entry_shows_before_and_after(staff: Enter, customer: User) -> None:
    organization = Organization.objects.create(name="Before", country="DE")
    with context.acting(actor_kind="user", actor_id=str(customer.pk)):
        Organization.objects.filter(pk=organization.pk).update(country="AT")
    entry = AuditLog.objects.about("accounts_organization", organization.pk).first()
    assert entry is not None
    page = staff("support").get(f"{LOGS}{entry.pk}/change/").content.decode()
    assert re.search(r"<td>DE</td>\s*<td>AT</td>", page)
    assert "carla@example.com" in page


def test_the_seals_say_how_the_chain_stands(live_database: None) -> None:
    client = enter(member_of_staff("support"))
    seal_rows()
    page = client.get("/admin/accounts/seal/").content.decode()
    assert "Sealed and signed" in page
    seal = Seal.objects.get()
    assert (
        bytes(seal.hash).hex()
        in client.get(f"/admin/accounts/seal/{seal.pk}/change/").content.decode()
    )
    alert(TrailAlert.Kind.BROKEN, "seal 1: a row was changed", at=now())
    assert "a row was changed" in client.get("/admin/accounts/seal/").content.decode()


def test_an_alert_is_on_the_front_page_until_an_admin_resolves_it(staff: Enter) -> None:
    found = alert(TrailAlert.Kind.BROKEN, "seal 1: a row was changed", at=now())
    front = "/admin/accounts/trailalert/?attention=open"
    assert front in staff("support").get("/admin/").content.decode()
    address = f"/admin/accounts/trailalert/{found.pk}/resolve/"
    assert staff("support").post(address, {"reason": "seen"}).status_code == 403
    assert staff("admin").post(address, {"reason": "a drill"}).status_code == 302
    found.refresh_from_db()
    assert found.resolved_at is not None
    assert AuditLog.objects.get(action="trail_alert.resolved").new_values["reason"] == "a drill"


def test_adm_5_an_admin_gets_a_link_to_the_customer_site(staff: Enter, customer: User) -> None:
    """ADM-5: reason required, admin only, asked on a page, done by POST."""
    address = f"/admin/accounts/user/{customer.pk}/look/"
    admin_client = staff("admin")
    assert b"read in their audit log" in admin_client.get(address).content
    assert not Impersonation.objects.exists()
    assert admin_client.post(address, {"reason": ""}).status_code == 422
    for role in ("support", "readonly"):
        assert staff(role).post(address, {"reason": "curious"}).status_code == 403
    page = admin_client.post(address, {"reason": "ticket 4711"}).content.decode()
    found = re.search(r"/support-view/\?token=([\w:%.-]+)", page)
    assert found
    look = Impersonation.objects.get()
    assert read_token(found.group(1).replace("%3A", ":")) == look.pk
    assert (look.user, look.reason, look.started_at) == (customer, "ticket 4711", None)


def test_adm_5_it_is_never_offered_for_many_or_for_staff(staff: Enter, customer: User) -> None:
    client = staff("admin")
    assert b'value="look"' not in client.get("/admin/accounts/user/").content
    colleague = User.objects.get(email__startswith="admin@")
    page = client.post(f"/admin/accounts/user/{colleague.pk}/look/", {"reason": "curious"})
    assert page.status_code == 302
    assert not Impersonation.objects.exists()
