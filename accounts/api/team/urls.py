"""The API of the organization, its members and its invitations."""

from __future__ import annotations

from django.urls import path

from accounts.api.team import organizations, views

urlpatterns = [
    path("organizations", organizations.OrganizationsView.as_view(), name="api_organizations"),
    path("organization", organizations.OrganizationDetailView.as_view(), name="api_organization"),
    path(
        "organization/transfer",
        organizations.TransferView.as_view(),
        name="api_organization_transfer",
    ),
    path("organization/leave", organizations.LeaveView.as_view(), name="api_organization_leave"),
    path("organization/close", organizations.CloseView.as_view(), name="api_organization_close"),
    path("organization/members", views.MembersView.as_view(), name="api_members"),
    path(
        "organization/members/<uuid:membership_id>",
        views.MemberView.as_view(),
        name="api_member",
    ),
    path("organization/invitations", views.InvitationsView.as_view(), name="api_invitations"),
    path(
        "organization/invitations/<uuid:invitation_id>",
        views.InvitationView.as_view(),
        name="api_invitation",
    ),
    path(
        "organization/invitations/<uuid:invitation_id>/resend",
        views.InvitationResendView.as_view(),
        name="api_invitation_resend",
    ),
    path(
        "organization/invitations/<uuid:invitation_id>/revoke",
        views.InvitationRevokeView.as_view(),
        name="api_invitation_revoke",
    ),
]
