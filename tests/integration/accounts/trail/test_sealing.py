"""AUD-6, AUD-7: what is sealed stays provable, whatever happens to the database afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils.timezone import now

from accounts.models import AuditLog, Organization, Seal, TrailAlert
from accounts.services.organizations import create_organization
from accounts.services.seals import anchors, canon, sealing, watching
from accounts.services.seals.sealing import seal_lag
from accounts.services.seals.verification import cover_of, verify_all
from accounts.services.users import create_user
from config.kit import context
from tests import services
from tests.settled import seal_rows

WRITERS = 20

pytestmark = pytest.mark.usefixtures("live_database", "anchor_dir")


@pytest.fixture
def anchor_dir(tmp_path: Path, settings: Any) -> Path:
    settings.AUDIT_ANCHOR_DIR = str(tmp_path / "anchors")
    return tmp_path / "anchors"


@pytest.fixture
def superuser() -> Iterator[psycopg.Connection[Any]]:
    """Whoever owns the server can do anything; it must show."""
    with psycopg.connect(services.admin_url(f"test_{services.WORKER}"), autocommit=True) as raw:
        raw.execute("SET session_replication_role = replica")
        raw.execute("ALTER TABLE audit.logs DISABLE TRIGGER USER")
        raw.execute("ALTER TABLE audit.seals DISABLE TRIGGER USER")
        yield raw


def _write(count: int = 5) -> None:
    with context.acting(actor_kind="user", actor_id="writer"):
        for number in range(count):
            Organization.objects.create(name=f"Written {number}")


def _sealed_thrice() -> None:
    for _ in range(3):
        _write()
        assert seal_rows() is not None
    assert verify_all().is_whole


def _rows() -> int:
    return AuditLog.objects.count()


def test_aud_7_twenty_writers_with_rollbacks_and_long_transactions_lose_nothing() -> None:
    """AUD-7: late commits and rollbacks; every committed row is sealed, once."""
    url = services.role_urls(f"test_{services.WORKER}")["DATABASE_SYSTEM_URL"]
    halfway, finish = threading.Barrier(WRITERS + 1), threading.Event()
    committed: list[int] = []

    def writer(number: int) -> None:
        """Six transactions; the fourth of the first five stays open over several seals."""
        with psycopg.connect(url) as raw:
            for turn in range(6):
                raw.execute("SELECT audit.event('test', 'x', %s, NULL, '{}')", [f"{number}.{turn}"])
                if turn == 3:
                    halfway.wait(20)
                    finish.wait(20 if number < 5 else 0)
                raw.rollback() if turn % 3 == 2 and number % 4 == 0 else raw.commit()
        committed.append(number)

    threads = [threading.Thread(target=writer, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    halfway.wait(20)
    while any(thread.is_alive() for thread in threads[5:]):
        sealing.seal_rows()
    finish.set()
    for thread in threads:
        thread.join(20)
    seal_rows()
    assert len(committed) == WRITERS
    assert sum(seal.row_count for seal in Seal.objects.all()) == _rows()
    report = verify_all()
    assert (report.breaks, report.rows) == ([], _rows())


def test_two_sealers_at_once_do_not_fork_the_chain() -> None:
    seals: list[Seal | None] = []

    def sealer() -> None:
        seals.extend(sealing.seal_rows() for _ in range(5))
        connection.close()

    def writer() -> None:
        _write(20)
        connection.close()

    works = (writer, sealer, sealer, sealer)
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    seal_rows()
    report = verify_all()
    assert (report.breaks, report.rows) == ([], _rows())
    assert sorted(seal.seq for seal in Seal.objects.all()) == list(range(1, report.seals + 1))


def test_a_second_sealer_returns_at_once_while_the_first_is_at_a_long_backlog() -> None:
    _write()
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '5s'")  # or a sealer that waits would wait for good
    with psycopg.connect(services.admin_url(f"test_{services.WORKER}")) as first:
        first.execute("SELECT pg_advisory_xact_lock(hashtext('audit.seals'))")
        assert seal_rows() is None
    assert seal_rows() is not None


def test_a_seal_that_does_not_follow_the_newest_is_refused_by_the_database() -> None:
    _sealed_thrice()
    columns = ", ".join(field.column for field in Seal._meta.fields if field.column != "seq")
    columns = columns.replace("from_txid", "from_txid::text::xid8")
    names = ", ".join(field.column for field in Seal._meta.fields if field.column != "seq")
    with connection.cursor() as cursor, pytest.raises(Exception, match="does not follow"):
        cursor.execute(
            f"INSERT INTO audit.seals (seq, {names}) SELECT 9, {columns} FROM audit.seals LIMIT 1"
        )


TAMPERING = {
    "an actor": "UPDATE audit.logs SET actor_id = 'somebody else' WHERE id = {row}",
    "a value": 'UPDATE audit.logs SET new_values = \'{{"name": "x"}}\' WHERE id = {row}',
    "a row removed": "DELETE FROM audit.logs WHERE id = {row}",
    "a row slipped in": (
        "INSERT INTO audit.logs (actor_kind, action, entity_type, txid) SELECT 'user', 'forged',"
        " 'x', txid FROM audit.logs WHERE id = {row}"
    ),
    "a seal removed": "DELETE FROM audit.seals WHERE seq = 2",
    "a seal changed": "UPDATE audit.seals SET row_count = row_count + 1 WHERE seq = 2",
    "a seal signed by nobody": "UPDATE audit.seals SET mac = repeat('0', 64) WHERE seq = 2",
}


@pytest.mark.parametrize("what", TAMPERING)
def test_aud_6_tampering_is_detected(what: str, superuser: psycopg.Connection[Any]) -> None:
    """AUD-6: even a superuser who switched every guard off."""
    _sealed_thrice()
    second = Seal.objects.get(seq=2)
    superuser.execute(TAMPERING[what].format(row=second.first_id))
    assert not verify_all().is_whole
    with pytest.raises(CommandError, match="broken"):
        call_command("verify_audit", verbosity=0)


def test_aud_6_a_cut_tail_shows_against_the_exported_anchor(
    superuser: psycopg.Connection[Any], anchor_dir: Path, settings: Any
) -> None:
    """AUD-6: the last rows and the last seal are gone; within the database all is consistent."""
    _sealed_thrice()
    last = Seal.objects.get(seq=3)
    superuser.execute(f"DELETE FROM audit.logs WHERE txid >= '{last.from_txid}'::xid8")
    superuser.execute("DELETE FROM audit.seals WHERE seq = 3")
    assert [found.seq for found in verify_all().breaks] == [3]
    settings.AUDIT_ANCHOR_DIR = str(anchor_dir / "nothing")
    assert verify_all().is_whole


def test_each_seals_head_leaves_the_database(anchor_dir: Path) -> None:
    _sealed_thrice()
    heads = {seal.seq: bytes(seal.hash).hex() for seal in Seal.objects.all()}
    assert {anchor.seq: anchor.hash for anchor in anchors.exported()} == heads
    (path,) = anchor_dir.iterdir()
    with path.open("a") as file:
        file.write('{"seq": 4, "ha')  # torn by a power cut
    assert verify_all().is_whole


def test_nothing_new_makes_no_seal() -> None:
    _sealed_thrice()
    assert seal_rows() is None
    assert seal_lag(now()) == timedelta(0)


def test_a_restored_dump_begins_anew_and_verifies_over_both_clusters(
    superuser: psycopg.Connection[Any], anchor_dir: Path, settings: Any
) -> None:
    """Transaction numbers restart in another cluster; rows not sealed before the dump are kept."""
    _sealed_thrice()
    _write(2)
    # As after a restore: other identifier, numbers of the old cluster above those to come.
    superuser.execute("UPDATE audit.logs SET txid = ((txid::text::bigint) + 1000000)::text::xid8")
    shifted = "((%s::text::bigint) + 1000000)::text::xid8"
    superuser.execute(
        f"UPDATE audit.seals SET until_txid = {shifted % 'until_txid'},"
        f" from_txid = CASE WHEN from_txid = '0'::xid8 THEN from_txid ELSE"
        f" {shifted % 'from_txid'} END, system_id = 'another'"
    )
    _sign_again(superuser)
    settings.AUDIT_ANCHOR_DIR = str(anchor_dir / "of the other cluster")
    assert verify_all().is_whole
    _write(3)
    anchor = seal_rows()
    assert anchor is not None
    assert anchor.kind == Seal.Kind.ANCHOR
    _write(4)
    window = seal_rows()
    assert window is not None
    assert (window.kind, window.after_id) == (Seal.Kind.WINDOW, anchor.upto_id)
    report = verify_all()
    assert (report.breaks, report.rows) == ([], _rows())


def _sign_again(superuser: psycopg.Connection[Any]) -> None:
    """Rewrite the chain as the other cluster would have made it."""
    previous = canon.START
    for seal in Seal.objects.order_by("seq"):
        rows = canon.read_rows(cover_of(seal))
        sealed = canon.hash_of(
            seal.seq,
            seal.system_id,
            cover_of(seal),
            rows,
            previous=previous,
            sealed_at=seal.sealed_at,
        )
        superuser.execute(
            "UPDATE audit.seals SET previous = %s, rows_digest = %s, hash = %s, mac = %s"
            " WHERE seq = %s",
            [previous, rows.digest, sealed, canon.sign(seal.key_id, sealed), seal.seq],
        )
        previous = sealed


def test_keys_rotate_and_old_seals_stay_provable(settings: Any) -> None:
    _write()
    seal_rows()
    settings.AUDIT_SEAL_KEYS = {"2026": "a key of sixteen or more"}
    _write()
    assert seal_rows().key_id == "2026"  # type: ignore[union-attr]
    settings.AUDIT_SEAL_KEYS = {
        "2027": "the key of another year",
        "2026": "a key of sixteen or more",
    }
    _write()
    assert seal_rows().key_id == "2027"  # type: ignore[union-attr]
    assert verify_all().is_whole
    settings.AUDIT_SEAL_KEYS = {"2027": "the key of another year"}
    assert [found.what for found in verify_all().breaks] == ["is not signed by key 2026"]


def test_retired_months_leave_their_seals_and_verify(superuser: psycopg.Connection[Any]) -> None:
    at = now() - timedelta(days=500)
    month = f"{at:%Y%m}"
    superuser.execute(
        f"CREATE TABLE audit.logs_{month} PARTITION OF audit.logs FOR VALUES FROM"
        f" (date_trunc('month', now() - interval '500 days')) TO"
        f" (date_trunc('month', now() - interval '500 days') + interval '1 month')"
    )
    superuser.execute(f"ALTER TABLE audit.logs_{month} OWNER TO switchyard_audit")
    superuser.execute(
        "INSERT INTO audit.logs (actor_kind, action, entity_type, at)"
        " SELECT 'user', 'old', 'x', now() - interval '500 days' FROM generate_series(1, 3)"
    )
    seal_rows()
    _write()
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit.retire_partitions(12)")
        assert cursor.fetchone() == ([],), "not before a seal lies past the month"
    seal_rows()
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit.retire_partitions(12)")
        assert cursor.fetchone() == ([f"logs_{month}"],)
    seal_rows()
    report = verify_all()
    assert (report.breaks, report.retired) == ([], 1)
    assert AuditLog.objects.filter(action="audit.month_retired").count() == 1


def test_less_than_a_year_is_never_retired() -> None:
    with connection.cursor() as cursor, pytest.raises(Exception, match="12 months"):
        cursor.execute("SELECT audit.retire_partitions(11)")


def test_a_month_torn_out_is_a_break(superuser: psycopg.Connection[Any]) -> None:
    _sealed_thrice()
    superuser.execute(
        "INSERT INTO audit.retired (part, starts_at, ends_at, row_count) VALUES"
        " ('logs_x', now() - interval '1 month', now() + interval '1 day', 1)"
    )
    assert any("before its year" in found.what for found in verify_all().breaks)


def test_people_are_told_of_a_break_once_and_the_front_page_has_it(
    superuser: psycopg.Connection[Any], settings: Any
) -> None:
    settings.ADMINS = [("Operator", "operator@example.com")]
    _sealed_thrice()
    superuser.execute("UPDATE audit.seals SET row_count = 0 WHERE seq = 2")
    for _ in range(2):
        watching.verify_yesterday(now())
        for found in watching.untold():
            watching.tell(found)
    (alert,) = TrailAlert.objects.all()
    assert (alert.kind, alert.resolved_at) == ("broken", None)
    assert [message.to for message in mail.outbox] == [["operator@example.com"]]
    watching.resolve(alert, at=now())
    watching.verify_yesterday(now())
    assert TrailAlert.objects.filter(resolved_at=None).count() == 1


def test_a_late_seal_and_a_write_past_the_application_call_a_person(
    superuser: psycopg.Connection[Any],
) -> None:
    with context.acting(actor_kind="user", actor_id="u"):
        seal_rows()
        _write()
    seal_rows()
    with context.acting(actor_kind="worker"):
        assert watching.watch(now()) == []
        _write(1)
        late = watching.watch(now() + timedelta(minutes=16))
    assert [each.kind for each in late] == ["late"]
    superuser.execute("SET session_replication_role = origin")
    superuser.execute("UPDATE accounts_organization SET country = 'CH'")
    assert "outsider" in [each.kind for each in watching.watch(now())]


def test_the_command_says_that_all_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    _sealed_thrice()
    call_command("verify_audit", since=f"{now():%Y-%m-%d}")
    assert "whole. 3 seals" in capsys.readouterr().out
    with pytest.raises(CommandError, match="is a day"):
        call_command("verify_audit", since="yesterday")


def test_people_still_sign_up_while_rows_are_sealed() -> None:
    owner = create_user("owner@example.com", "correct horse battery")
    create_organization(name="Kept", owner=owner)
    assert seal_rows() is not None
