"""How an app says which of its tables the audit trail records, and how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Audited:
    """One table in the trail.

    `skip`: columns whose change alone leaves no row (a last-seen time).
    `mask`: secrets, shown as ***. `pii`: personal values, kept apart so that they can be erased;
    the trail holds a salted hash. `subject`: the column that names the person.
    `organization`: the column that names the tenant, empty when there is none.
    `internal`: never leaves in an export, as the notes of staff.
    """

    table: str
    key: str = "id"
    skip: tuple[str, ...] = ("updated_at",)
    mask: tuple[str, ...] = ()
    pii: tuple[str, ...] = ()
    subject: str = ""
    organization: str = "organization_id"
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Unaudited:
    """A table deliberately left out of the trail, with the reason.

    `subject` names the person whose rows belong into an export of their data, without `mask`.
    """

    table: str
    reason: str
    subject: str = ""
    mask: tuple[str, ...] = ()
