"""Members and invitations of the current organization."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from accounts.api.listed import (
    CONFLICTS,
    IN_LISTS,
    OPTIONAL_KEY,
    PAGE,
    REFUSALS,
    ListedView,
    own,
    problems,
)
from accounts.api.team.serializers import (
    InvitationOutput,
    InvitedOutput,
    InviteInput,
    MemberOutput,
    RoleInput,
)
from accounts.models import Invitation, Membership
from accounts.services.factors import enrolled
from accounts.services.team import invitations, members

_LIMITED = problems(s429="Too many invitations or mails; see Retry-After.")


class TeamView(ListedView):
    """An API key acts with its scope, and never upon owners."""

    area: ClassVar[str] = "team"

    def allows(self, permission: str) -> bool:
        membership = getattr(self.request, "membership", None)
        return membership is not None and membership.allows(permission)

    @property
    def manages_owners(self) -> bool:
        return self.allows("manage_owners")

    def members(self) -> QuerySet[Membership]:
        rows = Membership.objects.for_organization(self.organization).select_related("user")
        return rows.annotate(second_factor=enrolled("user_id"))

    def member_output(self, rows: Any, *, many: bool = False) -> Any:
        manages = self.allows("manage_team")
        return MemberOutput(rows, many=many, context={"manages_team": manages}).data

    def invitations(self) -> QuerySet[Invitation]:
        rows = Invitation.objects.for_organization(self.organization)
        return rows.select_related("invited_by")


class MembersView(TeamView):
    @extend_schema(
        operation_id="organization_members_list",
        summary="Members, newest first",
        parameters=PAGE,
        responses={200: MemberOutput(many=True), **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        pages = self.pagination_class()
        found = pages.paginate_queryset(self.members(), request, view=self) or []
        return pages.get_paginated_response(self.member_output(found, many=True))


class MemberView(TeamView):
    needs: ClassVar = {"PATCH": "manage_team", "DELETE": "manage_team"}

    @extend_schema(summary="One member", responses={200: MemberOutput, **REFUSALS})
    def get(self, request: Any, membership_id: UUID) -> Response:
        return Response(self.member_output(own(self.members(), membership_id)))

    @extend_schema(
        summary="Change a member's role",
        description="Only owners appoint and demote owners; the last owner stays one.",
        request=RoleInput,
        responses={200: MemberOutput, **CONFLICTS},
    )
    def patch(self, request: Any, membership_id: UUID) -> Response:
        member = own(self.members(), membership_id)
        form = RoleInput(data=request.data)
        form.is_valid(raise_exception=True)
        members.change_role(
            member, role=form.validated_data["role"], manages_owners=self.manages_owners
        )
        return Response(self.member_output(own(self.members(), membership_id)))

    @extend_schema(
        summary="Remove a member",
        description="Their sessions and tokens open nothing of the organization any more.",
        responses={204: None, **CONFLICTS},
    )
    def delete(self, request: Any, membership_id: UUID) -> Response:
        member = own(self.members(), membership_id)
        members.remove_member(member, manages_owners=self.manages_owners)
        return Response(status=204)


class InvitationsView(TeamView):
    needs: ClassVar = {"GET": "manage_team", "POST": "manage_team"}

    @extend_schema(
        operation_id="organization_invitations_list",
        summary="Invitations, newest first",
        parameters=PAGE,
        responses={200: InvitationOutput(many=True), **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        return self.listed(self.invitations(), InvitationOutput)

    @extend_schema(
        summary="Invite up to 50 addresses",
        description=(
            "Each gets a mail with a link that works once, for seven days. The answer says of "
            "each address whether it was invited, is invited or is a member; never whether "
            "anybody has an account with it."
        ),
        parameters=[OPTIONAL_KEY],
        request=InviteInput,
        responses={201: InvitedOutput, **CONFLICTS, **_LIMITED},
    )
    def post(self, request: Any) -> HttpResponse:
        form = InviteInput(data=request.data)
        form.is_valid(raise_exception=True)
        return self.once(lambda: self._invite(form.validated_data))

    def _invite(self, wish: dict[str, Any]) -> Response:
        outcomes = invitations.invite(
            self.organization,
            **wish,
            by=self.person,
            manages_owners=self.manages_owners,
            at=now(),
        )
        return Response(InvitedOutput({"outcomes": outcomes}).data, status=201)


class InvitationView(TeamView):
    needs: ClassVar = {"GET": "manage_team"}

    @extend_schema(summary="One invitation", responses={200: InvitationOutput, **REFUSALS})
    def get(self, request: Any, invitation_id: UUID) -> Response:
        return Response(InvitationOutput(own(self.invitations(), invitation_id)).data)


class InvitationResendView(TeamView):
    needs: ClassVar = {"POST": "manage_team"}

    @extend_schema(
        summary="Send an invitation again",
        description="With a new link, good for seven days; the former link stops working.",
        parameters=[OPTIONAL_KEY],
        request=None,
        responses={
            200: InvitationOutput,
            **CONFLICTS,
            **_LIMITED,
            **problems(s410="It was withdrawn or used."),
        },
    )
    def post(self, request: Any, invitation_id: UUID) -> HttpResponse:
        invitation = own(self.invitations(), invitation_id)
        return self.once(lambda: self._resend(invitation))

    def _resend(self, invitation: Invitation) -> Response:
        invitations.resend(invitation, at=now())
        return Response(InvitationOutput(own(self.invitations(), invitation.pk)).data)


class InvitationRevokeView(TeamView):
    needs: ClassVar = {"POST": "manage_team"}

    @extend_schema(
        summary="Withdraw an invitation",
        description="Its link stops working at once. Doing it again changes nothing.",
        parameters=[OPTIONAL_KEY],
        request=None,
        responses={200: InvitationOutput, **CONFLICTS},
    )
    def post(self, request: Any, invitation_id: UUID) -> HttpResponse:
        invitation = own(self.invitations(), invitation_id)
        return self.once(lambda: self._revoke(invitation))

    def _revoke(self, invitation: Invitation) -> Response:
        invitations.revoke(invitation, at=now())
        return Response(InvitationOutput(own(self.invitations(), invitation.pk)).data)
