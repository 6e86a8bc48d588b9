"""Where one is signed in, and ending it elsewhere."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.services import sessions as service
from accounts.web.browsers import describe_session
from config.kit.errors import NotFound


@require_GET
@login_required
def sessions(request: Any) -> HttpResponse:
    """All live sessions, this one named."""
    current = request.session.session_key
    shown = [describe_session(row, current) for row in service.sessions_of(request.user)]
    facts = {"sessions": shown, "others": sum(not entry["is_current"] for entry in shown)}
    return render(request, "accounts/sessions.html", facts)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def end_session(request: Any, session: int) -> HttpResponse:
    """Ask, then end one session; ending this one signs out."""
    row = service.sessions_of(request.user).filter(pk=session).first()
    if row is None:
        raise NotFound
    shown = describe_session(row, request.session.session_key)
    if request.method != "POST":
        return render(request, "accounts/session_end.html", {"session": shown})
    service.end_session(request.user, row.pk)
    if shown["is_current"]:
        logout(request)
        return redirect("account_login")
    messages.success(request, f"{shown['browser']} is signed out.")
    return redirect("sessions")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def end_others(request: Any) -> HttpResponse:
    """Ask, then end every session but this one."""
    if request.method != "POST":
        return render(request, "accounts/sessions_end.html")
    ended = service.end_sessions(request.user, keep=request.session.session_key)
    word = "session is" if ended == 1 else "sessions are"
    messages.success(request, f"{ended} other {word} signed out.")
    return redirect("sessions")
