"""Copies of data: asked for, waited for, downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from accounts.models import DataExport
from accounts.services import audit
from accounts.services.privacy import request_export
from accounts.services.privacy.exports import ExportWaiting, file_of
from accounts.services.privacy.sheets import require_list
from accounts.web.access import require
from config.kit.errors import InvalidInput, NotFound, RateLimited
from config.kit.live import live_page

SHOWN = 20


@login_required
@require_safe
@live_page
def data_exports(request: Any) -> HttpResponse:
    """The person's own copies, and those of the organization for its owners."""
    at = now()
    exports = list(_visible(request).select_related("organization", "user")[:SHOWN])
    for export in exports:
        export.can_be_had = export.is_ready(at)
    facts = {
        "exports": exports,
        "is_waiting": any(export.status == DataExport.Status.WAITING for export in exports),
        "may_export_organization": _may_export(request),
    }
    return render(request, "accounts/privacy/exports.html", facts)


@login_required
@require_POST
def data_export_request(request: Any) -> HttpResponse:
    """`about` is person or organization."""
    about = request.POST.get("about", "person")
    if about not in ("person", "organization"):
        raise InvalidInput("Say whose data: yours, or the organization's.")
    if about == "organization":
        require(request, "export_organization")
    try:
        request_export(
            request.user, organization=request.organization if about == "organization" else None
        )
    except (ExportWaiting, RateLimited) as refusal:
        messages.info(request, refusal.detail)
    else:
        messages.success(request, "The copy is being made. It is here for a week once ready.")
    return redirect("data_exports")


@login_required
@require_safe
def data_export_file(request: Any, export_id: UUID) -> Any:
    """The zip itself; every download is written down."""
    found = DataExport.objects.within_reach(request.user, request.organization)
    export = found.filter(pk=export_id).first()
    if export is None:
        raise NotFound
    if export.list_path:
        require_list(export, request.membership)
    elif export.organization_id is not None:
        require(request, "export_organization")
    if not export.is_ready(now()) or not file_of(export).exists():
        raise NotFound("This copy is not here, or not any more. Ask for a new one.")
    audit.record("data_export.downloaded", export)
    name = f"{export.list_name or 'switchyard-data'}-{export.ready_at:%Y-%m-%d}.zip"
    return StreamingHttpResponse(
        _chunks(file_of(export)),
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(file_of(export).stat().st_size),
        },
    )


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(64 * 1024):
            yield chunk


def _may_export(request: Any) -> bool:
    membership = request.membership
    return membership is not None and membership.allows("export_organization")


def _visible(request: Any) -> QuerySet[DataExport]:
    organization = request.organization if _may_export(request) else None
    return DataExport.objects.copies().within_reach(request.user, organization)
