"""The organization itself: what it is called, who owns it, its end; and the caller's others."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from accounts.api.base import OrganizationView
from accounts.api.listed import CONFLICTS, IN_LISTS, OPTIONAL_KEY, own
from accounts.api.serializers import OrganizationOutput
from accounts.api.team.serializers import (
    ConfirmInput,
    MemberOutput,
    MyOrganizationsOutput,
    NewOrganizationInput,
    OrganizationInput,
    TransferInput,
)
from accounts.api.team.views import TeamView
from accounts.middleware import memberships_of
from accounts.models import Membership
from accounts.services import closing, organizations
from accounts.services.team import members


def membership_of(request: Any) -> Membership:
    """Return the caller's membership: programs do not come in where one is needed."""
    membership: Membership = request.membership
    return membership


class AccountView(OrganizationView):
    area: ClassVar[str] = "account"


class OrganizationDetailView(AccountView):
    needs: ClassVar = {"PATCH": "manage_organization"}

    @extend_schema(
        summary="The current organization", responses={200: OrganizationOutput, **IN_LISTS}
    )
    def get(self, request: Any) -> Response:
        return Response(OrganizationOutput(self.organization).data)

    @extend_schema(
        summary="Change the organization's name and country",
        description="What is left out stays. Invoices keep the billing profile's own details.",
        request=OrganizationInput,
        responses={200: OrganizationOutput, **IN_LISTS},
    )
    def patch(self, request: Any) -> Response:
        form = OrganizationInput(data=request.data)
        form.is_valid(raise_exception=True)
        ours = self.organization
        wish = {"name": ours.name, "country": ours.country, **form.validated_data}
        changed = organizations.describe_organization(ours, **wish, at=now())
        return Response(OrganizationOutput(changed).data)


class OrganizationsView(OrganizationView):
    @extend_schema(
        operation_id="organizations_list",
        summary="The organizations that the caller belongs to, oldest first",
        description="For people only: an API key belongs to one organization.",
        responses={200: MyOrganizationsOutput, **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        memberships = memberships_of(membership_of(request).user)
        shown = MyOrganizationsOutput(
            {"results": memberships}, context={"current": self.organization.pk}
        )
        return Response(shown.data)

    @extend_schema(
        summary="Found another organization",
        description="The caller owns it. A session goes on acting for the current one.",
        parameters=[OPTIONAL_KEY],
        request=NewOrganizationInput,
        responses={201: OrganizationOutput, **CONFLICTS},
    )
    def post(self, request: Any) -> HttpResponse:
        form = NewOrganizationInput(data=request.data)
        form.is_valid(raise_exception=True)
        person = membership_of(request).user
        return self.once(lambda: self._found(person, form.validated_data))

    def _found(self, person: Any, wish: dict[str, Any]) -> Response:
        founded = organizations.found_organization(
            name=wish["name"], country=wish.get("country", ""), owner=person, at=now()
        )
        return Response(OrganizationOutput(founded).data, status=201)


class TransferView(TeamView):
    needs: ClassVar = {"POST": "transfer_ownership"}

    @extend_schema(
        summary="Transfer ownership",
        description="The member becomes an owner, the caller an admin. `confirm` is the name.",
        parameters=[OPTIONAL_KEY],
        request=TransferInput,
        responses={200: MemberOutput, **CONFLICTS},
    )
    def post(self, request: Any) -> HttpResponse:
        giver = membership_of(request)
        form = TransferInput(data=request.data)
        form.is_valid(raise_exception=True)
        heir = own(self.members(), form.validated_data["member"])
        return self.once(lambda: self._transfer(giver, heir, form.validated_data["confirm"]))

    def _transfer(self, giver: Membership, heir: Membership, confirm: str) -> Response:
        members.transfer_ownership(giver, to=heir, confirm=confirm)
        return Response(self.member_output(own(self.members(), heir.pk)))


class LeaveView(OrganizationView):
    @extend_schema(
        summary="Leave the organization",
        description="The last owner cannot.",
        request=None,
        responses={204: None, **CONFLICTS},
    )
    def post(self, request: Any) -> Response:
        members.leave(membership_of(request))
        return Response(status=204)


class CloseView(AccountView):
    needs: ClassVar = {"POST": "close_organization"}

    @extend_schema(
        summary="Close the organization",
        description=(
            "Refused while a subscription runs or an invoice is unpaid. Only support can "
            "restore it. `confirm` is the name."
        ),
        request=ConfirmInput,
        responses={204: None, **CONFLICTS},
    )
    def post(self, request: Any) -> Response:
        form = ConfirmInput(data=request.data)
        form.is_valid(raise_exception=True)
        closing.close_organization(self.organization, confirm=form.validated_data["confirm"])
        return Response(status=204)
