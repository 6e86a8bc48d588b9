"""The zip of an export: each table as CSV and as JSON, and the trail, in plain words inside."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

import orjson
from django.conf import settings

from accounts.models import Organization, User
from accounts.services.privacy.holdings import (
    holdings_of_organization,
    holdings_of_person,
    internal_tables,
    stream,
)
from config.kit.sheets import harmless

Rows = Callable[[], Iterable[dict[str, Any]]]

# Support acted, a customer may know, but not who and from where (accounts.services.reading). What
# a person did who is staff themselves stays theirs.
_TRAIL = (
    "SELECT id, at, CASE WHEN by_staff THEN 'staff' ELSE actor_kind END AS actor_kind,"
    " CASE WHEN by_staff IS NOT TRUE THEN actor_id END AS actor_id,"
    " organization_id, action, entity_type, entity_id, {values},"
    " CASE WHEN by_staff IS NOT TRUE THEN host(ip) END AS ip,"
    " CASE WHEN by_staff IS NOT TRUE THEN user_agent END AS user_agent, request_id"
    " FROM audit.logs, LATERAL (SELECT coalesce(impersonator_id, actor_id) <> %s"
    " AND (impersonator_id IS NOT NULL OR actor_kind = 'user' AND actor_id IN"
    " (SELECT id::text FROM accounts_user WHERE role <> 'customer')) AS by_staff) AS seen"
)
# What a person did for an organization is theirs to know; what its objects held is not.
_ABOUT_PERSON = _TRAIL.format(
    values="CASE WHEN entity_type = 'accounts_user' THEN old_values END AS old_values,"
    " CASE WHEN entity_type = 'accounts_user' THEN new_values END AS new_values"
) + (" WHERE actor_id = %s OR (entity_type = 'accounts_user' AND entity_id = %s)")
_OF_ORGANIZATION = _TRAIL.format(values="old_values, new_values") + " WHERE organization_id = %s"
_CLEAR = (
    "SELECT entity_type, column_name, value, created_at FROM audit.pii WHERE subject_id = %s"
    " AND entity_type <> ALL (%s)"
)
_README = """{site}: a copy of the data kept about {whom}, made {at:%Y-%m-%d %H:%M} UTC.

Each table is here twice, with the same rows: as CSV for people, as JSON for programs.
audit_log is the trail of what was done{trail}. Where its actor_kind is staff,
our support acted; who, and from where, is left blank. Secrets such as passwords are never part of
an export: they show as ***. Pictures and other binary values are written in base64.
"""


def write_archive(
    file: IO[bytes], *, user: User, organization: Organization | None, at: datetime
) -> None:
    """Write the zip, one row in memory at a time, however many there are."""
    parts = _of_organization(organization) if organization else _of_person(user)
    whom = f"the organization {organization.name}" if organization else user.email
    trail = "" if organization else " by or to this account; personal_values what it said"
    about = _README.format(site=settings.SITE_NAME, whom=whom, at=at, trail=trail)
    # Sizes are known afterwards only: without zip64, a table of more than 2 GiB would fail.
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", about)
        for name, rows in parts:
            with archive.open(f"{name}.json", "w", force_zip64=True) as part:
                _write_json(part, rows())
            with archive.open(f"{name}.csv", "w", force_zip64=True) as part:
                _write_csv(part, rows())


def _of_person(user: User) -> Iterator[tuple[str, Rows]]:
    for holding in holdings_of_person(user):
        yield f"{holding.table}", holding.rows
    key = str(user.pk)
    yield "audit_log", lambda: stream(f"{_ABOUT_PERSON} ORDER BY id", [key, key, key])
    yield (
        "personal_values",
        lambda: stream(f"{_CLEAR} ORDER BY created_at, id", [key, internal_tables()]),
    )


def _of_organization(organization: Organization) -> Iterator[tuple[str, Rows]]:
    for holding in holdings_of_organization(organization):
        yield f"{holding.table}", holding.rows
    yield "audit_log", lambda: stream(f"{_OF_ORGANIZATION} ORDER BY id", ["", organization.pk])


def _write_json(part: IO[bytes], rows: Iterable[dict[str, Any]]) -> None:
    part.write(b"[")
    for number, row in enumerate(rows):
        part.write(b",\n" if number else b"\n")
        part.write(orjson.dumps(row, default=_plain))
    part.write(b"\n]\n")


def _write_csv(part: IO[bytes], rows: Iterable[dict[str, Any]]) -> None:
    text = io.TextIOWrapper(part, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    for number, row in enumerate(rows):
        if number == 0:
            writer.writerow(row)
        writer.writerow([_cell(value) for value in row.values()])
    text.flush()
    text.detach()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return orjson.dumps(value, default=_plain).decode()
    return harmless(_plain(value) if isinstance(value, bytes | memoryview) else value)


def _plain(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    return str(value)
