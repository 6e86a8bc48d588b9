"""The caller's own browser sessions: list, end one, end all others."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from accounts.api.base import OrganizationView
from accounts.api.listed import problems
from accounts.api.sessions.serializers import EndedOutput, SessionsOutput
from accounts.api.tokens.base import IsPerson
from accounts.services import sessions as service
from accounts.web.browsers import describe_session
from config.kit.errors import NotFound


class SessionsView(OrganizationView):
    permission_classes: ClassVar[list[Any]] = [IsPerson]

    @extend_schema(
        operation_id="me_sessions_list",
        summary="Browsers that are signed in as you",
        responses=SessionsOutput,
    )
    def get(self, request: Any) -> Response:
        current = request.session.session_key
        rows = service.sessions_of(request.user)
        shown = {"results": [describe_session(row, current) for row in rows]}
        return Response(SessionsOutput(shown).data)

    @extend_schema(
        operation_id="me_sessions_end_others",
        summary="Sign out every other browser",
        request=None,
        responses={200: EndedOutput},
    )
    def delete(self, request: Any) -> Response:
        ended = service.end_sessions(request.user, keep=request.session.session_key)
        return Response(EndedOutput({"ended": ended}).data)


class SessionView(OrganizationView):
    permission_classes: ClassVar[list[Any]] = [IsPerson]

    @extend_schema(
        operation_id="me_sessions_end",
        summary="Sign out one browser",
        request=None,
        responses={204: None, **problems(s404="Unknown, ended, or another person's.")},
    )
    def delete(self, request: Any, session: int) -> Response:
        if not service.end_session(request.user, session):
            raise NotFound
        return Response(status=204)
