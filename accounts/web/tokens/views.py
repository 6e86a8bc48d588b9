"""API sessions of the signed-in person, what their clients reported, and ending them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods

from accounts.models import RefreshToken, SyncLog
from accounts.services.tokens import ending
from accounts.web.browsers import browser_name
from config.kit.errors import NotFound
from config.kit.lists import ListPage, Tab


class TokenList(LoginRequiredMixin, ListPage):
    """Apps and programs that are signed in to the API as this person."""

    template_name = "accounts/tokens/token_list.html"
    file_name = "api-sessions"
    sorts: ClassVar = {
        "client": ("client_name", "id"),
        "began_at": ("began_at", "id"),
        "created_at": ("created_at", "id"),
    }
    columns: ClassVar = (
        ("App", lambda token: token.client_name),
        ("Signed in by", lambda token: token.get_origin_display()),
        ("Address", lambda token: token.ip),
        ("User agent", lambda token: token.user_agent),
        ("Signed in", lambda token: token.began_at),
        ("Last refreshed", lambda token: token.created_at),
        ("Ends unless refreshed", lambda token: token.expires_at),
        ("Ends in any case", lambda token: token.ends_at),
    )

    def rows(self) -> QuerySet[Any]:
        return RefreshToken.objects.of_user(self.request.user).heads(self.at)

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(Q(client_name__icontains=text) | Q(user_agent__icontains=text))


class ReportList(LoginRequiredMixin, ListPage):
    """What this person's own clients reported when they synchronized."""

    template_name = "accounts/tokens/report_list.html"
    file_name = "client-reports"
    columns: ClassVar = (
        ("Time", lambda row: row.created_at),
        ("Event", lambda row: row.event_type),
        ("Source", lambda row: row.event_source),
        ("Succeeded", lambda row: "yes" if row.success else "no"),
        ("Error", lambda row: row.error_message),
        ("Address", lambda row: row.client_ip),
        ("User agent", lambda row: row.user_agent),
        ("Event id", lambda row: row.event_id),
    )

    def rows(self) -> QuerySet[Any]:
        return SyncLog.objects.filter(user=self.request.user)

    def tabs(self) -> Sequence[Tab]:
        return (Tab("", "All"), Tab("failed", "Failed", Q(success=False)))

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(Q(event_type__icontains=text) | Q(event_source__icontains=text))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def end_token(request: Any, family: UUID) -> HttpResponse:
    """Ask, then end one API session."""
    living = RefreshToken.objects.of_user(request.user).heads(now())
    token = living.filter(family=family).first()
    if token is None:
        raise NotFound
    if request.method != "POST":
        facts = {"token": token, "program": browser_name(token.user_agent)}
        return render(request, "accounts/tokens/token_end.html", facts)
    ending.end_session(request.user, family, at=now())
    messages.success(request, f"{token.client_name} is signed out.")
    return redirect("tokens")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def end_tokens(request: Any) -> HttpResponse:
    """Ask, then end every API session of the person."""
    if request.method != "POST":
        return render(request, "accounts/tokens/tokens_end.html")
    ended = ending.revoke_everything(request.user)
    word = "app is" if ended == 1 else "apps are"
    messages.success(request, f"{ended} {word} signed out.")
    return redirect("tokens")
