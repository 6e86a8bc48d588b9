"""Notes of staff, and the figures that PostgreSQL itself computes about people."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any
from zipfile import ZipFile

import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError, ProgrammingError
from django.utils.timezone import now

from accounts.models import AuditLog, User, UserActivity
from accounts.services import audit
from accounts.services.privacy.archive import write_archive
from accounts.services.users import create_user
from config.kit import context
from config.kit.errors import InvalidInput
from support.models import AdminNote
from support.services import notes
from tests.conftest import People, behind_the_wall


def ask(sql: str, *values: Any) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()


def act(user: User, action: str, times: int = 1) -> None:
    with context.use(context.Context(actor_kind="user", actor_id=str(user.pk))):
        for _ in range(times):
            audit.record(action, user)


@pytest.fixture
def staff_member(db: None) -> User:
    return create_user("sam@switchyard.example", "correct horse battery", role=User.Role.SUPPORT)


def test_what_a_person_does_is_their_activity(people: People) -> None:
    act(people.alice, "license.key_shown")
    done = UserActivity.objects.get(user=people.alice)
    assert (done.action, done.data) == ("license.key_shown", None)


def test_what_a_worker_does_is_nobodys_activity(people: People) -> None:
    with context.use(context.Context(actor_kind="worker")):
        audit.record("license.expired", people.alice)
    assert not UserActivity.objects.exists()


def test_what_support_does_while_looking_is_nobodys_activity(
    people: People, staff_member: User
) -> None:
    """ADM-5: the customer was not there."""
    looking = {"actor_kind": "user", "impersonator_id": str(staff_member.pk)}
    with context.use(context.Context(**looking, actor_id=str(people.alice.pk))):
        audit.record("audit_log.exported", people.alice)
    assert not UserActivity.objects.exists()
    with context.use(context.Context(**looking, actor_id=str(staff_member.pk))):
        audit.record("audit_log.exported", people.alice)
    assert UserActivity.objects.get().user == staff_member, "in the back office it is their own"


def test_people_see_their_own_activity_and_write_none(people: People) -> None:
    act(people.alice, "user.logged_in")
    with behind_the_wall(), context.acting(user_id=people.bob.pk):
        assert not UserActivity.objects.exists()
    with behind_the_wall(), context.acting(user_id=people.alice.pk):
        assert UserActivity.objects.count() == 1
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            UserActivity.objects.create(user=people.alice, action="forged")


def test_the_summary_counts_this_week_and_the_commonest_action(people: People) -> None:
    act(people.alice, "user.logged_in", 2)
    act(people.alice, "order.placed")
    old = UserActivity.objects.filter(action="order.placed")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_useractivity SET created_at = %s WHERE id = %s",
            [now() - timedelta(days=8), old.get().pk],
        )
    total, week, last, common = ask("SELECT * FROM get_user_activity_summary(%s)", people.alice.pk)
    assert (total, week, common) == (3, 2, "user.logged_in")
    assert last.tzinfo is not None


def test_a_person_who_did_nothing_has_an_empty_summary(people: People) -> None:
    row = ask("SELECT * FROM get_user_activity_summary(%s)", people.bob.pk)
    assert row == (0, 0, None, None)


def test_the_figures_count_people(people: People) -> None:
    act(people.alice, "user.logged_in", 3)
    total, active, new, metrics = ask("SELECT * FROM get_user_stats()")
    assert (total, active, new, metrics) == (3, 1, 3, 0)


def test_the_app_role_reads_neither_notes_nor_figures(people: People) -> None:
    for sql in ("SELECT count(*) FROM support_adminnote", "SELECT * FROM get_user_stats()"):
        refused = pytest.raises(ProgrammingError, match="permission denied")
        with behind_the_wall(), refused, transaction.atomic():
            ask(sql)


def test_a_note_is_kept_flagged_and_audited(people: People, staff_member: User) -> None:
    note = notes.write_note(people.alice, note=" Paid late. ", is_flagged=True, by=staff_member)
    assert (note.note, note.is_flagged) == ("Paid late.", True)
    notes.flag_note(note, is_flagged=False)
    assert not AdminNote.objects.get().is_flagged
    entry = AuditLog.objects.filter(entity_type="support_adminnote", action="insert").get()
    assert "Paid late" not in str(entry.new_values)
    assert AuditLog.objects.filter(action="note.written", entity_id=str(note.pk)).exists()


def test_adm_6_no_copy_tells_a_person_that_there_is_a_note(
    people: People, staff_member: User
) -> None:
    with context.acting(actor_kind="user", actor_id=str(staff_member.pk)):
        note = notes.write_note(people.alice, note="Paid late.", is_flagged=True, by=staff_member)
        notes.flag_note(note, is_flagged=False)
    file = io.BytesIO()
    write_archive(file, user=people.alice, organization=None, at=now())
    with ZipFile(file) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    for word in (b"note.written", b"flagged", str(note.pk).encode(), b"Paid late"):
        assert word not in everything


@pytest.mark.parametrize("text", ["", "  \n", "x" * 4001])
def test_an_empty_or_endless_note_is_refused(people: People, staff_member: User, text: str) -> None:
    with pytest.raises(InvalidInput):
        notes.write_note(people.alice, note=text, is_flagged=False, by=staff_member)


def test_the_database_refuses_an_empty_note(people: People, staff_member: User) -> None:
    with pytest.raises(IntegrityError, match="support_adminnote_note"), transaction.atomic():
        AdminNote.objects.create(user=people.alice, author=staff_member, note="")


def test_an_actor_whose_id_is_no_uuid_leaves_no_activity_and_no_error(people: People) -> None:
    with context.use(context.Context(actor_kind="user", actor_id="somebody")):
        audit.record("user.logged_in", people.alice)
    assert not UserActivity.objects.exists()
