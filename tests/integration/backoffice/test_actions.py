"""What staff do: asked first, done on POST, by a service, and on the trail with name and reason."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from accounts.models import AuditLog, Organization, User
from accounts.services.suspension import ForGood, suspend_user
from billing.models import Invoice, Price, StripeEvent, Subscription
from config.kit import context
from config.kit.redis import connect
from config.kit.sheets import harmless
from config.operations import failures, liveness
from licensing.models import DeviceLink, License
from tests.factories.backoffice import fill, seal, webhook
from tests.integration.backoffice.conftest import enter, member_of_staff

REASON = "Chargeback 4711"


def address(row: Any, view: str) -> str:
    options = row._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_{view}", args=[row.pk])


def the_list(model: Any, query: str = "") -> str:
    options = model._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_changelist") + query


def trail(action: str) -> AuditLog:
    return AuditLog.objects.filter(action=action).latest("id")


def sold_price() -> Price:
    """Return the price that the house's customers paid; the other is of what is tried."""
    return Price.objects.exclude(product__grants__has_key="trial").get()


def act(client: Client, row: Any, view: str) -> Any:
    return client.post(address(row, view), {"reason": REASON}, headers={"X-Request-Id": "rq-12345"})


@pytest.mark.parametrize(
    ("model", "name", "field", "value", "event"),
    [
        (User, "suspend", "status", "suspended", "user.suspended"),
        (Organization, "suspend", "status", "suspended", "organization.suspended"),
        (License, "suspend", "status", "suspended", "license.suspended"),
        (License, "revoke", "status", "revoked", "license.revoked"),
        (StripeEvent, "replay", "error", "", "stripeevent.replayed"),
    ],
)
def test_an_action_asks_then_acts_and_leaves_its_trace(
    model: Any, name: str, field: str, value: str, event: str, admin: Client, house: None
) -> None:
    if model is StripeEvent:
        webhook(9, now(), error="GatewayError: away", attempts=3)
    row = model._default_manager.order_by("pk").last()
    if model is User:
        row = User.objects.get(email="owner1@example.com")
    before = getattr(row, field)
    page = admin.get(address(row, name))
    assert page.status_code == 200
    assert b'name="reason"' in page.content
    row.refresh_from_db()
    assert getattr(row, field) == before, "a GET must not act"

    assert admin.post(address(row, name), {"reason": " "}).status_code == 422
    row.refresh_from_db()
    assert getattr(row, field) == before, "without a reason nothing happens"

    assert act(admin, row, name).status_code == 302
    row.refresh_from_db()
    assert getattr(row, field) == value
    entry = trail(event)
    staff = User.objects.get(email="admin@switchyard.example")
    assert (entry.actor_kind, entry.actor_id) == ("user", str(staff.pk))
    assert (entry.request_id, entry.entity_id) == ("rq-12345", str(row.pk))
    assert entry.new_values["reason"] == REASON


def test_a_device_gives_its_seat_back(support: Client, house: None) -> None:
    link = DeviceLink.objects.latest("created_at")
    act(support, link, "deactivate")
    link.refresh_from_db()
    assert not link.is_active
    assert trail("device.deactivated_by_staff").organization_id == link.organization_id


def test_a_suspended_person_is_out_at_once_and_comes_back_only_by_signing_in(
    admin: Client, house: None
) -> None:
    victim = User.objects.get(email="owner1@example.com")
    session = enter(victim).session.session_key
    other = enter(User.objects.get(email="owner2@example.com")).session.session_key
    act(admin, victim, "suspend")
    assert not Session.objects.filter(session_key=session).exists()
    assert Session.objects.filter(session_key=other).exists()
    assert trail("user.suspended").new_values["sessions_ended"] == 1
    act(admin, victim, "reinstate")
    victim.refresh_from_db()
    assert victim.is_active
    assert not Session.objects.filter(session_key=session).exists()


def test_suspending_twice_is_suspending_once(house: None) -> None:
    victim = User.objects.get(email="owner1@example.com")
    suspend_user(victim, reason=REASON)
    suspend_user(victim, reason=REASON)
    assert AuditLog.objects.filter(action="user.suspended", entity_id=str(victim.pk)).count() == 1


def test_nobody_suspends_themselves(admin: Client, house: None) -> None:
    me = User.objects.get(email="admin@switchyard.example")
    answer = act(admin, me, "suspend")
    me.refresh_from_db()
    assert answer.status_code == 302
    assert me.is_active


def test_a_closed_account_stays_closed(house: None) -> None:
    closed = User.objects.get(email="owner1@example.com")
    User.objects.filter(pk=closed.pk).update(status="closed")
    with pytest.raises(ForGood):
        suspend_user(closed, reason=REASON)


def test_many_rows_are_asked_about_once_and_those_it_does_not_fit_are_left(
    support: Client, house: None
) -> None:
    first, *others = License.objects.order_by("pk")
    act(support, first, "suspend")
    chosen = {"action": "suspend", "_selected_action": [str(row.pk) for row in [first, *others]]}
    page = support.post(the_list(License), chosen)
    assert page.status_code == 200
    assert b"Suspend: 2 licenses" in page.content
    assert License.objects.filter(status="suspended").count() == 1
    done = support.post(the_list(License), chosen | {"confirmed": "yes", "reason": REASON})
    assert done.status_code == 302
    assert License.objects.filter(status="suspended").count() == 3
    assert AuditLog.objects.filter(action="license.suspended").count() == 3


def test_a_replayed_webhook_waits_for_a_worker(support: Client, house: None) -> None:
    event = webhook(9, now(), handled_at=now(), attempts=1)
    act(support, event, "replay")
    event.refresh_from_db()
    assert event.handled_at is None
    assert event in StripeEvent.objects.waiting(now())


def test_what_was_sold_keeps_its_price(admin: Client, house: None) -> None:
    price = sold_price()
    sold = Subscription.objects.latest("created_at")
    change = {"unit_amount_minor": "1", "currency": "USD", "is_active": ""}
    assert admin.post(address(price, "change"), change).status_code == 403
    new = {
        "product": str(price.product_id), "interval": "monthly", "currency": "EUR",
        "unit_amount_minor": "5900",
    }  # fmt: skip
    assert admin.post(reverse("admin:billing_price_add"), new).status_code == 302
    price.refresh_from_db()
    sold.refresh_from_db()
    assert (price.unit_amount_minor, price.is_active) == (4900, False)
    assert (sold.unit_amount_minor, sold.price_id) == (4900, price.pk)
    assert price.product.prices.get(is_active=True).unit_amount_minor == 5900


def test_a_price_is_withdrawn_on_post_only(admin: Client, house: None) -> None:
    price = sold_price()
    admin.get(address(price, "withdraw"))
    price.refresh_from_db()
    assert price.is_active
    admin.post(address(price, "withdraw"))
    price.refresh_from_db()
    assert not price.is_active


def test_a_product_is_edited_but_keeps_its_slug(admin: Client, house: None) -> None:
    product = sold_price().product
    form = {
        "name": "Relay Crew", "category": "Relays", "description": "For crews.",
        "features": json.dumps(["Five devices"]), "specs": "{}", "slug": "taken-over",
        "grants": json.dumps({"plan": "crew", "max_devices": 5}), "sort_order": "3",
        "is_active": "on", "stock": "",
        "prices-TOTAL_FORMS": "0", "prices-INITIAL_FORMS": "0",
    }  # fmt: skip
    answer = admin.post(address(product, "change"), form)
    assert answer.status_code == 302, answer.content
    slug = product.slug
    product.refresh_from_db()
    assert (product.name, product.slug) == ("Relay Crew", slug)
    assert trail("update").entity_type == "billing_product"


def test_an_invoice_is_downloaded_as_pdf(readonly: Client, house: None) -> None:
    invoice = Invoice.objects.finalised().latest("issued_at")
    answer = readonly.get(address(invoice, "pdf"))
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    draft = Invoice.objects.filter(number=None).latest("created_at")
    assert readonly.get(address(draft, "pdf")).status_code == 404


def export(client: Client, model: Any, **extra: Any) -> list[list[str]]:
    chosen = {"action": "export_csv", "_selected_action": ["0"], "select_across": "1", **extra}
    answer = client.post(the_list(model), chosen | {"confirmed": "yes"})
    assert answer["Content-Type"].startswith("text/csv"), answer.status_code
    return list(csv.reader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))


def test_an_export_takes_all_that_match_and_is_itself_on_the_trail(
    admin: Client, house: None
) -> None:
    rows = export(admin, Organization)
    assert len(rows) == 1 + Organization.objects.count()
    entry = trail("organization.exported")
    assert entry.new_values == {"table": "accounts_organization", "rows": len(rows) - 1}
    assert entry.actor_id == str(User.objects.get(email="admin@switchyard.example").pk)


@pytest.mark.usefixtures("live_database")
def test_an_export_goes_on_when_its_request_is_over() -> None:
    """The request's transaction ends before the first byte leaves; rows are read after it."""
    many = 2500
    admin = enter(member_of_staff("admin"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(audit.event('test', 'x', number::text, NULL, '{}'))"
            " FROM generate_series(1, %s) AS number",
            [many],
        )
    assert len(export(admin, AuditLog)) > many


def test_the_audit_log_is_exported_and_says_so(admin: Client, house: None) -> None:
    header, *rows = export(admin, AuditLog)
    assert header[:2] == ["id", "at"]
    assert len(rows) > 50
    entry = trail("auditlog.exported")
    assert str(entry.pk) == rows[0][0], "the export is on the trail before the file is written"
    assert entry.new_values["rows"] == len(rows) - 1


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\nx", " =HYPERLINK()"])
def test_a_formula_leaves_as_text(text: str, admin: Client, house: None) -> None:
    Organization.objects.filter(name="Customer 1").update(name=text)
    names = [row[1] for row in export(admin, Organization)]
    assert f"'{text}" in names
    assert harmless(-5) == "-5"


def test_a_key_never_leaves_in_clear(admin: Client, house: None) -> None:
    license = License.objects.latest("created_at")
    seen = [
        admin.get(the_list(License)).content.decode(),
        admin.get(address(license, "change")).content.decode(),
        str(export(admin, License)),
        admin.get(the_list(AuditLog, f"?entity_id={license.pk}")).content.decode(),
    ]
    for text in seen:
        assert license.key not in text
        assert license.key_hash not in text


def test_a_license_is_found_by_the_end_of_its_key(support: Client, house: None) -> None:
    license = License.objects.latest("created_at")
    for text in (license.display_key, license.key):
        page = support.get(the_list(License, f"?q={text}")).content.decode()
        assert page.count(f"/licensing/license/{license.pk}/change/") == 1
        assert page.count('class="action-select"') <= 2


def test_the_overview_counts_what_its_links_list(admin: Client) -> None:
    fill(2, at=now())
    webhook(9, now(), error="GatewayError: away", attempts=3)
    page = admin.get(reverse("admin:index"))
    findings = page.context["findings"] + page.context["quiet"]
    counts = {found.title: found.count for found in findings}
    assert counts["Payment events failing"] == 1
    assert counts["Flagged notes"] == 2
    assert all(found.count for found in page.context["findings"])
    for found in findings:
        if "attention=" in found.url:
            listed = admin.get(found.url)
            assert listed.context["cl"].result_count == found.count, found


def test_the_overview_tells_of_failed_jobs_workers_and_seals(
    admin: Client, redis_client: Any
) -> None:
    parts = {part.name: part for part in admin.get(reverse("admin:index")).context["machinery"]}
    assert (parts["Workers"].tone, parts["Beat"].tone) == ("bad", "bad")
    liveness.worker_is_alive("celery@one", ["default"], 0)
    liveness.beat_is_alive(0.0)
    failures.note(id=str(uuid4()), task="x.y", args=(), kwargs={}, error=None, trace="")
    seal(now())
    page = admin.get(reverse("admin:index"))
    parts = {part.name: part for part in page.context["machinery"]}
    assert parts["Workers"].value == "1 alive"
    assert parts["Beat"].tone == "ok"
    assert parts["Audit trail"].value.startswith("sealed up to seal 1")
    jobs = page.context["findings"][0]
    assert (jobs.title, jobs.count, jobs.url) == ("Jobs failed", 1, reverse("operations_jobs"))


def test_an_empty_house_needs_nobody(admin: Client, redis_client: Any) -> None:
    page = admin.get(reverse("admin:index"))
    assert page.context["all_clear"]
    assert "Nothing in:" in page.content.decode()


def test_the_overview_stays_open_when_redis_is_away(
    admin: Client, house: None, settings: Any
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    connect.cache_clear()
    try:
        page = admin.get(reverse("admin:index"))
    finally:
        connect.cache_clear()
    assert b"does not answer" in page.content


def test_an_entry_shows_before_and_after(admin: Client, house: None) -> None:
    organization = Organization.objects.latest("created_at")
    act(admin, organization, "suspend")
    page = admin.get(address(trail("update"), "change")).content.decode()
    row = re.search(r'<th scope="row">status</th>\s*<td>(\w+)</td>\s*<td>(\w+)</td>', page)
    assert row is not None
    assert row.groups() == ("active", "suspended")


def test_a_personal_value_is_not_shown_on_the_trail(admin: Client, house: None) -> None:
    entry = AuditLog.objects.filter(entity_type="accounts_user", action="insert").latest("id")
    page = admin.get(address(entry, "change")).content.decode()
    assert "kept apart" in page
    assert "owner2@example.com" not in page


def test_the_history_of_a_row_is_its_trail(readonly: Client, house: None) -> None:
    license = License.objects.latest("created_at")
    answer = readonly.get(address(license, "history"), follow=True)
    assert {entry.entity_id for entry in answer.context["cl"].result_list} == {str(license.pk)}


@pytest.mark.parametrize(
    "query",
    [
        "?organization=Customer+1", "?actor=owner1@example.com", "?action=user.",
        "?entity_type=licensing_license", "?request_id=nothing", "?q=%00", "?actor=%00",
        "?organization=%00", "?at__gte=yesterday", "?p=99999", "?o=9.9",
    ],
)  # fmt: skip
def test_the_trail_takes_any_filter(query: str, admin: Client, house: None) -> None:
    answer = admin.get(the_list(AuditLog, query))
    assert answer.status_code in (200, 302)


def test_the_trail_is_filtered_by_who_and_for_whom(admin: Client, house: None) -> None:
    staff = member_of_staff("admin")
    with context.use(context.Context(actor_kind="user", actor_id=str(staff.pk))):
        suspend_user(User.objects.get(email="owner2@example.com"), reason=REASON)
    listed = admin.get(the_list(AuditLog, f"?actor={staff.email}&action=user.suspended"))
    assert [entry.actor for entry in listed.context["cl"].result_list] == [staff.email]
    listed = admin.get(the_list(AuditLog, "?organization=Customer+1"))
    assert {entry.customer for entry in listed.context["cl"].result_list} == {"Customer 1"}
