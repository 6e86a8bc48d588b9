"""The zip of a list: its rows as one CSV, as its page would show them to who asked."""

from __future__ import annotations

import io
from datetime import datetime
from typing import IO, TextIO
from zipfile import ZIP_DEFLATED, ZipFile
from zoneinfo import ZoneInfo

from django.utils import timezone

from accounts.models import DataExport, Membership, Organization
from config.kit import context
from config.kit.errors import Forbidden
from config.kit.lists import SheetRequest, ask_list
from config.kit.sheets import ENCODING


def write_sheet(file: IO[bytes], export: DataExport, *, at: datetime) -> int:
    """Write the zip, a few thousand rows in memory at a time; return how many rows there were.

    Ranges and states count from the moment in which it was asked for. Not inside a transaction:
    the trail waits with its seals for one that has written. Raises `Forbidden` and `NotFound` for
    what the person may see no more, and `ExportTooLarge`.
    """
    user = export.user
    who = {"actor_kind": "user", "actor_id": str(user.pk), "user_id": user.pk}
    with (
        context.acting(**who, organization_id=export.organization_id),
        timezone.override(ZoneInfo(user.time_zone)),
        ZipFile(file, "w", ZIP_DEFLATED) as archive,
        archive.open(f"{export.list_name}-{at:%Y-%m-%d}.csv", "w", force_zip64=True) as part,
        io.TextIOWrapper(part, ENCODING, newline="") as sheet,
    ):
        return ask_list(_request(export, sheet, _membership(export)))


def require_list(export: DataExport, membership: Membership | None) -> None:
    """Raise `Forbidden` or `NotFound` when the page of the list would refuse the person now."""
    ask_list(_request(export, None, membership))


def _request(
    export: DataExport, sheet: TextIO | None, membership: Membership | None
) -> SheetRequest:
    return SheetRequest(
        sheet,
        path=export.list_path,
        query=export.list_query,
        at=export.created_at,
        user=export.user,
        membership=membership,
    )


def _membership(export: DataExport) -> Membership | None:
    if not export.user.is_active:
        raise Forbidden
    if export.organization_id is None:
        return None
    own = Membership.objects.for_organization(export.organization_id).filter(user=export.user)
    open_ones = own.exclude(organization__status=Organization.Status.CLOSED)
    found: Membership | None = open_ones.select_related("organization", "user").first()
    if found is None:
        raise Forbidden
    return found
