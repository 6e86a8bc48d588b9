"""Pages about invitations: who was asked, asking more, and the door at the end of the link."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST

from accounts.middleware import SESSION_KEY
from accounts.models import Invitation
from accounts.rules.team import InvitationExpired, InvitationOver
from accounts.services.team import invitations, reception
from accounts.web.access import member_required
from accounts.web.team import arrivals
from accounts.web.team.forms import InviteForm
from config.kit.errors import DomainError, NotFound
from config.kit.lists import ListPage, Tab

_ANSWERED = Q(accepted_at__isnull=False) | Q(revoked_at__isnull=False)


class InvitationList(ListPage):
    """Everybody who was invited, and what became of it."""

    template_name = "accounts/team/invitations.html"
    file_name = "invitations"
    sorts: ClassVar = {
        "email": ("email", "id"),
        "expires_at": ("expires_at", "id"),
        "created_at": ("created_at", "id"),
    }
    columns: ClassVar = (
        ("E-mail", lambda row: row.email),
        ("Role", lambda row: row.role),
        ("State", lambda row: row.state(now())),
        ("Invited by", lambda row: row.invited_by.email if row.invited_by else ""),
        ("Invited", lambda row: row.created_at),
        ("Sent", lambda row: row.sent_at),
        ("Expires", lambda row: row.expires_at),
        ("Accepted", lambda row: row.accepted_at),
        ("Revoked", lambda row: row.revoked_at),
    )

    def rows(self) -> QuerySet[Any]:
        return Invitation.objects.for_organization(self.request.organization)

    def tabs(self) -> Sequence[Tab]:
        return (
            Tab("", "All"),
            Tab("open", "Open", ~_ANSWERED & Q(expires_at__gt=self.at)),
            Tab("expired", "Expired", ~_ANSWERED & Q(expires_at__lte=self.at)),
            Tab("accepted", "Accepted", Q(accepted_at__isnull=False)),
            Tab("revoked", "Revoked", Q(revoked_at__isnull=False)),
        )

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(email__icontains=text)

    def decorate(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("invited_by")

    def complete(self, shown: Sequence[Any]) -> None:
        for invitation in shown:
            invitation.shown_state = invitation.state(self.at)
            invitation.can_change = invitation.shown_state in ("open", "expired")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("manage_team")
def invite(request: Any) -> HttpResponse:
    """Invite many addresses at once."""
    posted = request.POST if request.method == "POST" else None
    manages_owners = request.membership.allows("manage_owners")
    form = InviteForm(posted, manages_owners=manages_owners)
    if form.is_bound and form.is_valid():
        try:
            outcomes = invitations.invite(
                request.organization,
                **form.cleaned_data,
                by=request.user,
                manages_owners=manages_owners,
                at=now(),
            )
        except DomainError as refusal:
            form.add_error(None, refusal.detail)
        else:
            _tell(request, Counter(each.outcome for each in outcomes))
            return redirect("team_invitations")
    return render(
        request,
        "accounts/team/invite.html",
        {"form": form},
        status=422 if form.is_bound else 200,
    )


def _tell(request: Any, counts: Counter[str]) -> None:
    invited = counts[invitations.INVITED]
    if invited:
        noun = "invitation is" if invited == 1 else "invitations are"
        messages.success(request, f"{invited} {noun} on the way.")
    if counts[invitations.INVITED_BEFORE]:
        messages.info(request, f"{counts[invitations.INVITED_BEFORE]} invited before and open.")
    if counts[invitations.MEMBER_ALREADY]:
        messages.info(request, f"{counts[invitations.MEMBER_ALREADY]} in the team already.")


def _own(request: Any, key: UUID) -> Invitation:
    rows = Invitation.objects.for_organization(request.organization)
    found: Invitation | None = rows.filter(pk=key).first()
    if found is None:
        raise NotFound
    return found


@require_POST
@member_required("manage_team")
def resend(request: Any, invitation_id: UUID) -> HttpResponse:
    """Send a new link; refusals are told on the list."""
    invitation = _own(request, invitation_id)
    try:
        invitations.resend(invitation, at=now())
    except DomainError as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, f"A new link is on its way to {invitation.email}.")
    return redirect("team_invitations")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("manage_team")
def revoke(request: Any, invitation_id: UUID) -> HttpResponse:
    """Say that the link stops working; then withdraw the invitation."""
    invitation = _own(request, invitation_id)
    if request.method != "POST":
        return render(request, "accounts/team/invitation_revoke.html", {"invitation": invitation})
    invitations.revoke(invitation, at=now())
    messages.success(request, f"The invitation of {invitation.email} is withdrawn.")
    return redirect("team_invitations")


@require_http_methods(["GET", "HEAD", "POST"])
def door(request: Any, token: str) -> HttpResponse:
    """What the link in the mail opens: who invites to what, and the way in.

    It offers signing in and signing up to everybody alike, so that it tells nobody who has an
    account.
    """
    invited = reception.find_by_token(token)
    user = request.user
    if request.method == "POST" and user.is_authenticated:
        return _enter(request, invited)
    is_member = any(each.organization_id == invited.organization_id for each in request.memberships)
    if not invited.is_open(now()) and not is_member:
        raise InvitationExpired if _has_expired(invited) else InvitationOver
    facts = {
        "invited": invited,
        "token": token,
        "is_member": is_member,
        "is_theirs": user.is_authenticated and reception.owns_address(user, invited.email),
        "login_url": f"{reverse('account_login')}?{urlencode({'next': request.path})}",
    }
    is_for_another = user.is_authenticated and not facts["is_theirs"]
    status = 403 if is_for_another and not is_member else 200
    return render(request, "accounts/team/door.html", facts, status=status)


@require_POST
def sign_up(request: Any, token: str) -> HttpResponse:
    """Lead to the sign-up page with the invited address; whoever has the link has its mailbox."""
    invited = reception.find_by_token(token)
    if request.user.is_authenticated or not invited.is_open(now()):
        return redirect("invitation", token)
    arrivals.remember(request, token, invited)
    return redirect(f"{reverse('account_signup')}?{urlencode({'email': invited.email})}")


@login_required
@require_POST
def accept(request: Any, invitation_id: UUID) -> HttpResponse:
    """Accept an invitation that waits for one of the reader's confirmed addresses."""
    return _enter(request, reception.find_waiting(request.user, invitation_id, now()))


def _enter(request: Any, invited: reception.Invited) -> HttpResponse:
    membership = reception.accept(invited, user=request.user, at=now())
    request.session[SESSION_KEY] = str(membership.organization_id)
    messages.success(request, f"Welcome to {invited.organization_name}.")
    return redirect("overview")


def _has_expired(invited: reception.Invited) -> bool:
    return not (invited.accepted_at or invited.revoked_at)
