"""Which person and organization a request acts for, and the back office's second factor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, Organization, User
from accounts.services.factors import has_second_factor
from accounts.services.sessions import MARK, note_visit
from accounts.services.team.members import note_active
from config.kit import context
from config.kit.hot import tell_limit
from config.kit.problems import wants_problem

GetResponse = Callable[[HttpRequest], HttpResponse]
SESSION_KEY = "organization_id"


class SessionActivityMiddleware:
    """Writes down when a session was last used, and turns away one that was ended."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        if getattr(view, "hot_path", False) or settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return
        if MARK not in request.session or not request.user.is_authenticated:
            return
        here = context.current()
        assert here is not None, "RequestContextMiddleware comes first"
        at = timezone.now()
        if not note_visit(request.session, ip=here.ip, user_agent=here.user_agent, at=at):
            logout(request)


class RateLimitMiddleware:
    """Tells a caller of the API what is left of their limit (accounts.api.throttling)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        rate = getattr(request, "rate", None)
        if rate is not None:
            tell_limit(response, rate.limit, rate.remaining, rate.reset)
        return response


class OrganizationMiddleware:
    """Sets `request.membership` and `request.organization` and opens that tenant for the wall.

    `request.memberships` has all of the person's, oldest first. Pages (not the API) tell the time
    in the person's own zone and write figures in their own way.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        timezone.deactivate()
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        request.memberships = []  # type: ignore[attr-defined]
        request.membership = request.organization = None  # type: ignore[attr-defined]
        if getattr(view, "hot_path", False) or carries_credential(request):
            return
        if not request.user.is_authenticated:
            return
        here = context.current()
        assert here is not None, "RequestContextMiddleware comes first"
        here.actor_kind, here.actor_id = "user", str(request.user.pk)
        if not wants_problem(request):
            timezone.activate(ZoneInfo(request.user.time_zone))
            here.locale = request.user.locale
        if settings.BACKOFFICE:
            if request.user.is_staff:
                here.impersonator_id = here.actor_id  # it stays so when they are staff no more
            return
        here.user_id = request.user.pk
        memberships = memberships_of(request.user)
        request.memberships = memberships  # type: ignore[attr-defined]
        membership = chosen_membership(memberships, request.session.get(SESSION_KEY))
        if membership is not None:
            here.organization_id = membership.organization_id
            request.membership = membership  # type: ignore[attr-defined]
            request.organization = membership.organization  # type: ignore[attr-defined]
            if getattr(request, "impersonation", None) is None:
                note_active(membership, at=timezone.now())


def carries_credential(request: HttpRequest) -> bool:
    """True for a call that brings a token or a key: whatever cookies say does not count then."""
    header = request.META.get("HTTP_AUTHORIZATION", "")
    return header[:7].lower() == "bearer " and wants_problem(request)


def memberships_of(user: Any) -> list[Membership]:
    """Return the person's memberships, oldest first, each knowing its user without a query.

    A closed organization looks unknown to its members.
    """
    rows = Membership.objects.filter(user=user).select_related("organization")
    memberships = list(
        rows.exclude(organization__status=Organization.Status.CLOSED).order_by("created_at")
    )
    for membership in memberships:
        membership.user = user
    return memberships


def chosen_membership(memberships: list[Membership], wanted: str | None) -> Membership | None:
    """Return the membership for the organization the session remembers, else the oldest one."""
    key = UUID(wanted) if wanted else None
    chosen = [membership for membership in memberships if membership.organization_id == key]
    return next(iter(chosen or memberships), None)


class StaffSecondFactorMiddleware:
    """Back office: staff without a second factor, or a session that skipped it, see nothing."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.BACKOFFICE and request.user.is_authenticated:
            refusal = self._refuse(request, request.user)
            if refusal is not None:
                return refusal
        return self.get_response(request)

    def _refuse(self, request: HttpRequest, user: Any) -> HttpResponse | None:
        if request.path.startswith(("/static/", "/accounts/", "/csp-report/")):
            return None
        if not isinstance(user, User) or not user.is_staff:
            return HttpResponseRedirect(reverse("backoffice_customers_only"))
        if not has_second_factor(user):
            return HttpResponseRedirect(reverse("mfa_activate_totp"))
        methods = {
            entry.get("method")
            for entry in request.session.get("account_authentication_methods", [])
        }
        if "mfa" not in methods:
            request.session.flush()
            return HttpResponseRedirect(reverse("account_login"))
        return None
