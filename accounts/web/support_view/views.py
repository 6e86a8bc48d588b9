"""The way into a look and out of it, on the customer site."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.services.impersonation import begin_look, read_token
from accounts.web.support_view.middleware import SESSION_KEY


@require_http_methods(["GET", "HEAD", "POST"])
def begin(request: Any) -> HttpResponse:
    """Ask on GET, so that a link that a program opens ahead uses nothing up; begin on POST."""
    if request.method != "POST":
        token = request.GET.get("token", "")[:500]
        read_token(token)
        return render(request, "accounts/support_view_begin.html", {"token": token})
    look = begin_look(read_token(request.POST.get("token", "")[:500]), at=now())
    # Whoever was signed in here is not any more: one browser is one person at a time.
    request.session.flush()
    request.session[SESSION_KEY] = str(look.pk)
    request.session.set_expiry(look.expires_at)
    return redirect("overview")


@require_POST
def end(request: Any) -> HttpResponse:
    """Answer a second press of the button: the middleware has ended the look by then."""
    return redirect("support_view_over")


@require_safe
def over(request: Any) -> HttpResponse:
    return render(
        request, "accounts/support_view_over.html", {"backoffice_url": settings.BACKOFFICE_URL}
    )
