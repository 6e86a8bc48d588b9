"""API sessions of the signed-in person: listed, ended; and what their clients report."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from accounts.api.listed import PAGE, problems
from accounts.api.tokens.base import PersonView
from accounts.api.tokens.serializers import (
    ApiSessionOutput,
    SyncEventOutput,
    SyncInput,
    SyncOutput,
)
from accounts.models import Membership, RefreshToken, SyncLog
from accounts.services import sync
from accounts.services.tokens import ending
from accounts.services.tokens.coding import AccessToken
from config.kit.errors import InvalidInput, NotFound

_PERSON = problems(
    s401="Nobody is signed in, or the token has ended.", s403="An API key is no person."
)


class LogoutView(PersonView):
    @extend_schema(
        operation_id="auth_logout",
        tags=["sign-in"],
        summary="End the session of this access token",
        description="The token itself and the session's refresh token are refused from now on.",
        request=None,
        responses={204: None, **_PERSON, **problems(s422="A website's session ends at /logout/.")},
    )
    def post(self, request: Any) -> Response:
        if not isinstance(request.auth, AccessToken):
            raise InvalidInput("Send the access token whose session shall end.")
        ending.log_out(request.user, request.auth, at=now())
        return Response(status=204)


class LogoutEverywhereView(PersonView):
    @extend_schema(
        operation_id="auth_logout_everywhere",
        tags=["sign-in"],
        summary="End all of the person's API sessions",
        description="Sessions of the website go on; they end at /sessions/.",
        request=None,
        responses={204: None, **_PERSON},
    )
    def post(self, request: Any) -> Response:
        ending.revoke_everything(request.user)
        return Response(status=204)


class SessionListView(PersonView):
    @extend_schema(
        operation_id="me_tokens_list",
        tags=["me"],
        summary="The person's API sessions, latest first",
        parameters=PAGE,
        responses={200: ApiSessionOutput(many=True), **_PERSON},
    )
    def get(self, request: Any) -> Response:
        pages = self.pagination_class()
        living = RefreshToken.objects.of_user(request.user).heads(now())
        found = pages.paginate_queryset(living, request, view=self) or []
        return pages.get_paginated_response(ApiSessionOutput(found, many=True).data)


class SessionView(PersonView):
    @extend_schema(
        operation_id="me_tokens_end",
        tags=["me"],
        summary="End one API session",
        responses={204: None, **_PERSON, **problems(s404="Unknown, ended, or another person's.")},
    )
    def delete(self, request: Any, family: UUID) -> Response:
        if not ending.end_session(request.user, family, at=now()):
            raise NotFound
        return Response(status=204)


class SyncView(PersonView):
    @extend_schema(
        operation_id="sync",
        tags=["sync"],
        summary="Report a client's events and learn what it must know",
        description="At most 100 events of at most 8 KB data each, 64 KB together. An event counts "
        "once by its `id`, however often it is sent; an empty list only asks.",
        request=SyncInput,
        responses={
            200: SyncOutput,
            **_PERSON,
            **problems(s413="The body is larger than 64 KB.", s422="An event is not valid."),
        },
    )
    def post(self, request: Any) -> Response:
        given = SyncInput(data=request.data)
        given.is_valid(raise_exception=True)
        taken = sync.take_events(
            request.user, [_event(fields) for fields in given.validated_data["events"]]
        )
        membership = request.membership
        document = {
            "accepted": taken.accepted,
            "known": taken.known,
            "cursor": taken.cursor,
            "server_time": now(),
            "me": request.user,
            "organization": _organization(membership) if membership else None,
            "organizations": [_organization(each) for each in request.memberships],
        }
        return Response(SyncOutput(document).data)


class SyncEventListView(PersonView):
    @extend_schema(
        operation_id="sync_events_list",
        tags=["sync"],
        summary="What the person's own clients reported, latest first",
        parameters=PAGE,
        responses={200: SyncEventOutput(many=True), **_PERSON},
    )
    def get(self, request: Any) -> Response:
        pages = self.pagination_class()
        rows = SyncLog.objects.filter(user=request.user)
        found = pages.paginate_queryset(rows, request, view=self) or []
        return pages.get_paginated_response(SyncEventOutput(found, many=True).data)


def _event(fields: dict[str, Any]) -> sync.Event:
    return sync.Event(
        event_id=fields["id"],
        event_type=fields["type"],
        event_source=fields["source"],
        data=fields["data"],
        success=fields["success"],
        error_message=fields["error_message"],
        occurred_at=fields["occurred_at"],
    )


def _organization(membership: Membership) -> dict[str, Any]:
    organization = membership.organization
    return {
        "id": organization.pk,
        "name": organization.name,
        "status": organization.status,
        "subscription_tier": organization.subscription_tier,
        "role": membership.role,
    }
