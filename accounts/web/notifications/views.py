"""Pages of a person's notifications: the feed, reading, and the rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import Notification
from accounts.services.notifications import reading
from accounts.web.access import member_required
from accounts.web.notifications.forms import RulesForm
from config.kit.errors import NotFound
from config.kit.lists import ListPage, Tab


class Feed(ListPage):
    """What the person is to know, the newest first."""

    template_name = "accounts/notifications/feed.html"
    file_name = "notifications"
    columns: ClassVar = (
        ("When", lambda row: row.created_at),
        ("Kind", lambda row: row.label),
        ("Severity", lambda row: row.severity),
        ("Title", lambda row: row.title),
        ("Text", lambda row: row.text),
        ("Read", lambda row: row.is_read),
    )

    def rows(self) -> QuerySet[Any]:
        me = self.request.membership
        return reading.visible_to(me).with_read(me.user_id)

    def tabs(self) -> Sequence[Tab]:
        return (Tab("", "All"), Tab("unread", "New", Q(is_read=False)))

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(Q(title__icontains=text) | Q(text__icontains=text))

    def facts(self) -> dict[str, Any]:
        return {"unread_total": reading.count_unread(self.request.membership)}


@require_GET
@member_required()
def open_notification(request: Any, notification_id: UUID) -> HttpResponse:
    """Note that it was read, unless support looks, and go where it leads."""
    notification = _own(request, notification_id)
    if request.impersonation is None:
        reading.mark_read(request.membership, notification=notification)
    return redirect(notification.url or "notifications")


@require_POST
@member_required()
def read(request: Any, notification_id: UUID) -> HttpResponse:
    reading.mark_read(request.membership, notification=_own(request, notification_id))
    return redirect("notifications")


@require_POST
@member_required()
def read_all(request: Any) -> HttpResponse:
    count = reading.mark_all_read(request.membership)
    messages.success(request, f"{count} marked as read." if count else "Nothing was new.")
    return redirect("notifications")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def rules(request: Any) -> HttpResponse:
    """How each kind reaches this person."""
    return _rules(request, everybody=False)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("manage_organization")
def rules_everybody(request: Any) -> HttpResponse:
    """How each kind reaches those who made no rule of their own."""
    return _rules(request, everybody=True)


def _rules(request: Any, *, everybody: bool) -> HttpResponse:
    me = request.membership
    form = RulesForm(
        request.POST if request.method == "POST" else None,
        kinds=reading.ruled_kinds(me),
        chosen=reading.rules_of(me, everybody=everybody),
        everybody=everybody,
    )
    if form.is_bound and form.is_valid():
        reading.set_rules(me, chosen=form.channels(), everybody=everybody)
        messages.success(request, "The rules are saved.")
        return redirect("notification_rules_everybody" if everybody else "notification_rules")
    facts = {
        "form": form,
        "everybody": everybody,
        "own": not everybody,
        "action": request.path,
        "may_manage": me.allows("manage_organization"),
    }
    status = 422 if form.is_bound else 200
    return render(request, "accounts/notifications/rules.html", facts, status=status)


def _own(request: Any, notification_id: UUID) -> Notification:
    rows = reading.visible_to(request.membership)
    found: Notification | None = rows.filter(pk=notification_id).first()
    if found is None:
        raise NotFound
    return found
