"""AUD-9: a person takes their data along, and is forgotten; the trail stays provable."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.test import Client
from django.utils.timezone import now

from accounts import events, tasks
from accounts.models import AuditLog, DataExport, Organization, User
from accounts.services import audit
from accounts.services.organizations import create_organization
from accounts.services.privacy import erase_user, exports, request_export
from accounts.services.privacy.erasure import StaffAccount, closed_accounts, is_erased
from accounts.services.seals.verification import verify_all
from accounts.services.users import create_user
from config.kit import context
from config.kit.errors import Conflict, RateLimited
from tests.conftest import People
from tests.factories.named import NAMES, named_person
from tests.factories.pages import polled
from tests.settled import seal_rows


@pytest.fixture(autouse=True)
def places(tmp_path: Path, settings: Any) -> None:
    settings.AUDIT_ANCHOR_DIR = str(tmp_path / "anchors")


def _person() -> User:
    user = named_person()
    with context.acting(actor_kind="anonymous"):
        create_organization(name="Zephyrine", owner=user, is_personal=True)
        audit.record("user.logged_in", user)
    return user


def _everything() -> Iterator[tuple[str, str]]:
    """Yield each table of the database with all its rows as one text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname IN ('public', 'audit') AND c.relkind = 'r'"
            " AND has_table_privilege(c.oid, 'SELECT')"
        )
        tables = [name for (name,) in cursor.fetchall()]
        for table in [*tables, "audit.logs"]:
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")
            yield table, cursor.fetchone()[0].lower()


def test_aud_9_an_erased_person_is_nowhere_in_clear_and_the_chain_verifies(
    live_database: None,
) -> None:
    """AUD-9: zero clear text, chain valid, action audited."""
    user = _person()
    seal_rows()
    found = {table for table, text in _everything() if any(name in text for name in NAMES)}
    assert {"public.accounts_user", "audit.pii"} <= found
    assert "audit.logs" not in found, "the trail never held a personal value in clear"

    erased = erase_user(user, reason="asked by letter")

    assert erased > 5
    for table, text in _everything():
        for name in NAMES:
            assert name not in text, table
    user.refresh_from_db()
    assert (user.status, is_erased(user), user.has_usable_password()) == ("closed", True, False)
    entry = AuditLog.objects.get(action="user.erased")
    assert (entry.entity_id, entry.new_values["reason"]) == (str(user.pk), "asked by letter")
    seal_rows()
    report = verify_all()
    assert (report.breaks, report.rows) == ([], AuditLog.objects.count())


def test_a_veto_keeps_everything(people: People) -> None:
    def veto(**_: Any) -> None:
        raise Conflict("An invoice is open.")

    events.user_closing.connect(veto)
    try:
        with pytest.raises(Conflict, match="invoice"):
            erase_user(people.charlie, reason="asked")
    finally:
        events.user_closing.disconnect(veto)
    people.charlie.refresh_from_db()
    assert people.charlie.email == "charlie@example.com"


def test_staff_are_not_erased(db: None) -> None:
    staff = create_user("s@example.com", "correct horse battery", role=User.Role.SUPPORT)
    with pytest.raises(StaffAccount):
        erase_user(staff, reason="asked")


def test_others_learn_which_addresses_to_forget(people: People) -> None:
    heard: list[Any] = []

    def hear(addresses: list[str], **_: Any) -> None:
        heard.extend(addresses)

    events.user_erased.connect(hear)
    try:
        erase_user(people.charlie, reason="asked")
    finally:
        events.user_erased.disconnect(hear)
    assert heard == ["charlie@example.com"]


def test_the_command_shows_before_it_erases(
    people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("erase_user", "charlie@example.com", "--dry-run")
    assert "accounts_user: 1" in capsys.readouterr().out
    people.charlie.refresh_from_db()
    assert not is_erased(people.charlie)
    with pytest.raises(CommandError, match="why"):
        call_command("erase_user", "charlie@example.com")
    with pytest.raises(CommandError, match="Nobody"):
        call_command("erase_user", "unknown@example.com", "--reason", "asked")
    call_command("erase_user", "charlie@example.com", "--reason", "asked")
    people.charlie.refresh_from_db()
    assert is_erased(people.charlie)


def test_a_closed_account_keeps_its_name_for_thirty_days(people: People) -> None:
    User.objects.filter(pk=people.charlie.pk).update(status=User.Status.CLOSED)
    assert not closed_accounts(now()).exists()
    assert closed_accounts(now() + timedelta(days=31)).get() == people.charlie


def test_an_account_that_cannot_be_erased_keeps_no_other_its_name(
    people: People, time_machine: Any
) -> None:
    export = request_export(people.bob)
    exports.file_of(export).mkdir(parents=True)  # it cannot be deleted as a file
    closed = User.objects.filter(pk__in=[people.bob.pk, people.charlie.pk])
    closed.update(status=User.Status.CLOSED)
    time_machine.move_to(now() + timedelta(days=31))
    assert list(closed_accounts(now())) == [people.bob, people.charlie]
    tasks.retire_audit()
    assert not is_erased(closed.get(pk=people.bob.pk))
    assert is_erased(closed.get(pk=people.charlie.pk))
    exports.file_of(export).rmdir()
    tasks.retire_audit()
    assert is_erased(closed.get(pk=people.bob.pk))


def test_months_that_cannot_be_let_go_keep_nobody_their_name(
    people: People, settings: Any, time_machine: Any
) -> None:
    User.objects.filter(pk=people.bob.pk).update(status=User.Status.CLOSED)
    time_machine.move_to(now() + timedelta(days=31))
    settings.AUDIT_KEEP_MONTHS = 10**12  # more than the database can count
    with pytest.raises(DatabaseError, match="does not exist"):
        tasks.retire_audit()
    assert is_erased(User.objects.get(pk=people.bob.pk))


def test_whoever_stops_the_work_on_closed_accounts_is_heard(
    people: People, time_machine: Any
) -> None:
    """The worker is killed a moment after the limit that it does not heed."""

    def stop(**_: Any) -> None:
        raise SoftTimeLimitExceeded

    User.objects.filter(pk=people.bob.pk).update(status=User.Status.CLOSED)
    time_machine.move_to(now() + timedelta(days=31))
    events.user_erased.connect(stop)
    try:
        with pytest.raises(SoftTimeLimitExceeded):
            tasks.retire_audit()
    finally:
        events.user_erased.disconnect(stop)


# Exports


def _zip_of(export: DataExport) -> dict[str, str]:
    with ZipFile(exports.file_of(export)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_aud_9_a_persons_copy_is_complete_and_has_no_secret(people: People) -> None:
    """AUD-9: every table that names the person, and the trail with its values in clear."""
    user = _person()
    export = request_export(user)
    exports.make_export(export, at=now())
    parts = _zip_of(export)
    (account,) = json.loads(parts["accounts_user.json"])
    assert (account["email"], account["password"]) == ("zephyrine@example.com", "***")
    (membership,) = json.loads(parts["accounts_membership.json"])
    assert membership["role"] == "owner"
    trail = json.loads(parts["audit_log.json"])
    assert "user.logged_in" in {entry["action"] for entry in trail}
    values = {entry["value"] for entry in json.loads(parts["personal_values.json"])}
    assert {"zephyrine@example.com", "Quillfeather"} <= values
    assert "support_adminnote.json" not in parts
    assert "alice@example.com" not in "".join(parts.values())
    assert {name.removesuffix(".json") for name in parts if name.endswith(".json")} == {
        name.removesuffix(".csv") for name in parts if name.endswith(".csv")
    }


def test_an_organizations_copy_holds_only_its_own(people: People) -> None:
    export = request_export(people.alice, organization=people.organization)
    exports.make_export(export, at=now())
    parts = _zip_of(export)
    assert [row["name"] for row in json.loads(parts["accounts_organization.json"])] == ["Northwind"]
    assert str(people.other.pk) not in "".join(parts.values())


def test_a_second_request_while_the_first_is_made_is_the_first(people: People) -> None:
    request_export(people.alice)
    with pytest.raises(exports.ExportWaiting):
        request_export(people.alice)
    request_export(people.alice, organization=people.organization)


def test_five_copies_a_day_are_enough(people: People, alice: Client) -> None:
    """AUD-9: nobody fills the disk with copies, each of which is kept for a week."""
    for _ in range(exports.MOST_A_DAY):
        request_export(people.alice)
        DataExport.objects.update(status=DataExport.Status.EXPIRED)
    with pytest.raises(RateLimited):
        request_export(people.alice)
    answer = alice.post("/profile/data/request/", {"about": "person"}, follow=True)
    assert b"At most 5 files a day" in answer.content
    request_export(people.alice, organization=people.organization)
    DataExport.objects.update(created_at=now() - timedelta(days=1, seconds=1))
    request_export(people.alice)


def test_the_person_asks_waits_downloads_and_it_is_written_down(
    people: People, alice: Client
) -> None:
    page = alice.get("/profile/data/")
    assert b"No copies yet" in page.content
    assert alice.post("/profile/data/request/", {"about": "person"}).status_code == 302
    export = DataExport.objects.get()
    assert b"Being made" in alice.get("/profile/data/").content
    asks, scripted = polled(alice, "/profile/data/", "copies"), {"HX-Request": "true"}
    assert alice.get(asks, headers=scripted).status_code == 204
    address = f"/profile/data/{export.pk}/"
    assert alice.get(address).status_code == 404
    exports.make_export(export, at=now())
    part = alice.get(asks, headers=scripted).content
    assert b"Download" in part
    assert b"hx-trigger" not in part
    assert b"<!DOCTYPE" not in part
    assert b"Download" in alice.get("/profile/data/").content
    answer = alice.get(address)
    assert answer["Content-Disposition"].startswith("attachment")
    assert "README.txt" in ZipFile(io.BytesIO(b"".join(answer.streaming_content))).namelist()
    actions = AuditLog.objects.about("accounts_dataexport", export.pk).values_list("action", flat=1)
    assert {"data_export.requested", "data_export.ready", "data_export.downloaded"} <= set(actions)


def test_copies_expire_with_their_file(people: People, alice: Client) -> None:
    export = request_export(people.alice)
    exports.make_export(export, at=now() - timedelta(days=8))
    assert exports.file_of(export).exists()
    assert alice.get(f"/profile/data/{export.pk}/").status_code == 404
    assert exports.forget_expired(now()) == 1
    assert not exports.file_of(export).exists()


def test_who_may_have_which_copy(people: People) -> None:
    """alice owns, bob is a member, charlie a stranger, nobody has no account."""
    own = request_export(people.alice, organization=people.organization)
    exports.make_export(own, at=now())
    address = f"/profile/data/{own.pk}/"
    users = {"alice": people.alice, "bob": people.bob, "charlie": people.charlie, "nobody": None}
    answers = {}
    for name, user in users.items():
        answer = people.client(user).get(address)
        answers[name] = answer.status_code
    assert answers == {"alice": 200, "bob": 403, "charlie": 404, "nobody": 302}
    personal = request_export(people.bob)
    exports.make_export(personal, at=now())
    assert people.client(people.alice).get(f"/profile/data/{personal.pk}/").status_code == 404
    asked = people.client(people.bob).post("/profile/data/request/", {"about": "organization"})
    assert asked.status_code == 403
    assert (
        people.client(people.bob).post("/profile/data/request/", {"about": "x"}).status_code == 422
    )


def test_an_export_whose_nudge_was_lost_is_found_again(people: People) -> None:
    export = request_export(people.alice)
    assert exports.waiting_exports(now()) == []
    assert exports.waiting_exports(now() + timedelta(minutes=1)) == [export]
    assert exports.waiting_exports(now() + timedelta(days=2)) == []
    export.refresh_from_db()
    assert export.status == "failed"


def test_an_organization_in_the_trail_has_no_name_in_clear(people: People) -> None:
    Organization.objects.filter(pk=people.organization.pk).update(name="Renamed")
    entry = AuditLog.objects.about("accounts_organization", people.organization.pk).first()
    assert entry is not None
    assert set(entry.new_values["name"]) == {"$pii", "sha256"}
