"""The team: members, invitations, and the door that a link opens."""

from __future__ import annotations

from django.urls import path

from accounts.web.access import member_required
from accounts.web.team import invitations, members

urlpatterns = [
    path("team/", member_required()(members.MemberList.as_view()), name="team"),
    path(
        "team/invitations/",
        member_required("manage_team")(invitations.InvitationList.as_view()),
        name="team_invitations",
    ),
    path("team/invite/", invitations.invite, name="team_invite"),
    path(
        "team/invitations/<uuid:invitation_id>/resend/",
        invitations.resend,
        name="invitation_resend",
    ),
    path(
        "team/invitations/<uuid:invitation_id>/revoke/",
        invitations.revoke,
        name="invitation_revoke",
    ),
    path("team/members/<uuid:membership_id>/role/", members.role, name="member_role"),
    path("team/members/<uuid:membership_id>/remove/", members.remove, name="member_remove"),
    path("team/leave/", members.leave, name="team_leave"),
    path("team/transfer/", members.transfer, name="team_transfer"),
    path("invitations/<str:token>/", invitations.door, name="invitation"),
    path("invitations/<str:token>/sign-up/", invitations.sign_up, name="invitation_sign_up"),
    path(
        "organizations/invitations/<uuid:invitation_id>/accept/",
        invitations.accept,
        name="invitation_accept",
    ),
]
