"""AUD-1, AUD-3, AUD-5, AUD-8: the database writes the trail, and nobody edits it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from accounts.models import AuditLog, Organization, User
from accounts.services import audit
from accounts.services.users import create_user
from config.kit import context
from tests import services
from tests.conftest import People

CANARY = "canary-7f3a-very-secret"


def _new_rows(before: int, **filters: Any) -> list[AuditLog]:
    return list(AuditLog.objects.filter(id__gt=before, **filters).order_by("id"))


def _last() -> int:
    newest = AuditLog.objects.order_by("-id").first()
    return newest.id if newest else 0


ACTS = {
    "create": (1, lambda o: Organization.objects.create(name="New")),
    "save": (1, lambda o: _rename(o, "Renamed")),
    "save without change": (0, lambda o: _rename(o, o.name)),
    "update()": (1, lambda o: Organization.objects.filter(pk=o.pk).update(country="AT")),
    "bulk_create": (
        5,
        lambda o: Organization.objects.bulk_create([Organization(name=f"n{i}") for i in range(5)]),
    ),
    "upsert": (
        1,
        lambda o: Organization.objects.bulk_create(
            [Organization(id=o.pk, name="Upserted")],
            update_conflicts=True, unique_fields=["id"], update_fields=["name"],
        ),
    ),
    "raw SQL": (1, lambda o: _sql("UPDATE accounts_organization SET country='CH' WHERE id=%s", o.pk)),
    "CTE": (
        1,
        lambda o: _sql("WITH x AS (UPDATE accounts_organization SET country='LU' WHERE id=%s"
                       " RETURNING 1) SELECT count(*) FROM x", o.pk),
    ),
    "delete": (1, lambda o: Organization.objects.create(name="Brief") and _delete_brief()),
    "truncate": (1, lambda o: _sql("SET CONSTRAINTS ALL IMMEDIATE") or _truncate()),
}  # fmt: skip


def _rename(organization: Organization, name: str) -> None:
    organization.name = name
    organization.save()


def _sql(sql: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def _delete_brief() -> None:
    global_before = Organization.objects.filter(name="Brief")
    global_before._raw_delete(using="default")


def _truncate() -> None:
    _sql("SET ROLE switchyard_owner")
    _sql("TRUNCATE mfa_authenticator")
    _sql("RESET ROLE")


@pytest.mark.parametrize("act", ACTS)
def test_aud_1_every_way_to_write_leaves_its_rows(people: People, act: str) -> None:
    expected, do = ACTS[act]
    before = _last()
    here = context.Context(
        actor_kind="user", actor_id=str(people.alice.pk), ip="203.0.113.9",
        user_agent="tests", request_id="req-12345678",
    )  # fmt: skip
    with context.use(here):
        do(people.organization)
    rows = [row for row in _new_rows(before) if not (act == "delete" and row.action == "insert")]
    assert len(rows) == expected
    for row in rows:
        assert (row.actor_kind, row.actor_id) == ("user", str(people.alice.pk))
        assert (row.ip, row.request_id, row.user_agent) == ("203.0.113.9", "req-12345678", "tests")


def test_aud_1_an_update_holds_only_what_changed(people: People) -> None:
    before = _last()
    Organization.objects.filter(pk=people.organization.pk).update(country="NL")
    (row,) = _new_rows(before)
    assert (row.old_values, row.new_values) == ({"country": "DE"}, {"country": "NL"})
    assert row.organization_id == people.organization.pk


def test_aud_1_a_rolled_back_savepoint_keeps_the_actor_of_later_writes(people: People) -> None:
    before = _last()
    with context.acting(actor_kind="user", actor_id="first"):
        with transaction.atomic():
            with context.acting(actor_kind="user", actor_id="second"):
                Organization.objects.create(name="Lost")
            transaction.set_rollback(True)
        Organization.objects.create(name="Kept")
    (row,) = _new_rows(before)
    assert row.actor_id == "first"


def test_aud_1_business_events_are_recorded(people: People) -> None:
    before = _last()
    audit.record("license.key_revealed", people.organization, reason="asked")
    (row,) = _new_rows(before)
    assert (row.action, row.new_values) == ("license.key_revealed", {"reason": "asked"})


ATTACKS = [
    "INSERT INTO audit.logs (actor_kind, action, entity_type) VALUES ('user', 'forged', 'x')",
    "UPDATE audit.logs SET actor_id = 'somebody'",
    "DELETE FROM audit.logs",
    "TRUNCATE audit.logs",
    "UPDATE audit.logs_default SET actor_id = 'somebody'",
    "TRUNCATE audit.logs_default",
    "DROP TABLE audit.logs",
    "ALTER TABLE audit.logs DISABLE TRIGGER ALL",
    "ALTER TABLE audit.logs DISABLE ROW LEVEL SECURITY",
    "DROP SCHEMA audit CASCADE",
    "SET session_replication_role = replica",
    "SET ROLE switchyard_audit",
    "CREATE OR REPLACE FUNCTION audit.deny() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "SELECT audit.write('forged', 'x', NULL, NULL, NULL, NULL)",
    "SELECT audit.set_apart('x', '{}', '{}', 'x')",
    "UPDATE audit.seals SET row_count = 0",
    "DELETE FROM audit.seals",
    "TRUNCATE audit.seals",
    "ALTER TABLE audit.seals DISABLE TRIGGER ALL",
    "INSERT INTO audit.retired (part, starts_at, ends_at, row_count) VALUES ('x', now(), now(), 0)",
    "UPDATE audit.retired SET row_count = 0",
    "DELETE FROM audit.pii",
    "UPDATE audit.pii SET value = '1'",
    "INSERT INTO audit.pii (entity_type, column_name, salt, value) VALUES ('x', 'x', 'x', '1')",
    "ALTER TABLE audit.logs DETACH PARTITION audit.logs_default",
    "SET pgtrigger.ignore = 'deny_change'; DELETE FROM audit.logs",
    "CREATE TEMP TABLE logs (id int); UPDATE audit.logs SET actor_id = 'x'",
    "ALTER FUNCTION audit.deny() OWNER TO CURRENT_USER",
    "GRANT INSERT ON audit.logs TO CURRENT_USER;"
    " INSERT INTO audit.logs (actor_kind, action, entity_type) VALUES ('user', 'forged', 'x')",
]


@pytest.mark.parametrize("role", ["switchyard_app", "switchyard_system", "switchyard_owner"])
@pytest.mark.usefixtures("django_db_setup")
def test_aud_3_no_role_that_logs_in_can_touch_the_trail(role: str) -> None:
    urls = services.role_urls(f"test_{services.WORKER}")
    url = next(url for url in urls.values() if f"{role}:" in url)
    with psycopg.connect(url, autocommit=True) as raw:
        for attack in ATTACKS:
            with pytest.raises(psycopg.errors.Error):
                raw.execute(attack)


@pytest.mark.parametrize("role", ["switchyard_app", "switchyard_owner"])
@pytest.mark.usefixtures("django_db_setup")
def test_aud_3_only_the_system_role_seals_retires_and_erases(role: str) -> None:
    urls = services.role_urls(f"test_{services.WORKER}")
    url = next(url for url in urls.values() if f"{role}:" in url)
    with psycopg.connect(url, autocommit=True) as raw:
        for attack in (
            "SELECT audit.erase_subject('x', 'y')",
            "SELECT audit.retire_partitions(12)",
            "SELECT audit.hold_writers()",
            "INSERT INTO audit.seals SELECT * FROM audit.seals",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(attack)


@pytest.mark.usefixtures("django_db_setup")
def test_aud_3_not_even_a_superuser_rewrites_it_without_disabling_triggers() -> None:
    with psycopg.connect(services.admin_url(f"test_{services.WORKER}"), autocommit=True) as raw:
        raw.execute("SELECT audit.write('test', 'x', NULL, NULL, NULL, NULL)")
        raw.execute("SET session_replication_role = replica")
        for attack in (
            "UPDATE audit.logs SET actor_id = 'x'",
            "DELETE FROM audit.logs",
            "TRUNCATE audit.logs",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                raw.execute(attack)


def test_aud_8_secrets_and_personal_values_stay_out_of_the_trail(db: None) -> None:
    before = _last()
    user = create_user(f"{CANARY}@example.com", CANARY, first_name=CANARY, phone=CANARY)
    user.set_password(CANARY + "2")
    user.save()
    User.objects.filter(pk=user.pk).update(last_name=CANARY)
    text = " ".join(str((row.old_values, row.new_values)) for row in _new_rows(before))
    assert "$pii" in text
    assert "***" in text
    assert CANARY not in text
    assert user.password not in text


def test_members_read_the_trail_of_their_organization_only(people: People) -> None:
    Organization.objects.filter(pk=people.other.pk).update(country="NL")
    from_charlie = people.client(people.charlie)
    assert from_charlie is not None
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE switchyard_app")
    try:
        with context.acting(organization_id=people.other.pk):
            owners = set(AuditLog.objects.values_list("organization_id", flat=True))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
    assert owners == {people.other.pk}
