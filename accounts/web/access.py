"""Who may open a page: signed in, in an organization, with a role that allows it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from config.kit.errors import Forbidden

View = Callable[..., HttpResponse]


class NoOrganization(Forbidden):
    code = "no_organization"
    message = "Your account belongs to no organization. Ask a colleague to invite you."


def member_required(permission: str = "view") -> Callable[[View], View]:
    """Send strangers to the login page and who belongs to none to the list of organizations.

    Members whose role lacks `permission` are refused.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if request.membership is None:
                return redirect("organizations")
            require(request, permission)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def require(request: HttpRequest, permission: str) -> None:
    """Raise `Forbidden` unless the member's role allows `permission` in an active organization."""
    membership = getattr(request, "membership", None)
    if membership is None:
        raise NoOrganization
    if permission != "view" and not membership.organization.is_active:
        raise Forbidden("This organization is suspended. Write to support to go on.")
    if not membership.allows(permission):
        raise Forbidden
