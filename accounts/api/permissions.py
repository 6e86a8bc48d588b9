"""What a caller's role in the current organization allows."""

from __future__ import annotations

from typing import Any

from rest_framework import permissions


class IsMember(permissions.BasePermission):
    """A member of the current organization whose role holds what the view asks of the method.

    A view states `needs = {"POST": "buy"}`; methods it does not name need `view`.
    """

    def has_permission(self, request: Any, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        membership = getattr(request, "membership", None)
        if membership is None or not membership.organization.is_active:
            return False
        return bool(membership.allows(getattr(view, "needs", {}).get(request.method, "view")))
