"""Doors need no credential; personal endpoints need a person, not a program."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.decorators import method_decorator
from rest_framework import permissions
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.tokens.serializers import TokensOutput
from accounts.rules.refusals import NeedsAPerson
from accounts.services.tokens.issuing import Issued
from config.kit.api import CursorPage, StrictSerializer


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class Door(APIView):
    """No transaction around the request: a refusal may have to write, and hashing takes long."""

    authentication_classes: tuple[Any, ...] = ()
    permission_classes = (permissions.AllowAny,)
    shape: type[StrictSerializer]

    def fields(self) -> dict[str, Any]:
        """Return the checked body."""
        given = self.shape(data=self.request.data)
        given.is_valid(raise_exception=True)
        found: dict[str, Any] = given.validated_data
        return found


class IsPerson(permissions.BasePermission):
    """Somebody signed in, in an organization or not; an API key is nobody."""

    def has_permission(self, request: Any, view: Any) -> bool:
        if getattr(request, "api_key", None) is not None:
            raise NeedsAPerson
        return bool(request.user.is_authenticated)


class PersonView(APIView):
    permission_classes = (IsPerson,)
    pagination_class = CursorPage


def tokens(issued: Issued) -> Response:
    return Response(
        TokensOutput(
            {
                "access_token": issued.access_token,
                "token_type": "Bearer",
                "expires_in": issued.expires_in,
                "refresh_token": issued.refresh_token,
                "session": issued.session,
                "session_ends_at": issued.session_ends_at,
            }
        ).data
    )
