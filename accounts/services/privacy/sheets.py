"""The zip of a list: its rows as one CSV, as its page would show them to who asked."""

from __future__ import annotations

import io
from datetime import datetime
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from accounts.models import DataExport, Membership, Organization
from config.kit import context
from config.kit.errors import Forbidden
from config.kit.lists import write_list
from config.kit.sheets import ENCODING


def write_sheet(file: IO[bytes], export: DataExport, *, at: datetime) -> int:
    """Write the zip, a few thousand rows in memory at a time; return how many rows there were.

    Raises `Forbidden` and `NotFound` for what the person may see no more, and `ExportTooLarge`.
    """
    user, organization_id = export.user, export.organization_id
    who = {"actor_kind": "user", "actor_id": str(user.pk), "user_id": user.pk}
    with (
        context.acting(**who, organization_id=organization_id),
        timezone.override(ZoneInfo(user.time_zone)),
        transaction.atomic(),  # one moment for all rows, and a cursor of the server's
        ZipFile(file, "w", ZIP_DEFLATED) as archive,
        archive.open(f"{export.list_name}-{at:%Y-%m-%d}.csv", "w", force_zip64=True) as part,
        io.TextIOWrapper(part, ENCODING, newline="") as sheet,
    ):
        return write_list(
            sheet,
            path=export.list_path,
            query=export.list_query,
            user=user,
            membership=_membership(export),
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
