"""Pages about members: the list, a role, a farewell, the hand-over of ownership."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.models import Membership
from accounts.services.factors import enrolled
from accounts.services.team import members
from accounts.web.access import member_required
from accounts.web.team.forms import RoleForm, TransferForm
from config.kit.errors import DomainError, NotFound
from config.kit.lists import ListPage, Tab
from config.kit.sheets import Column

_COLUMNS: Sequence[Column] = (
    ("E-mail", lambda member: member.user.email),
    ("First name", lambda member: member.user.first_name),
    ("Last name", lambda member: member.user.last_name),
    ("Role", lambda member: member.role),
    ("Second factor", lambda member: "on" if member.second_factor else "off"),
    ("Last active", lambda member: member.last_active_at),
    ("Joined", lambda member: member.created_at),
)


class MemberList(ListPage):
    """Everybody of the organization. Second factors and the CSV are for those who manage it."""

    template_name = "accounts/team/members.html"
    file_name = "members"
    default_sort = "name"
    sorts: ClassVar = {
        "name": ("user__first_name", "user__last_name", "user__email", "id"),
        "role": ("role", "created_at", "id"),
        "last_active_at": ("last_active_at", "id"),
        "created_at": ("created_at", "id"),
    }

    @property
    def columns(self) -> Sequence[Column]:
        return _COLUMNS if self.request.membership.allows("manage_team") else ()

    def rows(self) -> QuerySet[Any]:
        return Membership.objects.for_organization(self.request.organization)

    def tabs(self) -> Sequence[Tab]:
        roles = (
            (Membership.Role.OWNER, "Owners"),
            (Membership.Role.ADMIN, "Admins"),
            (Membership.Role.MEMBER, "Members"),
            (Membership.Role.READONLY, "Read only"),
        )
        shown = (Tab(role.value, label, Q(role=role)) for role, label in roles)
        return (Tab("", "Everybody"), *shown)

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        for word in text.split():
            rows = rows.filter(
                Q(user__email__icontains=word)
                | Q(user__first_name__icontains=word)
                | Q(user__last_name__icontains=word)
            )
        return rows

    def decorate(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("user").annotate(second_factor=enrolled("user_id"))

    def complete(self, shown: Sequence[Any]) -> None:
        me = self.request.membership
        manages = me.allows("manage_team") and self.request.organization.is_active
        for member in shown:
            member.is_me = member.pk == me.pk
            is_owner = member.role == Membership.Role.OWNER
            member.may_manage = manages and (not is_owner or me.allows("manage_owners"))

    def facts(self) -> dict[str, Any]:
        me = self.request.membership
        return {
            "may_manage": me.allows("manage_team"),
            "may_transfer": me.allows("transfer_ownership"),
        }


def _own(request: Any, key: UUID) -> Membership:
    rows = Membership.objects.for_organization(request.organization)
    found: Membership | None = rows.select_related("user", "organization").filter(pk=key).first()
    if found is None:
        raise NotFound
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("manage_team")
def role(request: Any, membership_id: UUID) -> HttpResponse:
    """Give a member another role."""
    member = _own(request, membership_id)
    manages_owners = request.membership.allows("manage_owners")
    posted = request.POST if request.method == "POST" else None
    form = RoleForm(posted, manages_owners=manages_owners, initial={"role": member.role})
    if form.is_bound and form.is_valid():
        chosen = form.cleaned_data["role"]
        try:
            changed = members.change_role(member, role=chosen, manages_owners=manages_owners)
        except DomainError as refusal:
            form.add_error(None, refusal.detail)
        else:
            label = changed.get_role_display().lower()
            messages.success(request, f"{member.user.full_name} is {label} now.")
            return redirect("team")
    return render(
        request,
        "accounts/team/member_role.html",
        {"form": form, "member": member},
        status=422 if form.is_bound else 200,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("manage_team")
def remove(request: Any, membership_id: UUID) -> HttpResponse:
    """Say what a member loses; then let them go."""
    member = _own(request, membership_id)
    if request.method != "POST":
        return render(request, "accounts/team/member_remove.html", {"member": member})
    members.remove_member(member, manages_owners=request.membership.allows("manage_owners"))
    messages.success(request, f"{member.user.full_name} is no longer a member.")
    return redirect("organizations" if member.pk == request.membership.pk else "team")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def leave(request: Any) -> HttpResponse:
    """Say what one loses; then go."""
    if request.method != "POST":
        return render(request, "accounts/team/leave.html")
    members.leave(request.membership)
    messages.success(request, f"You have left {request.organization}.")
    return redirect("organizations")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("transfer_ownership")
def transfer(request: Any) -> HttpResponse:
    """Hand ownership to another member and stay as an admin."""
    rows = Membership.objects.for_organization(request.organization).exclude(
        pk=request.membership.pk
    )
    heirs = list(rows.select_related("user", "organization"))
    form = TransferForm(request.POST or None, organization=request.organization, heirs=heirs)
    if form.is_bound and form.is_valid():
        heir = next(each for each in heirs if str(each.pk) == form.cleaned_data["member"])
        members.transfer_ownership(
            request.membership, to=heir, confirm=form.cleaned_data["confirm"]
        )
        messages.success(request, f"{heir.user.full_name} owns {request.organization} now.")
        return redirect("team")
    return render(
        request,
        "accounts/team/transfer.html",
        {"form": form, "heirs": heirs},
        status=422 if form.is_bound else 200,
    )
