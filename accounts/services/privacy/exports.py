"""Exports of data and of lists: requested on a page, made by a task, downloaded for a week, then gone."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO
from uuid import UUID

import structlog
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from accounts import events
from accounts.models import DataExport, Organization, User
from accounts.services import audit
from accounts.services.privacy.archive import write_archive
from accounts.services.privacy.sheets import write_sheet
from config.kit.errors import Conflict, DomainError, RateLimited

logger = structlog.get_logger(__name__)
KEPT = timedelta(days=7)
SOON = timedelta(seconds=30)
LEASE = timedelta(minutes=35)
"""How long a worker may hold an export: longer than its task may run (accounts.tasks)."""

GIVEN_UP = timedelta(days=1)
GAVE_UP = "It could not be made within a day. Support can see why."
DAY = timedelta(days=1)
_FILES = "????????-????-????-????-????????????.*"  # named by an id: nothing else is swept
MOST_A_DAY = 5
"""Copies that one person may have made in a day of their data, and of each organization's."""

MOST_LISTS_A_DAY = 20
MOST_LISTS_WAITING = 3


class ExportWaiting(Conflict):
    code = "export_waiting"
    message = "An export is being made already. It is here as soon as it is ready."


@transaction.atomic
def request_export(user: User, *, organization: Organization | None = None) -> DataExport:
    """Ask for a copy of a person's data, or of an organization's.

    Raises `ExportWaiting`, and `RateLimited` for more than five a day: each is kept for a week.
    """
    earlier = DataExport.objects.copies().filter(user=user, organization=organization)
    _require_room(earlier.exclude(status=DataExport.Status.WAITING), MOST_A_DAY, now())
    about = "organization" if organization else "person"
    return _ask(DataExport(user=user, organization=organization), about=about)


@transaction.atomic
def request_list(
    user: User, *, organization: Organization | None, name: str, path: str, query: str
) -> DataExport:
    """Ask for all rows that the list at `path` shows this person with the filters of `query`.

    Whether they may open it, its own guards say once the file is made. Raises `ExportWaiting` for
    the same list, or while three of theirs here are waiting, and `RateLimited` for more than twenty
    a day here.
    """
    user = User.objects.select_for_update(no_key=True).get(
        pk=user.pk
    )  # one request counts at a time
    own = DataExport.objects.lists().filter(user=user)
    _require_room(own, MOST_LISTS_A_DAY, now())
    if own.filter(status=DataExport.Status.WAITING).count() >= MOST_LISTS_WAITING:
        raise ExportWaiting(f"{MOST_LISTS_WAITING} files are being made already. Wait for one.")
    export = DataExport(
        user=user, organization=organization, list_name=name, list_path=path, list_query=query
    )
    return _ask(export, about=name)


def _ask(export: DataExport, *, about: str) -> DataExport:
    try:
        with transaction.atomic():
            export.save(force_insert=True)
    except IntegrityError as error:
        if "accounts_dataexport_waiting" not in str(error):
            raise
        raise ExportWaiting from error
    audit.record("data_export.requested", export, about=about)
    events.data_export_requested.send(DataExport, export=export)
    return export


def _require_room(earlier: QuerySet[DataExport], most: int, at: datetime) -> None:
    recent = earlier.filter(created_at__gt=at - DAY)
    made = list(recent.order_by("created_at").values_list("created_at", flat=True)[:most])
    if len(made) == most:
        wait = int((made[0] + DAY - at).total_seconds()) + 1
        raise RateLimited(
            f"At most {most} files a day. Take the latest one, or come back tomorrow.",
            retry_after=wait,
        )


def make_export(export: DataExport, *, at: datetime) -> None:
    """Claim it, write the file and open it for download; not inside a transaction.

    Nothing happens while another run makes it. A run that failed or was killed is taken up again
    once its claim is over; one that is refused is not.
    """
    if not DataExport.objects.due(at).filter(pk=export.pk).update(claimed_until=at + LEASE):
        return
    path = file_of(export)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_suffix(f".{os.getpid()}.partial")
    try:
        with os.fdopen(
            os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b"
        ) as file:
            rows = _write(file, export, at)
            file.flush()
            os.fsync(file.fileno())
        _open(export, unfinished, rows, at)
    except DomainError as refusal:
        _fail(_claimed(export, at), refusal.detail)
    finally:
        unfinished.unlink(missing_ok=True)


def _write(file: IO[bytes], export: DataExport, at: datetime) -> int | None:
    """Write the file; return the number of rows of a list."""
    if export.list_path:
        return write_sheet(file, export, at=at)
    write_archive(file, user=export.user, organization=export.organization, at=at)
    return None


def _claimed(export: DataExport, at: datetime) -> QuerySet[DataExport]:
    """Return it while the run that began at this moment holds it, nothing otherwise."""
    waiting = DataExport.objects.filter(status=DataExport.Status.WAITING)
    return waiting.filter(pk=export.pk, claimed_until=at + LEASE)


@transaction.atomic
def _open(export: DataExport, file: Path, rows: int | None, at: datetime) -> None:
    """Put the file in its place, unless the export was withdrawn, given up or claimed anew."""
    made = _claimed(export, at).select_for_update(of=("self",)).first()
    if made is None:
        return
    made.status = DataExport.Status.READY
    made.size, made.ready_at, made.expires_at = file.stat().st_size, at, at + KEPT
    made.row_count = rows
    made.save(update_fields=["status", "size", "ready_at", "expires_at", "row_count"])
    audit.record("data_export.ready", made, size=made.size)
    events.data_export_ended.send(DataExport, export=made)
    file.replace(file_of(made))


@transaction.atomic
def _fail(exports: QuerySet[DataExport], why: str) -> None:
    waiting = exports.filter(status=DataExport.Status.WAITING).select_for_update(of=("self",))
    for export in waiting.order_by("pk"):
        export.status, export.failure = DataExport.Status.FAILED, why[:200]
        export.save(update_fields=["status", "failure"])
        events.data_export_ended.send(DataExport, export=export)


def file_of(export: DataExport) -> Path:
    return Path(default_storage.path(export.path))


def waiting_exports(at: datetime) -> list[DataExport]:
    """Return those whose task was lost, and give up on those that failed for a day."""
    _fail(DataExport.objects.filter(created_at__lt=at - GIVEN_UP), GAVE_UP)
    return list(DataExport.objects.due(at).filter(created_at__lt=at - SOON))


def forget_expired(at: datetime) -> int:
    """Delete the files of exports whose week is over; return how many."""
    expired = list(DataExport.objects.filter(status=DataExport.Status.READY, expires_at__lte=at))
    return sum(_is_removed(partial(withdraw, export), export.path) for export in expired)


def forget_strays(at: datetime) -> int:
    """Delete the files that no export stands for any more; return how many.

    A killed run leaves its part of one, a failed commit a whole one. What is younger than a run may
    become is left alone: it is being written, or its export is not committed yet.
    """
    latest = (at - LEASE).timestamp()
    folder = file_of(DataExport()).parent
    old = [path for path in folder.glob(_FILES) if _written_at(path) < latest]
    living = [DataExport.Status.WAITING, DataExport.Status.READY]
    keys = DataExport.objects.filter(status__in=living).values_list("pk", flat=True)
    kept = {f"{key}.zip" for key in keys}
    strays = [path for path in old if path.name not in kept]
    return sum(_is_removed(partial(path.unlink, missing_ok=True), path.name) for path in strays)


def _is_removed(remove: Callable[[], None], name: str) -> bool:
    """Remove a file; one that resists is told of in the log and keeps no other from going."""
    try:
        remove()
    except OSError:
        logger.exception("data_export.file_left", file=name)
        return False
    return True


def withdraw(export: DataExport) -> None:
    """Take the file away. The row is first: a run that is about to end waits for it, or ended."""
    DataExport.objects.filter(pk=export.pk).update(status=DataExport.Status.EXPIRED)
    file_of(export).unlink(missing_ok=True)


@transaction.atomic
def withdraw_lists(user: User, organization_id: UUID) -> None:
    """Take away the lists that a person had written as a member: their role there is another."""
    lists = DataExport.objects.lists().filter(user=user, organization_id=organization_id)
    living = [DataExport.Status.WAITING, DataExport.Status.READY]
    withdrawn = list(lists.filter(status__in=living).select_for_update(of=("self",)))
    for export in withdrawn:
        export.status = DataExport.Status.EXPIRED
        export.save(update_fields=["status"])
        transaction.on_commit(partial(file_of(export).unlink, missing_ok=True))


def _written_at(path: Path) -> float:
    """Return when it was last written; one that is gone by now is no stray."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
