"""Lists too long to be written while one waits: made by a worker, for one person, under the page's guards."""

from __future__ import annotations

import csv
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from zipfile import ZipFile

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from accounts import tasks
from accounts.models import (
    AuditLog,
    DataExport,
    Membership,
    Notification,
    NotificationMail,
    Organization,
    StoredCall,
)
from accounts.services.organizations import create_organization
from accounts.services.privacy import erase_user, exports
from accounts.services.privacy.sheets import write_sheet
from accounts.services.team.members import change_role, remove_member
from accounts.web.tokens.views import ReportList
from config.kit import context
from config.kit.ids import uuid7
from config.kit.lists import MOST_ANSWERED, ExportTooLarge, SheetRequest, ask_list
from tests.conftest import People, make_people
from tests.factories.named import NAMES, named_person
from tests.factories.pages import polled
from tests.settled import seal_rows

PAGE, ASK = "/exports/", "/exports/request/"
_MANY = """
    INSERT INTO accounts_synclog (id, user_id, event_id, event_type, event_source, success,
        error_message, user_agent)
    SELECT gen_random_uuid(), %s, 'event-' || n, CASE WHEN n %% 5 = 0 THEN 'pull' ELSE 'push' END,
        'cli', n %% 2 = 0, CASE WHEN n %% 2 = 1 THEN 'away' END, '=1+1'
    FROM generate_series(1, %s) n
"""


def _reports(user: Any, count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_MANY, [user.pk, count])


def _ask(client: Client, path: str, query: str = "") -> Any:
    return client.post(ASK, {"path": path, "query": query})


def _made() -> DataExport:
    """Do what the task does; return the export."""
    export = DataExport.objects.get()
    tasks.make_data_export(str(export.pk))
    export.refresh_from_db()
    return export


def _rows(export: DataExport) -> list[list[str]]:
    with ZipFile(exports.file_of(export)) as archive:
        (name,) = archive.namelist()
        assert name == f"{export.list_name}-{export.ready_at:%Y-%m-%d}.csv"
        return list(csv.reader(io.StringIO(archive.read(name).decode("utf-8-sig"))))


def test_a_long_list_is_offered_made_told_and_downloaded(people: People, alice: Client) -> None:
    _reports(people.alice, MOST_ANSWERED + 1)
    offer = alice.get("/security/tokens/reports/?q=pu&page=3&size=50&sort=created_at&export=csv")
    said = offer.content.decode()
    assert "Make the file" in said
    assert 'name="query" value="q=pu&amp;sort=created_at"' in said
    assert not DataExport.objects.exists(), "asking is a POST"

    answer = _ask(alice, "/security/tokens/reports/", "q=pu&sort=created_at&page=3")
    assert answer["Location"] == PAGE
    assert "Being made" in alice.get(PAGE).content.decode()

    export = _made()
    header, *rows = _rows(export)
    assert header[:3] == ["Time", "Event", "Source"]
    assert len(rows) == export.row_count == MOST_ANSWERED + 1
    assert rows[0][header.index("User agent")] == "'=1+1", "no cell runs"
    notice = Notification.objects.get(kind="export_ended")
    assert (notice.user, notice.url) == (people.alice, PAGE)
    page = alice.get(PAGE).content.decode()
    assert "50,001" in page
    assert "/security/tokens/reports/?q=pu&amp;sort=created_at" in page, "back to the list"
    file = alice.get(reverse("data_export_file", args=[export.pk]))
    assert file["Content-Disposition"].startswith('attachment; filename="client-reports-')
    assert len(file.getvalue()) == export.size
    assert AuditLog.objects.filter(action="data_export.downloaded").count() == 1


def test_its_mail_is_sent(people: People, alice: Client) -> None:
    _ask(alice, "/team/")
    _made()
    tasks.send_notification_mail(str(NotificationMail.objects.get().pk))
    (letter,) = mail.outbox
    assert letter.to == ["alice@example.com"]
    assert "The export members is ready" in letter.subject + str(letter.body)


def test_filters_and_order_are_those_of_the_page(people: People, alice: Client) -> None:
    _reports(people.alice, 20)
    _ask(alice, "/security/tokens/reports/", "status=failed&q=push")
    rows = _rows(_made())[1:]
    assert {(row[1], row[3]) for row in rows} == {("push", "no")}
    assert len(rows) == 8


@pytest.mark.parametrize(
    "path", ["/nowhere/", "/billing/", "/api-keys/new/", "https://example.com/team/", "", "\x00"]
)
def test_only_a_list_can_be_asked_for(alice: Client, path: str) -> None:
    assert _ask(alice, path).status_code == 404
    assert not DataExport.objects.exists()


def test_filters_without_end_are_refused(alice: Client) -> None:
    for query in ("q=" + "x" * 3000, "q=" + "é" * 700):
        assert _ask(alice, "/team/", query).status_code == 422
    assert _ask(alice, "/team/", "q=%00&q=\x00&page=7").status_code == 302
    assert DataExport.objects.get().list_query == "q=%00&q=%00"


def test_a_list_is_written_under_the_guards_of_its_page(people: People, bob: Client) -> None:
    """A member may not read the audit log, nor see the members' file: his is not made."""
    for path in ("/logs/", "/team/"):
        _ask(bob, path)
        export = _made()
        assert (export.status, export.failure) == ("failed", "Your role does not allow this.")
        assert not exports.file_of(export).exists()
        assert "Your role does not allow this." in bob.get(PAGE).content.decode()
        Notification.objects.get(kind="export_ended", severity="warning", user=people.bob).delete()
        export.delete()


def test_another_organization_s_list_looks_unknown(people: People, alice: Client) -> None:
    unknown = "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e11"
    _ask(alice, f"/webhooks/{unknown}/")
    export = _made()
    assert (export.status, export.failure) == ("failed", "There is nothing here.")


def test_only_who_asked_takes_it_and_only_there(people: People, alice: Client) -> None:
    """alice asked; bob, a colleague, charlie, a stranger, and nobody get nothing."""
    _ask(alice, "/logs/")
    address = reverse("data_export_file", args=[_made().pk])
    asked = {
        name: people.client(user).get(address).status_code
        for name, user in {
            "alice": people.alice, "bob": people.bob, "charlie": people.charlie, "nobody": None,
        }.items()
    }  # fmt: skip
    assert asked == {"alice": 200, "bob": 404, "charlie": 404, "nobody": 302}
    assert "audit-log" not in people.client(people.bob).get(PAGE).content.decode()
    assert "audit-log" not in alice.get("/profile/data/").content.decode(), "copies are elsewhere"
    with context.acting(user_id=people.alice.pk):
        elsewhere = create_organization(name="Elsewhere", owner=people.alice)
    alice.post(reverse("switch_organization"), {"organization": str(elsewhere.pk)})
    assert alice.get(address).status_code == 404


def test_another_role_takes_the_files_away(people: People, alice: Client) -> None:
    Membership.objects.filter(user=people.bob).update(role="admin")
    bob = people.client(people.bob)
    _ask(bob, "/logs/")
    export = _made()
    change_role(Membership.objects.get(user=people.bob), role="member", manages_owners=True)
    export.refresh_from_db()
    assert export.status == "expired"
    address = reverse("data_export_file", args=[export.pk])
    assert bob.get(address).status_code == 403
    change_role(Membership.objects.get(user=people.bob), role="admin", manages_owners=True)
    assert bob.get(address).status_code == 404, "it does not come back"


def test_a_file_is_not_handed_out_when_its_page_would_refuse(people: People, alice: Client) -> None:
    _ask(alice, "/logs/")
    address = reverse("data_export_file", args=[_made().pk])
    Organization.objects.filter(pk=people.organization.pk).update(status="suspended")
    assert (alice.get("/logs/").status_code, alice.get(address).status_code) == (403, 403)
    Organization.objects.filter(pk=people.organization.pk).update(status="active")
    assert alice.get(address).status_code == 200


def test_who_leaves_while_it_is_made_gets_nothing(people: People) -> None:
    _ask(people.client(people.bob), "/webhooks/")
    remove_member(Membership.objects.get(user=people.bob), manages_owners=True)
    assert _made().status == "expired"


def test_a_locked_out_person_gets_nothing(people: People, alice: Client) -> None:
    _ask(alice, "/team/")
    people.alice.status = "suspended"
    people.alice.save(update_fields=["status"])
    assert _made().status == "failed"


def test_the_same_list_is_made_once_at_a_time(people: People, alice: Client) -> None:
    for _ in range(2):
        _ask(alice, "/team/", "q=bob")
    _ask(alice, "/team/", "q=alice")
    assert DataExport.objects.count() == 2


def test_few_wait_at_a_time(people: People, alice: Client) -> None:
    for number in range(exports.MOST_LISTS_WAITING + 2):
        _ask(alice, "/team/", f"q={number}")
    assert DataExport.objects.count() == exports.MOST_LISTS_WAITING
    page = alice.get(PAGE).content.decode()
    assert "3 files are being made already" in page


def test_requests_at_the_same_time_are_counted_one_by_one(live_database: None) -> None:
    alice = make_people().alice
    start = threading.Barrier(8)

    def ask(number: int) -> bool:
        start.wait()
        try:
            exports.request_list(
                alice, organization=None, name="members", path="/team/", query=f"q={number}"
            )
        except exports.ExportWaiting:
            return False
        finally:
            connection.close()
        return True

    for _ in range(5):
        with ThreadPoolExecutor(8) as pool:
            asked = list(pool.map(ask, range(8)))
        assert asked.count(True) == exports.MOST_LISTS_WAITING
        DataExport.objects.update(status="expired", created_at=now() - timedelta(days=2))


def test_twenty_a_day(people: People, alice: Client) -> None:
    for number in range(exports.MOST_LISTS_A_DAY + 1):
        _ask(alice, "/team/", f"q={number}")
        DataExport.objects.update(status="failed")
    assert DataExport.objects.count() == exports.MOST_LISTS_A_DAY
    _ask(alice, "/profile/data/")
    assert alice.post("/profile/data/request/", {"about": "person"}).status_code == 302
    assert DataExport.objects.copies().count() == 1, "copies of data are counted by themselves"


class ShortList(ReportList):
    most_written = 3


def test_a_file_has_an_end(people: People) -> None:
    _reports(people.alice, 4)
    text = io.StringIO()
    who = {"user": people.alice, "membership": None, "at": now()}
    request = SheetRequest(text, path="/", query="", **who)
    with pytest.raises(ExportTooLarge):
        ShortList.as_view()(request)
    ReportList.as_view()(request)
    assert request.written == 4


def test_the_rows_are_those_of_the_moment_they_were_asked_for(people: People) -> None:
    """A range counts back from then, however long the file has waited for a worker."""
    asked = now() - timedelta(days=3)
    key = uuid7()
    for hours in (-2, 5, 30):
        StoredCall.objects.create(
            id=uuid7(), organization_id=people.organization.pk, api_key_id=key, product="maps",
            called_at=asked - timedelta(hours=hours), endpoint=f"/v1/{hours}", method="GET",
            status_code=200, outcome="VALID", latency_ms=5,
        )  # fmt: skip
    membership = Membership.objects.select_related("organization").get(user=people.alice)
    text = io.StringIO()
    who = {"user": people.alice, "membership": membership, "at": asked}
    with context.acting(organization_id=people.organization.pk):
        ask_list(SheetRequest(text, path="/usage/calls/", query="range=24h", **who))
    assert "/v1/5" in text.getvalue()
    assert "/v1/30" not in text.getvalue()


class _Held(io.BytesIO):
    """A file whose last bytes wait until somebody lets them go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.free = threading.Event(), threading.Event()

    def write(self, data: Any) -> int:
        if self.tell():
            self.reached.set()
            assert self.free.wait(60)
        return super().write(data)


def test_the_trail_is_sealed_while_a_file_of_it_is_written(live_database: None) -> None:
    people = make_people()
    path = {"name": "audit-log", "path": "/logs/", "query": ""}
    export = exports.request_list(people.alice, organization=people.organization, **path)
    seal_rows()
    file = _Held()

    def write() -> int:
        try:
            return write_sheet(file, export, at=now())
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(write)
        try:
            assert file.reached.wait(60)
            seal = seal_rows()
        finally:
            file.free.set()
        assert run.result(60) > 0
    assert seal is not None
    assert seal.row_count == 1, "that the log was exported"


def test_the_trail_of_the_log_s_export_names_the_person(people: People, alice: Client) -> None:
    _ask(alice, "/logs/")
    export = _made()
    entry = AuditLog.objects.get(action="audit_log.exported")
    assert (entry.actor_kind, entry.actor_id) == ("user", str(people.alice.pk))
    assert entry.new_values["rows"] == export.row_count


def test_dates_of_a_filter_are_days_of_the_person(people: People, alice: Client) -> None:
    """A worker tells the time in the zone of who asked, as their page does."""
    people.alice.time_zone = "Pacific/Kiritimati"
    people.alice.save(update_fields=["time_zone"])
    today = (now() + timedelta(hours=14)).date()
    shown = alice.get(f"/logs/?since={today}").context["page"].paginator.count
    _ask(alice, "/logs/", f"since={today}")
    assert abs((_made().row_count or 0) - shown) <= 3, "asking is an entry too"


def test_erasing_a_person_forgets_what_they_looked_for(people: People) -> None:
    user = named_person()
    with context.acting(user_id=user.pk):
        Membership.objects.create(organization=people.organization, user=user, role="member")
    _ask(people.client(user), "/security/tokens/reports/", f"q={NAMES[0]}")
    export = _made()
    assert export.status == "ready"
    erase_user(user, reason="asked")
    export.refresh_from_db()
    assert (export.status, export.list_query) == ("expired", "")
    assert not exports.file_of(export).exists()


def test_the_pages_ask_no_more_queries_for_more_files(
    people: People, alice: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        _ask(alice, "/team/", f"q={number}")
    alice.get(PAGE)
    with django_assert_max_num_queries(12):
        assert alice.get(PAGE).status_code == 200
    scripted = {"HX-Request": "true"}
    with django_assert_max_num_queries(8):
        state = alice.get("/exports/state/", headers=scripted).content.decode()
    assert 'hx-trigger="every' in state
    asks = polled(alice, PAGE, "exports")
    assert alice.get(asks, headers=scripted).status_code == 204
    DataExport.objects.update(status="failed")
    assert 'hx-trigger="every' not in alice.get(asks, headers=scripted).content.decode()
    assert alice.get("/exports/state/").headers["Location"] == PAGE
