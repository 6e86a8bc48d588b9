"""AUD-9: a copy is made once, by one worker at a time, and no file outlives its export."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.db import connection, transaction
from django.utils.timezone import now

from accounts import tasks
from accounts.models import AuditLog, DataExport
from accounts.services.privacy import exports, request_export
from tests.conftest import People, make_people
from tests.waiting import until_blocked

STRAY = "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e11"


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, settings: Any) -> None:
    default = settings.STORAGES["default"]
    settings.STORAGES = settings.STORAGES | {
        "default": default | {"OPTIONS": {"location": str(tmp_path)}}
    }


@contextmanager
def _half_way(export: DataExport) -> Iterator[Future[Any]]:
    """Run the block while a worker has begun the export and cannot read one of its tables."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("LOCK TABLE accounts_membership IN ACCESS EXCLUSIVE MODE")
            run = until_blocked(pool, lambda: exports.make_export(export, at=now()))
            assert not run.done()
            yield run
        run.result(timeout=60)


def _files(export: DataExport) -> list[str]:
    return sorted(path.name for path in exports.file_of(export).parent.iterdir())


def test_a_copy_that_was_withdrawn_while_it_was_made_leaves_no_file(live_database: None) -> None:
    export = request_export(make_people().alice)
    with _half_way(export):
        exports.withdraw(export)
    export.refresh_from_db()
    assert (export.status, _files(export)) == ("expired", [])


def test_a_copy_that_is_being_made_is_not_made_twice(live_database: None) -> None:
    export = request_export(make_people().alice)
    with _half_way(export):
        assert exports.waiting_exports(now() + timedelta(minutes=20)) == []
        exports.make_export(export, at=now())
        export.refresh_from_db()
        assert export.status == "waiting"
    export.refresh_from_db()
    assert (export.status, _files(export)) == ("ready", [f"{export.pk}.zip"])


def test_a_run_that_was_killed_is_taken_up_again(people: People) -> None:
    export = request_export(people.alice)
    DataExport.objects.update(claimed_until=now() + exports.LEASE)
    later = now() + exports.LEASE + timedelta(seconds=1)
    assert exports.waiting_exports(later) == [export]
    exports.make_export(export, at=later)
    export.refresh_from_db()
    assert export.status == "ready"


def test_a_claim_is_longer_than_its_task_and_no_entry_of_the_trail(people: People) -> None:
    assert exports.LEASE.total_seconds() > tasks.make_data_export.time_limit
    export = request_export(people.alice)
    entries = AuditLog.objects.about("accounts_dataexport", export.pk)
    before = entries.count()
    DataExport.objects.update(claimed_until=now())
    assert entries.count() == before


def test_files_that_no_export_stands_for_are_swept(people: People) -> None:
    export = request_export(people.alice)
    exports.make_export(export, at=now())
    file = exports.file_of(export)
    for name in (f"{STRAY}.zip", f"{STRAY}.77.partial", f"{export.pk}.77.partial", "notes.txt"):
        file.with_name(name).touch()
    assert exports.forget_strays(now()) == 0, "they may belong to a run that goes on"
    long_ago = (now() - exports.LEASE - timedelta(minutes=1)).timestamp()
    for path in file.parent.iterdir():
        os.utime(path, (long_ago, long_ago))
    tasks.sweep_data_exports()
    assert _files(export) == sorted([file.name, "notes.txt"])


def test_a_file_that_cannot_be_deleted_keeps_no_other(people: People) -> None:
    at = now() - exports.KEPT - timedelta(minutes=1)
    for user in (people.alice, people.bob):
        exports.make_export(request_export(user), at=at)
    export = DataExport.objects.all()[0]
    stuck = exports.file_of(export)
    stuck.unlink()
    stuck.mkdir()  # it cannot be deleted as a file
    for number in range(5):
        stuck.with_name(f"{STRAY[:-1]}{number}.zip").touch()
    assert exports.forget_expired(now()) == 1
    assert set(DataExport.objects.values_list("status", flat=True)) == {"expired"}
    long_ago = (now() - exports.LEASE - timedelta(minutes=1)).timestamp()
    for path in stuck.parent.iterdir():
        os.utime(path, (long_ago, long_ago))
    tasks.sweep_data_exports()
    assert _files(export) == [stuck.name]


def test_a_table_may_be_larger_than_two_gigabytes(people: People) -> None:
    """Each part says from its first byte on that its sizes may need 64 bits."""
    export = request_export(people.alice)
    exports.make_export(export, at=now())
    with ZipFile(exports.file_of(export)) as archive:
        parts = [part for part in archive.infolist() if part.filename != "README.txt"]
    assert parts
    assert {part.extract_version for part in parts} == {45}
