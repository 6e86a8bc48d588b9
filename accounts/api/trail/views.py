"""The audit log for programs of the organization."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from accounts.api.listed import IN_LISTS, REFUSALS, ListedView
from accounts.api.trail.serializers import AuditLogOutput, AuditLogQuery
from accounts.services.reading import TrailFilter, entry_of, named, note_reading, trail_of
from config.kit.api import CursorPage


class TrailPage(CursorPage):
    ordering = ("-id",)


class AuditLogView(ListedView):
    area: ClassVar = "audit"
    needs: ClassVar[dict[str, str]] = {"GET": "view_audit"}
    pagination_class = TrailPage


class AuditLogListView(AuditLogView):
    @extend_schema(
        operation_id="audit_logs_list",
        summary="The audit log, newest first",
        description="Secrets show as `***`; personal values as the hash that stands in the log.",
        parameters=[AuditLogQuery],
        responses={200: AuditLogOutput(many=True), **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        asked = AuditLogQuery(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        known = {
            name: value
            for name, value in asked.validated_data.items()
            if name not in ("limit", "cursor")
        }
        note_reading(self.organization, at=now())
        rows = TrailFilter(**known).narrow(trail_of(self.organization), self.organization)
        pages = TrailPage()
        found = named(pages.paginate_queryset(rows, request, view=self) or [])
        return pages.get_paginated_response(AuditLogOutput(found, many=True).data)


class AuditLogDetailView(AuditLogView):
    @extend_schema(
        operation_id="audit_logs_retrieve",
        summary="One entry of the audit log",
        responses={200: AuditLogOutput, **REFUSALS},
    )
    def get(self, request: Any, entry_id: str) -> Response:
        entry = entry_of(self.organization, entry_id)
        note_reading(self.organization, at=now())
        return Response(AuditLogOutput(named([entry])[0]).data)
