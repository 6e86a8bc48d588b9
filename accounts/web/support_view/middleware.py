"""While a member of staff looks: the request is the customer's, and it changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now

from accounts.models import Impersonation
from accounts.services.impersonation import ReadOnlyLook, end_look, live_look
from config.kit import context
from config.kit.problems import problem_response, wants_problem

SESSION_KEY = "impersonation"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
WAYS_OUT = frozenset({"support_view_end", "account_logout"})
# A POST that writes nothing but the look's own session.
SWITCH = "switch_organization"
# Pages that show a secret, or lead to one, without a POST.
CLOSED = (
    "mfa_", "account_", "socialaccount_", "openid_connect_", "github_", "google_", "microsoft_",
    "data_export_file", "device_authorization", "bridge",
)  # fmt: skip


class ImpersonationMiddleware:
    """Sets `request.impersonation`, and the customer as `request.user`, while a look goes on.

    Comes after the middleware that knows sessions: the customer's own list never shows this one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.impersonation = None  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if settings.BACKOFFICE or getattr(view, "hot_path", False):
            return None
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        key = request.session.get(SESSION_KEY)
        if key is None:
            return None
        look = live_look(key, at=now())
        name = request.resolver_match.url_name or ""
        if look is not None and not (name in WAYS_OUT and request.method == "POST"):
            return self._look(request, look, name)
        if look is not None:
            end_look(look, at=now())
        request.session.flush()
        return redirect("support_view_over")

    def _look(self, request: Any, look: Impersonation, name: str) -> HttpResponse | None:
        request.impersonation = look
        request.user = request._cached_user = look.user
        here = context.current()
        assert here is not None, "RequestContextMiddleware comes first"
        here.impersonator_id = str(look.staff_id)
        if request.method in SAFE and not name.startswith(CLOSED):
            return None
        if request.method == "POST" and name == SWITCH:
            return None
        refusal = ReadOnlyLook()
        if wants_problem(request):
            return problem_response(refusal)
        facts = {"detail": refusal.detail}
        return render(request, "errors/403.html", facts, status=refusal.status)
