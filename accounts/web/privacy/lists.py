"""Lists too long to be written while one waits: asked for, made by a worker, downloaded."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from accounts.models import DataExport
from accounts.services.privacy.exports import ExportWaiting, request_list
from config.kit.errors import InvalidInput, NotFound, RateLimited
from config.kit.lists import filters_of, list_at
from config.kit.live import live_part

SHOWN = 50
LONGEST = 2000
"""Characters that an address may have after its question mark."""


@login_required
@require_safe
def exports(request: Any) -> HttpResponse:
    """The files that this person had written of lists here, newest first."""
    return render(request, "accounts/exports/list.html", _facts(request))


@login_required
@require_safe
@live_part("exports")
def state(request: Any) -> HttpResponse:
    """Answer the page's question how they fare."""
    return render(request, "accounts/exports/table.html", _facts(request))


@login_required
@require_POST
def export_request(request: Any) -> HttpResponse:
    """`path` is a list's address, `query` its filters and order."""
    path, query = request.POST.get("path", ""), _filters(request.POST.get("query", ""))
    found = list_at(path)
    if found is None:
        raise NotFound
    name = found.func.view_class.file_name
    try:
        request_list(
            request.user, organization=request.organization, name=name, path=path, query=query
        )
    except (ExportWaiting, RateLimited) as refusal:
        messages.info(request, refusal.detail)
    else:
        messages.success(request, "The file is being made. You get a message once it is here.")
    return redirect("exports")


def _filters(text: str) -> str:
    """Return the filters in one spelling, so that the same question is known as the same."""
    filters = filters_of(QueryDict(text)) if len(text) <= LONGEST else text
    if len(filters) > LONGEST:
        raise InvalidInput(f"Filters may have {LONGEST:,} characters. Narrow them.")
    return filters


def _facts(request: Any) -> dict[str, Any]:
    at = now()
    rows = DataExport.objects.lists().within_reach(request.user, request.organization)
    shown = list(rows[:SHOWN])
    for export in shown:
        export.can_be_had = export.is_ready(at)
        export.address = f"{export.list_path}?{export.list_query}"
    waiting = any(export.status == DataExport.Status.WAITING for export in shown)
    return {"exports": shown, "is_waiting": waiting}
