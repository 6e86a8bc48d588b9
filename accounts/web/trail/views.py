"""The audit log of the organization: who did what, and one entry before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.functional import cached_property
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from accounts.rules.trail import ROW_CHANGES, differences, noun_of
from accounts.services import audit
from accounts.services.audit_triggers import audited_tables
from accounts.services.reading import TrailFilter, entry_of, named, note_reading, trail_of
from accounts.web.access import member_required
from accounts.web.trail.forms import TrailForm
from config.kit.lists import ListPage, SheetRequest

NAMED_AT_ONCE = 2000


class TrailList(ListPage):
    """Everything that was done for the organization, newest first."""

    template_name = "accounts/trail/list.html"
    file_name = "audit-log"
    sorts: ClassVar = {"at": ("id",)}
    default_sort = "-at"
    size = 50
    may_be_long = True
    columns: ClassVar = (
        ("Entry", lambda row: row.pk),
        ("Time (UTC)", lambda row: row.at),
        ("Who", lambda row: row.who),
        ("What", lambda row: row.what),
        ("Action", lambda row: row.action),
        ("Object", lambda row: row.entity_type),
        ("Object id", lambda row: row.entity_id),
        ("Before", lambda row: _text(row.old_values)),
        ("After", lambda row: _text(row.new_values)),
        ("IP address", lambda row: row.from_ip),
        ("Browser", lambda row: row.from_agent),
        ("Request", lambda row: row.request_id),
    )

    def get(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if not isinstance(request, SheetRequest):
            note_reading(request.organization, at=self.at)
        return super().get(request, *args, **kwargs)

    @cached_property
    def form(self) -> TrailForm:
        return TrailForm(self.request.GET)

    @cached_property
    def wanted(self) -> TrailFilter:
        return self.form.wanted()

    def rows(self) -> QuerySet[Any]:
        organization = self.request.organization  # type: ignore[attr-defined]
        return self.wanted.narrow(trail_of(organization), organization)

    def complete(self, shown: Sequence[Any]) -> None:
        named(shown)

    def exported(self, rows: QuerySet[Any]) -> Iterator[Any]:
        found = iter(super().exported(rows))
        some = list(islice(found, NAMED_AT_ONCE))  # settled before the trail gets one entry more
        audit.record(
            "audit_log.exported", self.request.organization,  # type: ignore[attr-defined]
            rows=rows.count(), filtered=bool(self.wanted),
        )  # fmt: skip
        while some:
            yield from named(some)
            some = list(islice(found, NAMED_AT_ONCE))

    def facts(self) -> dict[str, Any]:
        tables = sorted({each.table for each in audited_tables() if each.organization})
        return {
            "form": self.form,
            "filtered": bool(self.wanted),
            "objects": [(table, noun_of(table).capitalize()) for table in tables],
        }


@require_safe
@member_required("view_audit")
def entry(request: Any, entry_id: str) -> HttpResponse:
    """One entry with its values side by side."""
    (found,) = named([entry_of(request.organization, entry_id)])
    note_reading(request.organization, at=now())
    rows = differences(found.old_values, found.new_values)
    facts = {"entry": found, "rows": rows, "is_change": found.action in ROW_CHANGES}
    return render(request, "accounts/trail/entry.html", facts)


def _text(values: Any) -> str:
    pairs = differences(None, values)
    return "; ".join(f"{pair.field}: {pair.after}" for pair in pairs)
