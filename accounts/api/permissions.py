"""What a caller may do in the current organization: a member by role, a program by its scopes."""

from __future__ import annotations

from typing import Any

from rest_framework import permissions

from accounts.rules.refusals import InsufficientScope, NeedsAPerson
from accounts.rules.roles import OrganizationRole, organization_allows
from accounts.rules.scopes import scope_for


class IsMember(permissions.BasePermission):
    """A member of the current organization whose role holds what the view asks of the method.

    A view states `needs = {"POST": "buy"}`; methods it does not name need `view`. An API key
    needs the scope of the view's `area`, and never does what only an owner may.
    """

    def has_permission(self, request: Any, view: Any) -> bool:
        needed = getattr(view, "needs", {}).get(request.method, "view")
        key = getattr(request, "api_key", None)
        if key is not None:
            return _allows(key, request, view, needed)
        if not request.user.is_authenticated:
            return False
        membership = getattr(request, "membership", None)
        if membership is None or not membership.organization.is_active:
            return False
        return bool(membership.allows(needed))


def _allows(key: Any, request: Any, view: Any, needed: str) -> bool:
    area = getattr(view, "area", "")
    if not area or not organization_allows(OrganizationRole.ADMIN, needed):
        raise NeedsAPerson
    scope = scope_for(area, request.method)
    if scope not in key.scopes:
        raise InsufficientScope(scope)
    return bool(request.organization.is_active)
